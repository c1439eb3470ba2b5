// Clients that show what goes over the wire and when: a bare socket, and
// HTTP/2.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { after } from './after.mjs';
import { KEY } from './gateway.mjs';
import { sanitized } from './process.mjs';

const PATIENCE = sanitized ? 40000 : 15000;

// Fails when `promise` takes too long; generous, it is no measurement. `what` is
// a text or a function that gives it.
export function within(promise, what, ms = PATIENCE) {
  let timer;
  const say = () => (typeof what === 'function' ? what() : what);
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`waited in vain for ${say()}`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Asks again until it is so; for what no event tells of.
export async function eventually(condition, what, ms = PATIENCE) {
  for (const end = Date.now() + ms; ; await new Promise((done) => setTimeout(done, 10))) {
    if (await condition()) return;
    if (Date.now() > end) assert.fail(`waited in vain for ${what}`);
  }
}

export const chatBody = (model, more = {}) => JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }], ...more });

// A request as text; `headers` replace what is usually there, null leaves out.
export function post(body, headers = {}, { path = '/v1/chat/completions', method = 'POST', version = '1.1' } = {}) {
  const fields = {
    host: 'gateway.test',
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(fields).filter(([, value]) => value !== null);
  return `${method} ${path} HTTP/${version}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

export class Wire {
  static async connect(t, port, { secure } = {}) {
    const socket = secure ? tls.connect({ port, host: '127.0.0.1', ...secure }) : net.connect({ port, host: '127.0.0.1', noDelay: true });
    const wire = new Wire(socket);
    after(t, () => socket.destroy());
    await within(new Promise((done, fail) => socket.once(secure ? 'secureConnect' : 'connect', done).once('error', fail)), 'a connection');
    return wire;
  }

  constructor(socket) {
    this.socket = socket;
    this.input = ''; // not yet taken
    this.watchers = new Set();
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    const tell = () => {
      for (const watcher of this.watchers) watcher();
    };
    socket.on('data', (data) => {
      this.input += data;
      tell();
    });
    this.closed = new Promise((done) => {
      for (const event of ['end', 'close']) {
        socket.once(event, () => {
          this.over = true;
          tell();
          done();
        });
      }
    });
  }

  send(text) {
    return new Promise((done) => this.socket.write(text, done));
  }

  // Waits for `pattern` in what has come and is not yet taken.
  async until(pattern, ms) {
    await within(this.watch(() => this.input.search(pattern) >= 0), () => `${pattern}, not in: ${this.input.slice(-500)}`, ms);
  }

  watch(condition) {
    return new Promise((done) => {
      const look = () => {
        if (!condition()) return;
        this.watchers.delete(look);
        done();
      };
      this.watchers.add(look);
      look();
    });
  }

  take(length) {
    const text = this.input.slice(0, length);
    this.input = this.input.slice(length);
    return text;
  }

  async line() {
    await this.until(/\r\n/);
    return this.take(this.input.indexOf('\r\n') + 2).slice(0, -2);
  }

  async exactly(length) {
    await within(this.watch(() => this.input.length >= length || this.over), `${length} bytes`);
    assert.ok(this.input.length >= length, `the connection was closed: ${this.input}`);
    return this.take(length);
  }

  // The next response; `method` HEAD has none but the head. The body as UTF-8.
  async response({ method = 'POST' } = {}) {
    const [version, status] = (await this.line()).split(' ');
    const headers = {};
    for (let line; (line = await this.line()) !== ''; ) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    let body = '';
    if (method === 'HEAD' || status < 200 || status === '204') {
      // nothing follows
    } else if (headers['transfer-encoding'] === 'chunked') {
      for (let size; (size = parseInt(await this.line(), 16)) > 0; ) {
        body += await this.exactly(size);
        await this.line();
      }
      await this.line();
    } else if (headers['content-length'] !== undefined) {
      body = await this.exactly(Number(headers['content-length']));
    } else {
      await within(this.closed, 'the end of the connection');
      body = this.take(this.input.length);
    }
    return { version, status: Number(status), headers, body: Buffer.from(body, 'latin1').toString('utf8') };
  }

  fin() {
    this.socket.end();
  }

  // RST where there is one.
  reset() {
    this.socket.resetAndDestroy();
  }
}

export class Http2 {
  static async connect(t, port, { secure } = {}) {
    const client = new Http2(http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, { ...secure }));
    after(t, () => client.session.destroy());
    await within(new Promise((done, fail) => client.session.once('connect', done).once('error', fail)), 'an HTTP/2 session');
    return client;
  }

  constructor(session) {
    this.session = session;
    session.on('error', () => {});
  }

  // A stream with `head`, `text` so far, and promises of both.
  request(body, headers = {}) {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': '/v1/chat/completions',
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      ...headers,
    });
    const call = { stream, text: '' };
    stream.setEncoding('utf8');
    stream.on('error', () => {});
    call.head = new Promise((done) => stream.once('response', done));
    call.first = new Promise((done) => stream.once('data', done));
    stream.on('data', (part) => (call.text += part));
    call.done = new Promise((done) => stream.once('close', () => done({ code: stream.rstCode, text: call.text })));
    if (body === null) stream.write('{"model":'); // the rest never comes
    else stream.end(body);
    return call;
  }
}

// Open sockets of a process: kernel objects, so nothing can hide there.
export function socketsOf(pid) {
  return fs
    .readdirSync(`/proc/${pid}/fd`)
    .map((fd) => {
      try {
        return fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return ''; // closed in between
      }
    })
    .filter((target) => target.startsWith('socket:')).length;
}

// Connections on their way to a local port whose SYN nobody has answered.
export function connectingTo(port) {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const SYN_SENT = '02';
  const rows = fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  return rows.map((row) => row.trim().split(/\s+/)).filter(([, , to, state]) => to === remote && state === SYN_SENT).length;
}

// Connections to a local port that its server has accepted and not closed.
export function acceptedOn(port) {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const [ESTABLISHED, CLOSE_WAIT] = ['01', '08'];
  const rows = fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1, -1).map((row) => row.trim().split(/\s+/));
  return rows.filter(([, at, , state, , , , , , inode]) => at.endsWith(local) && inode !== '0' && [ESTABLISHED, CLOSE_WAIT].includes(state)).length;
}

// Resident memory of a process in kilobytes, now and at its peak.
const statusOf = (pid, field) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
export const memoryOf = (pid) => statusOf(pid, 'VmRSS');
export const peakOf = (pid) => statusOf(pid, 'VmHWM');
export const resetPeak = (pid) => fs.writeFileSync(`/proc/${pid}/clear_refs`, '5');

// A generous bound for what some connections' buffers may cost.
export function assertNotGrown(pid, before, bound = 4096, now = memoryOf) {
  // A sanitizer keeps what was freed.
  if (/lib\S*asan/.test(fs.readFileSync(`/proc/${pid}/maps`, 'utf8'))) return;
  const grown = now(pid) - before;
  assert.ok(grown < bound, `the worker has grown by ${grown} kB`);
}
