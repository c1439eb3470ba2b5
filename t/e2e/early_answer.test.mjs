// A provider may answer before it has read the request, or without reading it:
// what it says counts, and the connection is not used for anything else.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, errorBody, RawProvider, sized, stream, streamHead } from '../mock/raw.mjs';
import { ask, assertError, assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { events, textOf } from './lib/http.mjs';
import { chatBody, within } from './lib/wire.mjs';

// More than the kernel takes for a reader that does not read.
const LONG = 16 << 20;

// Answers when the head is there; `then` says what becomes of the rest.
async function start(t, format, say, then) {
  const up = await RawProvider.start(t, () => {}, {
    connected(socket) {
      socket.once('data', async () => {
        socket.pause();
        await new Promise((done) => socket.write(say(format), done));
        then(socket);
      });
      return true;
    },
  });
  const good = await RawProvider.start(t, (x) => answer(x, 'behind'));
  const gateway = await Gateway.start(t, {
    http: `
      upstream pool { server 127.0.0.1:${up.port}; keepalive 4; }
      ${provider('up', format, 'http://pool/v1', 'host up.test;')}
      ${provider('good', 'openai', `http://127.0.0.1:${good.port}/v1`)}
      llm_model m { target up; }
      llm_model two { target up; fallback good; }`,
  });
  return { gateway, up, good };
}

const body = (model, streamed) => chatBody(model, { stream: streamed, user: 'x'.repeat(LONG) });
const limited = (format) => sized(429, errorBody[format](429, 'slow down'), { 'retry-after': '3' });
const refused = (format) => sized(413, errorBody[format](413, 'too long'));
const rests = {
  'and reads on': (socket) => socket.resume(),
  'and never reads on': () => {},
};

for (const format of FORMATS) {
  for (const [how, then] of Object.entries(rests)) {
    test(`429 to a request that is still being sent, ${how}, ${format}`, async (t) => {
      const { gateway, up, good } = await start(t, format, limited, then);
      for (const streamed of [false, true]) {
        const answered = await within(ask(gateway, 'm', { body: body('m', streamed) }), 'the answer', 30000);
        assertError(answered, { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded', attempts: 1, retryAfter: [3, 3] });
        const instead = await ask(gateway, 'two', { body: body('two', streamed) });
        assertServed(instead, { stream: streamed, text: 'behind', provider: 'good', attempts: 2 });
      }
      // Half a request lies on each of them.
      assert.equal(up.connections, 4);
      assert.equal(good.exchanges.length, 2);
      for (const socket of up.sockets) socket.resume();
      await up.until(() => up.sockets.size === 0, 'the end of the upstream connections');
    });
  }

  test(`413 to a request that is still being sent, ${format}`, async (t) => {
    const { gateway, good } = await start(t, format, refused, (socket) => socket.resume());
    assertError(await ask(gateway, 'two', { body: body('two', false) }), { status: 413, type: 'invalid_request_error', code: 'request_too_large', attempts: 1 });
    assert.equal(good.exchanges.length, 0);
  });

  test(`a stream that begins while the request is still being sent, ${format}`, async (t) => {
    const { opening, content, ending } = stream[format](['Hi ', 'there']);
    const { gateway, up } = await start(
      t,
      format,
      () => streamHead() + [...opening, ...content, ...ending].map(chunk).join('') + '0\r\n\r\n',
      (socket) => socket.resume(),
    );
    const answered = await ask(gateway, 'm', { body: body('m', true) });
    assert.equal(answered.status, 200, answered.body);
    assert.equal(textOf(events(answered.body)), 'Hi there');
    assert.equal(events(answered.body).at(-1), '[DONE]');
    await up.until(() => up.sockets.size === 0, 'the end of the upstream connection');
  });
}
