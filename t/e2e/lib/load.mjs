// Streaming clients that keep a gateway busy while something happens to it, and
// tell afterwards what has become of each stream.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawProvider } from '../../mock/raw.mjs';
import { after } from './after.mjs';
import { FORMATS, provider } from './faulty.mjs';
import { Gateway } from './gateway.mjs';
import { authorized } from './http.mjs';
import { Numbered, sayNumbered } from './numbered.mjs';
import { freePort } from './port.mjs';
import { within } from './wire.mjs';

const TOKENS = 50;
const PAUSE = 30; // between two of them, in ms

// A stream's bytes on a connection of its own; `begun` has the head. Ends when
// the answer does, in whatever way.
const ways = {
  'HTTP/1.1': (port1, port2, body, begun, data) =>
    new Promise((done) => {
      const options = { port: port1, host: '127.0.0.1', method: 'POST', path: '/v1/chat/completions', agent: false, headers: authorized() };
      const req = http.request(options, (answer) => {
        begun({ status: answer.statusCode, ...answer.headers });
        answer.setEncoding('utf8').on('data', data).on('error', done).on('close', done);
      });
      req.on('error', done).end(body);
    }),
  'HTTP/2': (port1, port2, body, begun, data) =>
    new Promise((done) => {
      const session = http2.connect(`http://127.0.0.1:${port2}`);
      session.on('error', done).on('close', done);
      const call = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', ...authorized() });
      call.on('response', (head) => begun({ status: head[':status'], ...head }));
      call.setEncoding('utf8').on('data', data).on('error', () => {}).on('close', () => session.close(done));
      call.end(body);
    }),
};

// A gateway with a provider of each format that says numbered tokens, slowly,
// and answers that name their worker.
export async function startLoaded(t, options = {}) {
  const { http: more = '', location = '', server = '', kind = Gateway, ...rest } = options;
  const up = await RawProvider.start(t, (x) => {
    const mark = /mark (\w+)/.exec(x.request.body)[1];
    return sayNumbered(x, mark, TOKENS, { pause: () => sleep(PAUSE) });
  });
  const clear2 = await freePort();
  const base = `
    ${FORMATS.map((f) => `${provider(f, f, `http://127.0.0.1:${up.port}`)} llm_model ${f} { target ${f}; }`).join('\n')}`;
  const gateway = await kind.start(t, {
    workers: 2,
    http: base + more,
    location: `add_header x-worker $pid always; ${location}`,
    server: `listen 127.0.0.1:${clear2} http2; ${server}`,
    ...rest,
  });
  return { gateway, up, base, load: new Load(t, gateway, up, clear2) };
}

export class Load {
  // What has become of each stream:
  //   mark, way, format, worker, started, ended (ms); head: null when there was
  //   no answer; reader: what came; error: why it is not whole, null when it is
  constructor(t, gateway, up, clear2) {
    Object.assign(this, { gateway, up, clear2, streams: [], running: [], over: false });
    after(t, () => (this.over = true));
  }

  get whole() {
    return this.streams.filter((s) => s.error === null);
  }

  get broken() {
    return this.streams.filter((s) => s.error !== null);
  }

  start(clients = 12) {
    const client = async (n) => {
      await sleep((n * TOKENS * PAUSE) / clients); // at all stages at any time
      while (!this.over) await this.one(Object.keys(ways)[n % 2], FORMATS[(n >> 1) % 2]);
    };
    this.running = Array.from({ length: clients }, (_, n) => client(n));
  }

  async one(way, format) {
    const mark = `m${this.streams.length}`;
    const reader = new Numbered(mark);
    const stream = { mark, way, format, reader, head: null, started: performance.now() };
    this.streams.push(stream);
    const body = JSON.stringify({ model: format, stream: true, messages: [{ role: 'user', content: `mark ${mark}` }] });
    let wrong = null;
    const data = (text) => {
      try {
        reader.take(text);
      } catch (error) {
        wrong ??= error;
      }
    };
    const ended = ways[way](this.gateway.port, this.clear2, body, (head) => (stream.head = head), data);
    await within(ended, `the end of ${mark}`, 60000);
    stream.ended = performance.now();
    stream.worker = Number(stream.head?.['x-worker']);
    // What is somebody else's or out of order is never excused.
    if (wrong) throw wrong;
    try {
      assert.ok(stream.head, 'the connection was closed without an answer');
      assert.equal(Number(stream.head.status), 200);
      reader.assertWhole(TOKENS);
      stream.error = null;
    } catch (error) {
      stream.error = error;
      // nginx may close a connection on which no request has been read.
      if (!stream.head && this.sent(mark) === 0) this.streams.splice(this.streams.indexOf(stream), 1, { ...stream, unread: true });
    }
  }

  // How often the provider was asked for it.
  sent(mark) {
    return this.up.exchanges.filter((x) => x.request.body.includes(`mark ${mark}"`)).length;
  }

  // Lets what runs end.
  async stop() {
    this.over = true;
    await Promise.all(this.running);
  }

  // No stream was broken, cut or asked for twice.
  assertUnharmed(least = 20) {
    const harmed = this.broken.filter((s) => !s.unread);
    assert.deepEqual(harmed.map((s) => `${s.mark} ${s.way} ${s.format} of worker ${s.worker}: ${s.error.message}`), []);
    for (const { mark, unread } of this.streams) assert.equal(this.sent(mark), unread ? 0 : 1, `how often ${mark} was asked for`);
    assert.ok(this.whole.length > least, `only ${this.whole.length} streams`);
  }
}
