// What clients at the level of sockets do in a soak: keep connections, pipeline,
// read slowly, go away in every phase, open many streams in one session.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { authorized, events, textOf } from '../e2e/lib/http.mjs';
import { post, Wire, within } from '../e2e/lib/wire.mjs';
import { textFor } from './providers.mjs';
import { assertBegun, assertOwn, orderFor } from './sdk.mjs';

const bodyFor = (soak, nonce, { stream = false, model, ...more } = {}) =>
  JSON.stringify({
    model: model ?? soak.random.pick(['gpt-good', 'claude-good']),
    messages: [{ role: 'user', content: orderFor(soak, nonce, more) }],
    ...(stream && { stream }),
  });

function assertStream(nonce, text, tokens) {
  assertOwn(nonce, text);
  const chunks = events(text);
  assert.equal(chunks.at(-1), '[DONE]');
  assert.equal(textOf(chunks), textFor(nonce, tokens));
}

// Of a stream that was left.
function assertPart(nonce, text) {
  assertOwn(nonce, text);
  assertBegun(nonce, events(text.slice(0, text.lastIndexOf('\n\n') + 2)));
}

function assertWhole(nonce, { status, headers, body }, tokens) {
  assert.equal(status, 200, body);
  assertOwn(nonce, body + JSON.stringify(headers));
  assert.equal(JSON.parse(body).choices[0].message.content, textFor(nonce, tokens));
}

async function connect(soak, run) {
  const steps = [];
  try {
    return await run(await Wire.connect({ after: (step) => steps.push(step) }, soak.gateway.port));
  } finally {
    for (const step of steps) await step();
  }
}

// Requests one after the other, or all at once, on one connection.
const keptAlive = (soak, _, pipelined) =>
  connect(soak, async (wire) => {
    const requests = Array.from({ length: 1 + soak.random.below(4) }, () => {
      const [nonce, tokens, stream] = [soak.nonce(), 1 + soak.random.below(50), soak.random.below(2) === 1];
      return { nonce, tokens, stream, text: post(bodyFor(soak, nonce, { stream, tokens, pad: '' })) };
    });
    if (pipelined) await wire.send(requests.map(({ text }) => text).join(''));
    for (const { nonce, tokens, stream, text } of requests) {
      if (!pipelined) await wire.send(text);
      const response = await wire.response();
      if (stream) assertStream(nonce, response.body, tokens);
      else assertWhole(nonce, response, tokens);
    }
  });

const slow = (soak, nonce) =>
  connect(soak, async (wire) => {
    const tokens = 5000;
    await wire.send(post(bodyFor(soak, nonce, { stream: true, tokens, piece: 200 })));
    const response = wire.response();
    for (let over = false; !over; ) {
      wire.socket.pause();
      await sleep(40);
      wire.socket.resume();
      over = await Promise.race([response.then(() => true), sleep(5, false)]);
    }
    assertStream(nonce, (await response).body, tokens);
  });

const abort = (soak, nonce) =>
  connect(soak, async (wire) => {
    const { random } = soak;
    const model = random.pick(['gpt-good', 'claude-good', 'gpt-over', 'claude-over']);
    const [stream, does] = random.pick([[true, 'silent'], [true, 'stalling'], [false, 'silent'], [true, 'text'], [false, 'failingFirst'], [true, 'limitedFirst']]);
    const text = post(bodyFor(soak, nonce, { model, stream, does, tokens: 2000 }));
    const half = random.below(8) === 0;
    await wire.send(half ? text.slice(0, -20) : text);
    if (does === 'stalling' && !half && model.endsWith('good')) await wire.until(/"content":"</, 30000);
    else await sleep(random.below(20));
    random.below(2) ? wire.reset() : wire.fin();
    assertOwn(nonce, wire.input);
  });

async function session(soak, run) {
  const connection = http2.connect(`http://127.0.0.1:${soak.http2Port}`);
  connection.on('error', () => {});
  try {
    return await run(connection);
  } finally {
    connection.destroy();
  }
}

function open(connection, body) {
  const stream = connection.request({ ':method': 'POST', ':path': '/v1/chat/completions', ...authorized() });
  const call = { stream, text: '' };
  stream.setEncoding('utf8').on('data', (part) => (call.text += part));
  stream.on('error', () => {});
  call.done = new Promise((done) => stream.once('close', done));
  stream.end(body);
  return call;
}

// Several streams in one session, of which some are reset.
const multiplexed = (soak) =>
  session(soak, async (connection) => {
    const calls = Array.from({ length: 1 + soak.random.below(8) }, () => {
      const [nonce, tokens, leaves] = [soak.nonce(), 1 + soak.random.below(200), soak.random.below(4) === 0];
      const call = open(connection, bodyFor(soak, nonce, { stream: true, tokens, does: leaves ? 'stalling' : 'text' }));
      return { ...call, call, nonce, tokens, leaves };
    });
    await Promise.all(
      calls.map(async ({ call, stream, nonce, tokens, leaves }) => {
        if (leaves) setTimeout(() => stream.close(8), soak.random.below(50));
        await within(call.done, () => `the end of ${nonce}: ${call.text.slice(-200)}`, 30000);
        if (leaves) assertPart(nonce, call.text);
        else assertStream(nonce, call.text, tokens);
      }),
    );
  });

const slowHttp2 = (soak, nonce) =>
  session(soak, async (connection) => {
    const tokens = 3000;
    const call = open(connection, bodyFor(soak, nonce, { stream: true, tokens, piece: 200 }));
    for (let over = false; !over; ) {
      call.stream.pause();
      await sleep(30);
      call.stream.resume();
      over = await Promise.race([call.done.then(() => true), sleep(5, false)]);
    }
    assertStream(nonce, call.text, tokens);
  });

const lost = (soak, nonce) =>
  session(soak, async (connection) => {
    const call = open(connection, bodyFor(soak, nonce, { stream: true, does: 'stalling', tokens: 20 }));
    await sleep(soak.random.below(50));
    connection.destroy();
    assertPart(nonce, call.text);
  });

export const wireKinds = [
  ['HTTP/1.1, kept alive', 8, (soak, nonce) => keptAlive(soak, nonce, false)],
  ['HTTP/1.1, pipelined', 4, (soak, nonce) => keptAlive(soak, nonce, true)],
  ['HTTP/1.1, slow readers', 2, slow],
  ['HTTP/1.1, aborts', 12, abort],
  ['HTTP/2, many streams', 6, multiplexed],
  ['HTTP/2, slow readers', 2, slowHttp2],
  ['HTTP/2, lost', 4, lost],
];
