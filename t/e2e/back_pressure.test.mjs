// A long answer to a client that is slower than the provider: it is the
// provider that waits, not the worker's memory that grows.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import test from 'node:test';
import zlib from 'node:zlib';
import { RawProvider } from '../mock/raw.mjs';
import { after } from './lib/after.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { authorized } from './lib/http.mjs';
import { Numbered, sayNumbered } from './lib/numbered.mjs';
import { freePort } from './lib/port.mjs';
import { descriptorsOf, peakOf, sanitized, sparing } from './lib/process.mjs';
import { chatBody, eventually, memoryOf, within } from './lib/wire.mjs';

const MB = 1 << 20;
const TOTAL = 40 * MB;
const TOKEN = 1000;
const COUNT = Math.ceil(TOTAL / TOKEN);
const RATE = 4 * MB; // a second

// Of a worker that serves one such stream, whatever its build.
function assertBounded(t, pid, before) {
  t.diagnostic(`resident: ${before} kB before, ${peakOf(pid)} kB at most`);
  const took = peakOf(pid) - (sanitized ? before : 0);
  assert.ok(took < 30 * 1024, `the worker took ${took} kB`);
}

async function start(t, format, location = '') {
  const up = await RawProvider.start(t, (x) => sayNumbered(x, 'm', COUNT, { size: TOKEN, batch: 64 }));
  const clear2 = await freePort();
  const gateway = await Gateway.start(t, {
    location,
    env: sparing,
    http: `
      ${provider('up', format, `http://127.0.0.1:${up.port}`)}
      llm_model m { target up; }`,
    server: `
      gzip on; gzip_types text/event-stream; gzip_min_length 1;
      listen 127.0.0.1:${clear2} http2;`,
  });
  await gateway.active();
  const [pid] = gateway.workerPids();
  return { gateway, up, clear2, pid, before: memoryOf(pid), descriptors: descriptorsOf(pid) };
}

// Each gives the answer's bytes as a stream that can be paused, and leave().
const body = chatBody('m', { stream: true });
const overHttp1 = (t, { gateway }, headers = {}) =>
  new Promise((done, fail) => {
    const options = { method: 'POST', agent: false, headers: { ...authorized(), ...headers } };
    const req = http.request(`${gateway.url}/chat/completions`, options, (answer) => done({ answer, leave: () => req.destroy() }));
    after(t, () => req.destroy());
    req.on('error', fail).end(body);
  });
async function overHttp2(t, port) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  after(t, () => session.destroy());
  session.on('error', () => {});
  const answer = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', ...authorized() });
  answer.end(body);
  await new Promise((done) => answer.once('response', done));
  return { answer, leave: () => session.destroy() };
}

// A way to nginx that can be stopped with all that is on it: an HTTP/2 client
// reads what comes for its connection even when it does not read a stream.
async function startRelay(t, port) {
  const ends = [];
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    ends.push(near, far);
    for (const end of [near, far]) end.on('error', () => {});
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => ends.forEach((end) => end.destroy());
  after(t, () => {
    cut();
    server.close();
  });
  return { port: server.address().port, stop: () => ends[1].unpipe().pause(), cut };
}

// A filter that works on copies of its own must not take what it cannot pass on.
async function overGzip(t, setup) {
  const { answer, leave } = await overHttp1(t, setup, { 'accept-encoding': 'gzip' });
  assert.equal(answer.headers['content-encoding'], 'gzip');
  return { answer: answer.pipe(zlib.createGunzip()), leave };
}

const clients = {
  'HTTP/1.1': overHttp1,
  'HTTP/1.1, gzip': overGzip,
  'HTTP/2': (t, { clear2 }) => overHttp2(t, clear2),
};
const stops = {
  'HTTP/1.1': async (t, setup) => {
    const { answer, leave } = await overHttp1(t, setup);
    return { answer, leave, stop: () => answer.pause() };
  },
  'HTTP/1.1, gzip': async (t, setup) => {
    const { answer, leave } = await overGzip(t, setup);
    return { answer, leave, stop: () => answer.pause() };
  },
  'HTTP/2, one stream of it': async (t, { clear2 }) => {
    const { answer, leave } = await overHttp2(t, clear2);
    return { answer, leave, stop: () => answer.pause() };
  },
  'HTTP/2, all of it': async (t, { clear2 }) => {
    const relay = await startRelay(t, clear2);
    const { answer } = await overHttp2(t, relay.port);
    return { answer, leave: relay.cut, stop: relay.stop };
  },
};

// Reads no more than RATE.
function readSlowly(answer, reader) {
  const started = Date.now();
  let bytes = 0;
  return new Promise((done, fail) => {
    answer.setEncoding('latin1');
    answer.on('data', (text) => {
      bytes += text.length;
      try {
        reader.take(text);
      } catch (error) {
        return fail(error);
      }
      const ahead = (1000 * bytes) / RATE - (Date.now() - started);
      if (ahead < 10) return;
      answer.pause();
      setTimeout(() => answer.resume(), ahead);
    });
    answer.on('error', fail).on('end', done);
  });
}

async function slowReader(t, connect, format) {
  const setup = await start(t, format);
  const { up, pid, before, gateway } = setup;
  const { answer } = await connect(t, setup);
  const x = await up.exchange(1);
  const reader = new Numbered('m', TOKEN);
  let [looks, waiting, readWhenAllSent] = [0, 0, COUNT];
  const look = () => {
    if (x.sent === COUNT) return (readWhenAllSent = Math.min(readWhenAllSent, reader.count));
    looks++;
    // The kernel takes no more of the provider's bytes.
    if (x.socket.writableLength > 0) waiting++;
  };
  const looking = setInterval(look, 50);
  after(t, () => clearInterval(looking));
  await within(readSlowly(answer, reader), () => `the end of the stream: ${reader.count} of ${COUNT} tokens`, 100000);
  reader.assertWhole(COUNT);
  assertBounded(t, pid, before);
  assert.ok(waiting > looks / 4, `the provider had to wait in ${waiting} of ${looks} looks`);
  // Sockets hold some megabytes; the rest of the answer was still the provider's.
  assert.ok(readWhenAllSent > COUNT / 4, `all was sent when ${readWhenAllSent} tokens of ${COUNT} had been read`);
  assert.equal(up.exchanges.length, 1);
  await gateway.waitForIdle();
}

async function stoppedReader(t, connect, format) {
  const setup = await start(t, format, 'send_timeout 2s;');
  const { up, pid, before, descriptors, gateway } = setup;
  const { answer, stop, leave } = await connect(t, setup);
  answer.on('error', () => {});
  await within(once(answer, 'data'), 'the first token');
  stop();
  const x = await up.exchange(1);
  await within(x.closed, 'the end of the upstream connection', 60000);
  assert.ok(x.sent < COUNT, 'the provider got rid of all of it');
  assertBounded(t, pid, before);
  await gateway.waitForIdle();
  assert.match((await gateway.accessLog())[0], /^\S+ - - .* "POST \/v1\/chat\/completions HTTP/, 'the request is over');
  leave(); // a connection that is idle now may stay open
  await eventually(() => descriptorsOf(pid) <= descriptors, 'the end of all its descriptors');
  assert.equal(up.sockets.size, 0);
}

// All at once: there is little to do for any of them.
function atOnce(name, ways, run) {
  test(name, { concurrency: true }, async (t) => {
    const tests = Object.entries(ways).flatMap(([way, connect]) =>
      FORMATS.map((format) => t.test(`${way}, ${format}`, (t) => run(t, connect, format))),
    );
    await Promise.all(tests);
  });
}

atOnce('40 MB to a client that reads 4 MB/s', clients, slowReader);
atOnce('40 MB to a client that stops reading until send_timeout', stops, stoppedReader);
