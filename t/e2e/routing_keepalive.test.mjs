// Comments for a client that waits for the first token.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { answer, errorBody, RawProvider, sized } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { events } from './lib/http.mjs';
import { chatBody, post, Wire } from './lib/wire.mjs';

const COMMENT = /: keepalive\n\n/;

// The first provider answers when it is told to, with what it is told; the second
// one at once.
async function start(t, model, location = 'llm_keepalive 50ms;') {
  const first = await RawProvider.start(t, async (x) => {
    await new Promise((done) => (x.go = done));
    return x.status ? x.end(sized(x.status, errorBody[x.format](x.status, 'No.'))) : answer(x, 'Hello there');
  });
  const second = await RawProvider.start(t, (x) => answer(x, 'second'));
  const gateway = await Gateway.start(t, {
    location,
    http: `
      ${provider('first', 'openai', `http://127.0.0.1:${first.port}`)}
      ${provider('second', 'anthropic', `http://127.0.0.1:${second.port}`)}
      llm_model m { ${model} }`,
  });
  return { gateway, first, second };
}

async function open(t, gateway, more) {
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m', { stream: true, ...more })));
  return wire;
}

const body = (response) => response.body.replace(/: keepalive\n\n/g, '');

test('comments, and then the answer', async (t) => {
  const { gateway, first } = await start(t, 'target first;');
  const wire = await open(t, gateway);
  const x = await first.exchange(1);
  await wire.until(/: keepalive\n\n[^]*: keepalive\n\n/);
  x.go();
  const response = await wire.response();
  assert.equal(response.status, 200);
  assert.match(response.headers['content-type'], /^text\/event-stream/);
  for (const name of ['x-llm-provider', 'x-llm-model', 'x-llm-attempts']) assert.equal(response.headers[name], undefined);
  assert.ok(response.headers['x-request-id']);
  const chunks = events(body(response));
  assert.equal(chunks.at(-1), '[DONE]');
  assert.equal(chunks.slice(0, -1).map((c) => c.choices[0]?.delta.content ?? '').join(''), 'Hello there');
  assert.doesNotMatch(response.body.slice(response.body.indexOf('data:')), COMMENT, 'none once it has begun');
});

test('a failure leads to the next target', async (t) => {
  const { gateway, first } = await start(t, 'target first; target second;');
  const wire = await open(t, gateway);
  const x = await first.exchange(1);
  await wire.until(COMMENT);
  x.status = 503;
  x.go();
  const chunks = events(body(await wire.response()));
  assert.equal(chunks.slice(0, -1).map((c) => c.choices[0]?.delta.content ?? '').join(''), 'second');
});

test('an error is the last chunk', async (t) => {
  const { gateway, first } = await start(t, 'target first;');
  const wire = await open(t, gateway);
  const x = await first.exchange(1);
  await wire.until(COMMENT);
  x.status = 429;
  x.go();
  const response = await wire.response();
  assert.equal(response.status, 200);
  const chunks = events(body(response));
  assert.equal(chunks.length, 1);
  assert.equal(chunks[0].error.code, 'rate_limit_exceeded');
  assert.equal(chunks[0].choices[0].finish_reason, 'error');
  assert.match(chunks[0].id, /^chatcmpl-/);
});

test('the SDK reads over them', async (t) => {
  const { gateway, first } = await start(t, 'target first;', 'llm_keepalive 20ms;');
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const asked = client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true });
  const x = await first.exchange(1);
  const stream = await asked; // the head is there before the answer
  x.go();
  let text = '';
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
  assert.equal(text, 'Hello there');
});

test('a client that goes away in the meantime takes the connection with it', async (t) => {
  const { gateway, first } = await start(t, 'target first;');
  const wire = await open(t, gateway);
  const x = await first.exchange(1);
  await wire.until(COMMENT);
  wire.reset();
  await x.closed;
  await gateway.waitForIdle();
});

test('none for answers that are not streamed, and none unless they are asked for', async (t) => {
  const { gateway, first } = await start(t, 'target first;');
  const wire = await open(t, gateway, { stream: false });
  const x = await first.exchange(1);
  await new Promise((done) => setTimeout(done, 200));
  x.status = 503;
  x.go();
  assert.equal((await wire.response()).status, 503);

  const plain = await start(t, 'target first;', '');
  const other = await open(t, plain.gateway);
  const y = await plain.first.exchange(1);
  await new Promise((done) => setTimeout(done, 200));
  y.status = 503;
  y.go();
  assert.equal((await other.response()).status, 503);
});
