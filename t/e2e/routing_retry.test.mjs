// The same target again: after what, when, how often, and when not.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { answer, errorBody, RawProvider, sized } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, post, Wire } from './lib/wire.mjs';

// A provider that goes through `script`, an entry a request, and then answers.
async function start(t, script, model = 'target up;', options = {}) {
  const times = [];
  const up = await RawProvider.start(t, (x) => {
    times.push(performance.now());
    const step = script.shift();
    return step ? step(x) : answer(x, 'Hello');
  });
  const gateway = await Gateway.start(t, {
    http: `
      ${provider('up', 'openai', `http://127.0.0.1:${up.port}`, options.conf)}
      ${provider('other', 'openai', `http://127.0.0.1:${up.port}/other`)}
      llm_model m { ${model} }`,
    ...options,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const ask = (stream) => client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream }).withResponse();
  return { up, gateway, client, ask, times };
}

const fails = (status, headers) => (x) => x.end(sized(status, errorBody[x.format](status, 'No.'), headers));
const cut = (x) => x.reset();
const html = (x) => x.end(sized(200, '<html>', { 'content-type': 'text/html' }));

async function textOf({ data }) {
  if (data.choices) return data.choices[0].message.content;
  let text = '';
  for await (const { choices } of data) text += choices[0]?.delta.content ?? '';
  return text;
}

for (const stream of [false, true]) {
  for (const [what, fault] of Object.entries({ 500: fails(500), 503: fails(503), 429: fails(429), 'a reset': cut, HTML: html })) {
    test(`${what}, twice, then an answer, ${stream ? 'streamed' : 'whole'}`, async (t) => {
      const { up, ask } = await start(t, [fault, fault], 'target up; retry 2 delay=1ms;');
      const answered = await ask(stream);
      assert.equal(await textOf(answered), 'Hello');
      assert.equal(answered.response.headers.get('x-llm-attempts'), '3');
      assert.equal(up.exchanges.length, 3);
      const bodies = new Set(up.requests.map((r) => r.body));
      assert.equal(bodies.size, 1, 'the same request each time');
    });
  }
}

test('then the next target', async (t) => {
  const { up, ask } = await start(t, [fails(500), fails(500)], 'target up; target other; retry 1 delay=1ms;');
  const { response } = await ask(false);
  assert.equal(response.headers.get('x-llm-provider'), 'other');
  assert.deepEqual(up.requests.map((r) => r.path), ['/v1/chat/completions', '/v1/chat/completions', '/other/chat/completions']);
});

const once = {
  'a wrong request': [400, {}],
  'an unknown model': [404, {}],
  'what the provider says is in vain': [503, { 'x-should-retry': 'false' }],
};
for (const [what, [status, headers]] of Object.entries(once)) {
  test(`not after ${what}`, async (t) => {
    const { up, ask } = await start(t, [fails(status, headers)], 'target up; retry 3 delay=1ms;');
    await assert.rejects(ask(false), (e) => e.status === status && e.headers.get('x-llm-attempts') === '1');
    assert.equal(up.exchanges.length, 1);
  });
}

test('not after a slow failure', async (t) => {
  const slow = async (x) => {
    await new Promise((done) => setTimeout(done, 300));
    fails(500)(x);
  };
  const { up, ask } = await start(t, [slow], 'target up; retry 3 delay=1ms; retry_within 100ms;');
  await assert.rejects(ask(false), (e) => e.status === 502);
  assert.equal(up.exchanges.length, 1);
});

const waits = {
  'retry-after in seconds': { 'retry-after': '1' },
  'retry-after-ms': { 'retry-after-ms': '1000', 'retry-after': '30' },
  'a date': () => ({ 'retry-after': new Date(Date.now() + 2000).toUTCString() }),
  'the reset of the limit that is used up': { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-remaining-tokens': '9', 'x-ratelimit-reset-tokens': '6m0s' },
};
for (const [what, headers] of Object.entries(waits)) {
  test(`waits as long as the provider says: ${what}`, async (t) => {
    const told = typeof headers === 'function' ? headers : () => headers;
    const { ask, times } = await start(t, [(x) => fails(429, told())(x)], 'target up; retry 1 delay=1ms;');
    assert.equal(await textOf(await ask(false)), 'Hello');
    assert.ok(times[1] - times[0] >= 950, `after ${times[1] - times[0]} ms`);
  });
}

test('asks another target rather than wait for long', async (t) => {
  const { up, ask } = await start(t, [fails(429, { 'retry-after': '20' })], 'target up; target other; retry 3;');
  const { response } = await ask(false);
  assert.equal(response.headers.get('x-llm-provider'), 'other');
  assert.equal(up.exchanges.length, 2);
});

test('does not wait for longer than it may in all', async (t) => {
  const { up, ask } = await start(t, [fails(429, { 'retry-after': '20' })], 'target up; retry 3 total_delay=5s;');
  await assert.rejects(ask(false), (e) => e.status === 429 && e.headers.get('retry-after') === '20');
  assert.equal(up.exchanges.length, 1);
});

test('not when the breaker has opened', async (t) => {
  const { up, ask } = await start(t, Array(9).fill(fails(503)), 'target up; retry 9 delay=1ms;', { conf: 'breaker failures=3;' });
  await assert.rejects(ask(false), (e) => e.status === 503);
  assert.equal(up.exchanges.length, 3);
});

test('attempts are capped', async (t) => {
  const { up, ask } = await start(t, Array(9).fill(fails(503)), 'target up; target other; retry 9 delay=1ms; attempts 4; retry_budget off;', { conf: 'breaker off;' });
  await assert.rejects(ask(false), (e) => e.status === 503 && e.headers.get('x-llm-attempts') === '4');
  assert.equal(up.exchanges.length, 4);
});

test('the budget ends retries in an outage, over all workers', async (t) => {
  const dead = await freePort();
  const { gateway } = await start(t, [], 'target gone; retry 9 delay=0 max_delay=0; attempts 16; retry_budget 0% min=5;', {
    workers: 2,
    http: `
      ${provider('gone', 'openai', `http://127.0.0.1:${dead}`, 'breaker off;')}
      llm_model m { target gone; retry 9 delay=0 max_delay=0; attempts 16; retry_budget 0% min=5; }`,
  });
  let attempts = 0;
  for (let i = 0; i < 6; i++) attempts += Number((await chat(gateway, chatBody('m'), { connection: 'close' })).headers['x-llm-attempts']);
  assert.equal(attempts, 6 + 5);
});

test('a client that goes away in the wait is noticed', async (t) => {
  const { gateway, up } = await start(t, [fails(503)], 'target up; retry 1 delay=1h max_delay=1h total_delay=1h; retry_within 1h;');
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m')));
  await up.exchange(1);
  await gateway.waitForLog(/answered 503: overloaded/);
  assert.equal(await gateway.active(), 1);
  wire.reset();
  await gateway.waitForIdle();
  assert.equal(up.exchanges.length, 1);
});

test('a reload waits for a request that waits', async (t) => {
  const { gateway, ask } = await start(t, [fails(503, { 'retry-after': '1' })], 'target up; retry 1;');
  const asked = ask(false);
  await gateway.waitForLog(/answered 503/);
  await gateway.reload();
  assert.equal(await textOf(await asked), 'Hello');
});
