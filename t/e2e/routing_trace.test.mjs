// What a client is told of its request's way.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { answer, chunk, errorBody, RawProvider, sized, stream as streamOf, streamHead } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { chat, events } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody } from './lib/wire.mjs';

async function start(t, options = {}) {
  const dead = await freePort();
  const up = await RawProvider.start(t, async (x) => {
    if (x.name === 'down') return x.end(sized(503, errorBody[x.format](503, 'Down.')));
    if (x.name !== 'dies') return answer(x, 'Hello there');
    const { opening, content } = streamOf[x.format](['one ']);
    await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
    return x.reset();
  });
  const at = (name) => `http://127.0.0.1:${up.port}/${name}`;
  const gateway = await Gateway.start(t, {
    http: `
      ${provider('down', 'openai', at('down'))}
      ${provider('gone', 'openai', `http://127.0.0.1:${dead}`)}
      ${provider('dies', 'openai', at('dies'))}
      ${provider('open', 'openai', at('down'), 'breaker failures=1 cooldown=1h;')}
      ${provider('good', 'openai', at('good'))}
      ${provider('claude', 'anthropic', at('claude'))}
      llm_model m { target down/a; target gone/b; target open/c; target good/d; }
      llm_model c { target down/a; target claude/d; }
      llm_model nobody { target down/a; target gone/b; }
      llm_model dies { target down/a; target dies/b; }
      llm_model unable { target claude/a; target good/d; }
      llm_model breaks { target open/c; target good/d; }`,
    ...options,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const trace = { headers: { 'x-llm-trace': '1' } };
  const ask = (model, more = {}, how = trace) => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }], ...more }, how).withResponse();
  return { up, gateway, ask };
}

// Times differ.
const still = (text) => text.replace(/\d+ms/g, 'Nms');
const facts = (trace) => trace.map(({ target, status, ms, reason }) => {
  assert.ok(ms === null || (Number.isInteger(ms) && ms >= 0 && ms < 60000), ms);
  return [target, status, ms !== null, reason];
});
const way = [
  ['down/a', 503, true, 'overloaded'],
  ['gone/b', null, true, 'no response'],
  ['open/c', null, false, 'breaker open'],
  ['good/d', 200, true, 'served'],
];

test('whole: in the header', async (t) => {
  const { ask } = await start(t);
  await ask('breaks');
  const { response, data } = await ask('m');
  assert.equal(still(response.headers.get('x-llm-trace')), 'down/a 503 Nms overloaded, gone/b - Nms no response, open/c - - breaker open, good/d 200 Nms served');
  assert.equal(data.llm_trace, undefined, 'the body is the provider\'s');
  assert.equal((await ask('m', {}, {})).response.headers.get('x-llm-trace'), null, 'for those who ask');
});

for (const [model, last] of [['m', 'good/d'], ['c', 'claude/d']]) {
  test(`streamed: in the header and at the end, ${last}`, async (t) => {
    const { ask } = await start(t);
    await ask('breaks');
    const { response, data } = await ask(model, { stream: true, stream_options: { include_usage: true } });
    assert.match(response.headers.get('x-llm-trace'), new RegExp(`${last} 200 \\d+ms served$`));
    const chunks = [];
    for await (const c of data) chunks.push(c);
    const end = chunks.at(-1);
    assert.deepEqual(end.choices, []);
    assert.equal(end.id, chunks[0].id);
    assert.deepEqual(facts(end.llm_trace), model === 'm' ? way : [way[0], ['claude/d', 200, true, 'served']]);
    assert.equal(chunks.filter((c) => c.llm_trace).length, 1);
    assert.ok(chunks.some((c) => c.usage));
  });
}

test('an error: in its body', async (t) => {
  const { gateway } = await start(t);
  const answer = await chat(gateway, chatBody('nobody'), { 'x-llm-trace': '1' });
  assert.equal(answer.status, 503);
  const { error, llm_trace: trace } = JSON.parse(answer.body);
  assert.equal(error.code, 'overloaded');
  assert.deepEqual(facts(trace), way.slice(0, 2));
  assert.equal(still(answer.headers['x-llm-trace']), 'down/a 503 Nms overloaded, gone/b - Nms no response');
  assert.deepEqual(Object.keys(JSON.parse((await chat(gateway, chatBody('nobody'))).body)), ['error']);
});

test('a stream that breaks: before the error', async (t) => {
  const { gateway } = await start(t);
  const answer = await chat(gateway, chatBody('dies', { stream: true }), { 'x-llm-trace': '1' });
  const chunks = events(answer.body);
  assert.equal(chunks.at(-1).error.code, 'stream_interrupted');
  const trace = facts(chunks.at(-2).llm_trace);
  assert.deepEqual(trace.map(([target]) => target), ['down/a', 'dies/b']);
  assert.match(trace[1][3], /connection closed in the middle of the stream/);
});

test('a refusal is told', async (t) => {
  const { ask } = await start(t);
  const { response } = await ask('unable', { n: 2 });
  assert.match(response.headers.get('x-llm-trace'), /^claude\/a - - cannot carry n, good\/d 200 \d+ms served$/);
});

test('a dry run sends nothing', async (t) => {
  const { gateway, ask, up } = await start(t);
  await ask('breaks');
  const sent = up.exchanges.length;
  const answer = await chat(gateway, chatBody('m', { stream: true }), { 'x-llm-dry-run': '1' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/json');
  const { object, model, llm_trace: trace } = JSON.parse(answer.body);
  assert.deepEqual([object, model], ['llm.dry_run', 'm']);
  assert.deepEqual(trace.map(({ target, reason }) => [target, reason]), [
    ['down/a', 'would be asked'],
    ['gone/b', 'if those before fail'],
    ['open/c', 'breaker open'],
    ['good/d', 'if those before fail'],
  ]);
  assert.equal(up.exchanges.length, sent);
  const unknown = await chat(gateway, chatBody('nothing'), { 'x-llm-dry-run': '1' });
  assert.equal(unknown.status, 404);
});

test('nothing of it with llm_headers off', async (t) => {
  const { gateway, ask } = await start(t, { location: 'llm_headers off;' });
  assert.equal((await ask('m')).response.headers.get('x-llm-trace'), null);
  const dry = await chat(gateway, chatBody('m'), { 'x-llm-dry-run': '1' });
  assert.equal(dry.status, 400);
  assert.ok(!dry.body.includes('good'));
});
