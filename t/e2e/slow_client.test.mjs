// A client that reads slowly slows the provider, not the worker's memory; one
// that does not read at all is dropped.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chunk, LAST_CHUNK, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { after } from './lib/after.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { events, textOf } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { assertNotGrown, chatBody, eventually, Http2, memoryOf, post, Wire, within } from './lib/wire.mjs';

const MB = 1 << 20;

async function start(t, script, { format = 'openai', limits = '', location = '' } = {}) {
  const up = await RawProvider.start(t, script);
  const clear2 = await freePort();
  const gateway = await Gateway.start(t, {
    location,
    http: `
      ${provider('up', format, `http://127.0.0.1:${up.port}`, limits)}
      llm_model m { target up; }`,
    server: `listen 127.0.0.1:${clear2} http2;`,
  });
  return { gateway, up, clear2 };
}

// A stream of `total` bytes of text, as fast as the gateway takes it; counts
// what it has got rid of.
const flood = (total, size = 1000) => async (x) => {
  const { opening, content, ending } = stream[x.format](['x'.repeat(size)]);
  const batch = chunk(content[0]).repeat(64);
  await x.write(streamHead() + opening.map(chunk).join(''));
  for (x.sent = 0; x.sent < total && !x.socket.destroyed; x.sent += 64 * size) await x.write(batch);
  await x.write(ending.map(chunk).join('') + LAST_CHUNK);
};

// Waits until the provider has not got rid of anything for a while.
async function stalled(x, ms = 500) {
  for (let before = -1; before !== x.sent; await sleep(ms)) before = x.sent;
}

const sendingClients = {
  'HTTP/1.1': async (t, gateway) => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(chatBody('m', { stream: true })));
    await wire.until(/xxx/);
    wire.socket.pause();
    return {
      resume: () => wire.socket.resume(),
      text: async () => {
        const { body } = await wire.response();
        return body;
      },
    };
  },
  'HTTP/2': async (t, gateway, clear2) => {
    const client = await Http2.connect(t, clear2);
    const call = client.request(chatBody('m', { stream: true }));
    await within(call.first, 'the first token');
    call.stream.pause();
    return { resume: () => call.stream.resume(), text: async () => (await call.done).text };
  },
};

for (const format of FORMATS) {
  for (const [name, connect] of Object.entries(sendingClients)) {
    test(`${name}, ${format}: neither idle_timeout nor memory minds a slow reader`, async (t) => {
      const total = 24 * MB;
      const { gateway, up, clear2 } = await start(t, flood(total), { format, limits: 'idle_timeout 400ms;' });
      const [pid] = gateway.workerPids();
      await gateway.active();
      const before = memoryOf(pid);
      const client = await connect(t, gateway, clear2);
      const x = await up.exchange(1);
      await within(stalled(x), 'the provider to be slowed down');
      assert.ok(x.sent < total, 'nothing has slowed the provider');
      await sleep(1000); // for several idle_timeouts
      assertNotGrown(pid, before);
      assert.equal(await gateway.active(), 1);

      client.resume();
      const chunks = events(await within(client.text(), 'the end of the stream', 60000));
      assert.equal(textOf(chunks).length, x.sent);
      assert.equal(chunks.at(-1), '[DONE]');
      assert.doesNotMatch(gateway.errorLog(), /idle_timeout/);
      assertNotGrown(pid, before);
    });
  }
}

// The client's window is what the gateway may send, to the byte: all the
// provider has sent is in the gateway's hands when the client begins to read.
test('idle_timeout: counts from when the client has taken what there was', async (t) => {
  const idle = 1000;
  const text = Array.from({ length: 20 }, (_, i) => `${i} ${'x'.repeat(100)}`);
  const { gateway, up, clear2 } = await start(
    t,
    async (x) => {
      const { opening, content, ending } = stream.openai(text);
      await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
      await x.provider.goOn;
      await x.write(ending.map(chunk).join('') + LAST_CHUNK);
    },
    { limits: `idle_timeout ${idle}ms;` },
  );
  let goOn;
  up.goOn = new Promise((done) => (goOn = done));
  const session = http2.connect(`http://127.0.0.1:${clear2}`, { settings: { initialWindowSize: 1000 } });
  after(t, () => session.destroy());
  const call = session.request({
    ':method': 'POST',
    ':path': '/v1/chat/completions',
    authorization: `Bearer ${KEY}`,
    'content-type': 'application/json',
  });
  call.end(chatBody('m', { stream: true }));
  await within(once(call, 'response'), 'the head');
  await sleep(1.9 * idle);
  let got = '';
  call.setEncoding('utf8').on('data', (part) => (got += part)); // now it reads
  await eventually(() => got.includes(text.at(-1)), 'all that was sent');
  // The provider's silence is this pause, not the time the client did not read.
  await sleep(0.55 * idle);
  goOn();
  await within(once(call, 'close'), 'the end of the stream');
  assert.equal(textOf(events(got)), text.join(''));
  assert.match(got, /\[DONE\]\n\n$/);
  assert.doesNotMatch(gateway.errorLog(), /idle_timeout/);
});

for (const [name, connect] of Object.entries(sendingClients)) {
  test(`${name}: send_timeout drops a client that does not read`, async (t) => {
    const { gateway, up, clear2 } = await start(t, flood(Infinity), { location: 'send_timeout 500ms;' });
    await connect(t, gateway, clear2);
    const x = await up.exchange(1);
    await within(x.closed, 'the end of the upstream connection');
    await gateway.waitForIdle();
    await gateway.waitForLog(/client timed out/);
  });
}

test('send_timeout: a client that reads slowly but does is not dropped', async (t) => {
  const total = 4 * MB;
  const { gateway, up } = await start(t, flood(total), { location: 'send_timeout 1500ms;' });
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m', { stream: true })));
  const x = await up.exchange(1);
  const response = wire.response();
  const step = async () => {
    wire.socket.pause();
    await sleep(100);
    wire.socket.resume();
    await sleep(5);
  };
  for (let i = 0; i < 25; i++) await step();
  const { body } = await within(response, 'the end of the stream', 60000);
  assert.equal(textOf(events(body)).length, x.sent);
});

test('limit_rate: a stream is not held back for good', async (t) => {
  const { gateway } = await start(t, flood(MB), { location: 'limit_rate 20k;' });
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m', { stream: true })));
  const { body } = await within(wire.response(), 'the end of the stream', 30000);
  assert.match(body, /\[DONE\]\n\n$/);
});
