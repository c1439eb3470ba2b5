// Several keys of one provider: in turn, each with a rest of its own.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import OpenAI from 'openai';
import { answer, errorBody, RawProvider, sized, whole } from '../mock/raw.mjs';
import { provider as oneKey } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { until } from './lib/until.mjs';
import { chatBody } from './lib/wire.mjs';

// `bad`: what the provider says to a key, by its name.
async function start(t, { keys = ['sk-up-a', 'sk-up-b', 'sk-up-c'], bad = {}, lines, model = 'target up;', ...options } = {}) {
  const used = [];
  const said = {}; // headers of a key's answers
  const up = await RawProvider.start(t, (x) => {
    const key = x.request.headers.authorization.replace('Bearer ', '');
    used.push(key);
    const [status, headers] = bad[key] ?? [];
    return status ? x.end(sized(status, errorBody.openai(status, `No: ${key}`), headers)) : said[key] ? x.write(sized(200, whole.openai('Hello'), said[key])) : answer(x, 'Hello');
  });
  const other = await RawProvider.start(t, (x) => answer(x, 'other'));
  const gateway = await Gateway.start(t, {
    secrets: keys,
    http: (g) => `
      llm_provider up { type openai; pass http://127.0.0.1:${up.port}; ${lines?.(g) ?? keys.map((k) => `key ${k};`).join(' ')} }
      ${oneKey('other', 'openai', `http://127.0.0.1:${other.port}`)}
      llm_model m { ${model} }`,
    ...options,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const ask = (stream = false) => client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream }).withResponse();
  return { up, other, gateway, ask, used, bad, said };
}

for (const workers of [1, 2, 4]) {
  test(`keys take turns, over ${workers} workers`, async (t) => {
    const { gateway, used } = await start(t, { workers, listen: 'reuseport' });
    for (let i = 0; i < 12; i++) await chat(gateway, chatBody('m'), { connection: 'close' });
    assert.deepEqual([...new Set(used)].sort(), ['sk-up-a', 'sk-up-b', 'sk-up-c']);
    for (const key of new Set(used)) assert.equal(used.filter((k) => k === key).length, 4);
  });
}

for (const status of [401, 402, 403]) {
  for (const stream of [false, true]) {
    test(`${status}: another key at once, and the refused one rests, ${stream ? 'streamed' : 'whole'}`, async (t) => {
      const { ask, used, gateway } = await start(t, { bad: { 'sk-up-a': [status] } });
      const { response, data } = await ask(stream);
      if (stream) for await (const _ of data);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('x-llm-attempts'), '2');
      for (let i = 0; i < 4; i++) await ask();
      assert.deepEqual(used, ['sk-up-a', 'sk-up-b', 'sk-up-c', 'sk-up-b', 'sk-up-c', 'sk-up-b']);
      assert.match(gateway.errorLog(), /llm: key 1 of upstream "up" was refused and rests for 60000 ms/);
    });
  }
}

test('a rate that is used up: another key, and the first again when its time has come', async (t) => {
  const { ask, used, bad } = await start(t, { keys: ['sk-up-a', 'sk-up-b'], bad: { 'sk-up-a': [429, { 'retry-after': '1' }] } });
  await ask();
  delete bad['sk-up-a'];
  await ask();
  assert.deepEqual(used, ['sk-up-a', 'sk-up-b', 'sk-up-b']);
  await until(async () => {
    await ask();
    return used.at(-1) === 'sk-up-a';
  }, 'the key to be used again');
});

test('a rate that is about to be used up: another key, before the provider says no', async (t) => {
  const limits = (left, reset) => ({ 'x-ratelimit-limit-requests': '100', 'x-ratelimit-remaining-requests': String(left), 'x-ratelimit-reset-requests': reset });
  const { ask, used, said } = await start(t, { keys: ['sk-up-a', 'sk-up-b'] });
  said['sk-up-a'] = limits(5, '50s');
  for (let i = 0; i < 4; i++) await ask();
  assert.deepEqual(used, ['sk-up-a', 'sk-up-b', 'sk-up-b', 'sk-up-b'], 'little is left');
  said['sk-up-b'] = limits(0, '50s');
  for (let i = 0; i < 3; i++) await ask();
  assert.deepEqual(used.slice(4), ['sk-up-b', 'sk-up-a', 'sk-up-a'], 'nothing is left');
});

test('all refused: the error is the gateway\'s, not the client\'s', async (t) => {
  const refused = [401];
  const { ask, used } = await start(t, { bad: { 'sk-up-a': refused, 'sk-up-b': refused, 'sk-up-c': refused } });
  const exhausted = (e) => e.status === 502 && e.code === 'upstream_credentials_exhausted' && !/sk-up/.test(e.message);
  await assert.rejects(ask(), (e) => exhausted(e) && e.headers.get('x-llm-attempts') === '3');
  assert.deepEqual(used, ['sk-up-a', 'sk-up-b', 'sk-up-c']);
  // Later requests ask once: somebody may have paid.
  await assert.rejects(ask(), (e) => exhausted(e) && e.headers.get('x-llm-attempts') === '1');
});

test('all refused: the target is passed over while there is another', async (t) => {
  const { ask, used, other } = await start(t, { keys: ['sk-up-a'], bad: { 'sk-up-a': [403] }, model: 'target up; target other;' });
  for (let i = 0; i < 4; i++) await ask();
  assert.equal(used.length, 1);
  assert.equal(other.exchanges.length, 4);
});

test('a reload keeps what is known of a key; a new key is a new one', async (t) => {
  const file = (g) => path.join(g.dir, 'key');
  const lines = (g) => {
    if (!fs.existsSync(file(g))) fs.writeFileSync(file(g), 'sk-up-a\n');
    return `key file:${file(g)};`;
  };
  const { ask, used, gateway } = await start(t, { lines, keys: [], bad: { 'sk-up-a': [401] }, model: 'target up; target other;' });
  await ask();
  await gateway.reload();
  await ask();
  assert.deepEqual(used, ['sk-up-a']);
  fs.writeFileSync(file(gateway), 'sk-up-b\n');
  await until(async () => {
    await ask();
    return used.length > 1;
  }, 'the new key');
  assert.deepEqual(used, ['sk-up-a', 'sk-up-b']);
});

test('a target has keys of its own', async (t) => {
  const lines = () => 'key sk-up-a id=a; key sk-up-b id=b; key env:NOBODY_HAS_SET_THIS if_set id=none; key sk-up-c;';
  const { ask, used, bad, gateway } = await start(t, { lines, model: 'target up keys=b; target up keys=none; target up keys=a,none; target other;' });
  for (let i = 0; i < 3; i++) await ask();
  assert.deepEqual(used.splice(0), ['sk-up-b', 'sk-up-b', 'sk-up-b']);
  // There is no other key for this target: the next one is asked, with its own.
  bad['sk-up-b'] = [401];
  const { response } = await ask();
  assert.equal(response.headers.get('x-llm-provider'), 'up');
  assert.deepEqual(used.splice(0), ['sk-up-b', 'sk-up-a']);
  await ask();
  assert.deepEqual(used.splice(0), ['sk-up-a']);
  bad['sk-up-a'] = [403];
  assert.equal((await ask()).response.headers.get('x-llm-provider'), 'other');
  assert.equal((await ask()).response.headers.get('x-llm-provider'), 'other');
  assert.deepEqual(used, ['sk-up-a']);
  assert.match(gateway.errorLog(), /llm: key 2 of upstream "up" was refused and rests/);
});

test('a model whose only key is left out is not there', async (t) => {
  const { gateway } = await start(t, { lines: () => 'key sk-up-a; key env:NOBODY_HAS_SET_THIS if_set id=none;', model: 'target up keys=none;' });
  const { status, body } = await chat(gateway, chatBody('m'));
  assert.equal(status, 503);
  assert.equal(JSON.parse(body).error.code, 'no_healthy_upstream');
});

test('keys that are not set are left out', async (t) => {
  const { ask, used } = await start(t, { lines: () => 'key env:LLM_TEST_NOT_SET if_set; key sk-up-b; key env:LLM_TEST_NOT_EITHER if_set;', keys: ['sk-up-b'] });
  await ask();
  await ask();
  assert.deepEqual(used, ['sk-up-b', 'sk-up-b']);
});
