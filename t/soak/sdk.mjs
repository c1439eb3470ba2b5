// What clients with OpenAI's SDK do in a soak, each kind with a weight. Every
// answer is held against OpenAI's schema and must be the request's own.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { KEY } from '../e2e/lib/gateway.mjs';
import { textOf } from '../e2e/lib/http.mjs';
import { checkedFetch } from '../e2e/lib/schema.mjs';
import { argumentsFor, NONCE, order, textFor, costOf } from './providers.mjs';

const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];

// Any nonce in there is this one.
export function assertOwn(nonce, text) {
  for (const [found] of text.matchAll(NONCE)) assert.equal(found, nonce, `another request's nonce in: ${text.slice(0, 500)}`);
}

export const orderFor = (soak, nonce, more = {}) => {
  const { random } = soak;
  const pad = 'p'.repeat(random.pick([0, 0, 100, 1000, 10000, 100000]));
  return order({ nonce, tokens: 1 + random.below(60), piece: random.pick([3, 7, 50]), pad, ...more });
};

// What has come of a stream that was left: the beginning of its own text.
export function assertBegun(nonce, chunks) {
  const text = textOf(chunks);
  assert.ok(textFor(nonce, text.length).startsWith(text), `not of ${nonce}: ${text.slice(0, 500)}`);
}

const messages = (content) => [{ role: 'user', content }];
const anyGood = ({ random }) => random.pick(['gpt-good', 'claude-good']);

async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

// One request to a model, whole or streamed: { text, calls, reason }.
async function ask(soak, nonce, { model, does, stream, tokens, ...more }) {
  const body = { model, stream, messages: messages(orderFor(soak, nonce, { does, tokens })), ...(stream && { stream_options: { include_usage: true } }), ...more };
  const { data, response } = await soak.client.chat.completions.create(body).withResponse();
  assertOwn(nonce, JSON.stringify([...response.headers]));
  assert.equal(response.headers.get('x-llm-upstream-request-id'), nonce);
  const got = stream ? await all(data) : data;
  assertOwn(nonce, JSON.stringify(got));
  const usage = stream ? got.at(-1).usage : got.usage;
  const cost = stream ? usage.cost : Number(response.headers.get('x-llm-cost'));
  assert.equal(cost, costOf(response.headers.get('x-llm-provider'), usage));
  if (!stream) {
    const [{ message, finish_reason: reason }] = got.choices;
    return { text: message.content, calls: message.tool_calls, reason };
  }
  const deltas = got.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  const pieces = deltas.flatMap(({ tool_calls: calls }) => calls ?? []);
  const calls = pieces.length > 0 ? [{ id: pieces[0].id, function: { name: pieces[0].function.name, arguments: pieces.map((c) => c.function.arguments ?? '').join('') } }] : undefined;
  assert.equal(usage.completion_tokens, 5);
  return { text: textOf(got), calls, reason: got.findLast(({ choices }) => choices.length)?.choices[0].finish_reason };
}

async function text(soak, nonce, model, stream) {
  const tokens = 1 + soak.random.below(100);
  const answer = await ask(soak, nonce, { model, stream, tokens });
  assert.deepEqual([answer.text, answer.reason], [textFor(nonce, tokens), 'stop']);
}

async function toolCall(soak, nonce, stream) {
  const tokens = 1 + soak.random.below(100);
  const { calls, reason } = await ask(soak, nonce, { model: anyGood(soak), does: 'tools', stream, tokens, tools });
  assert.equal(reason, 'tool_calls');
  assert.equal(calls[0].function.name, 'look');
  assert.ok(calls[0].id.endsWith(nonce));
  assert.deepEqual(JSON.parse(calls[0].function.arguments), argumentsFor(nonce, tokens));
}

async function failover(soak, nonce, stream) {
  const { random } = soak;
  const does = random.pick(['limited', 'failing', 'overloaded', 'closing', 'page', ...(stream ? ['silent', 'silent'] : [])]);
  const tokens = 1 + random.below(60);
  const content = orderFor(soak, nonce, { does: `${does}First`, tokens });
  const { data, response } = await soak.client.chat.completions
    .create({ model: random.pick(['gpt-over', 'claude-over']), stream, messages: messages(content) })
    .withResponse();
  assert.equal(response.headers.get('x-llm-attempts'), '2');
  const got = stream ? await all(data) : data;
  assertOwn(nonce, JSON.stringify([got, [...response.headers]]));
  assert.equal(stream ? textOf(got) : got.choices[0].message.content, textFor(nonce, tokens));
}

const expected = { limited: 429, failing: 502, overloaded: 503, refusing: 400, closing: 502, page: 502 };

async function error(soak, nonce) {
  const does = soak.random.pick(Object.keys(expected));
  const stream = soak.random.below(2) === 1;
  const request = ask(soak, nonce, { model: soak.random.pick(['gpt-bad', 'claude-bad']), does, stream });
  await assert.rejects(request, (error) => {
    assert.ok(error instanceof OpenAI.APIError, error.stack);
    assert.equal(error.status, expected[does], `${does}: ${error.message}`);
    assertOwn(nonce, `${error.message} ${JSON.stringify([...error.headers])}`);
    if (does === 'refusing') assert.ok(error.message.includes(nonce), error.message);
    return true;
  });
}

async function broken(soak, nonce) {
  const content = orderFor(soak, nonce, { does: soak.random.pick(['error', 'cut']), tokens: 20 });
  const stream = await soak.client.chat.completions.create({ model: anyGood(soak), stream: true, messages: messages(content) });
  let got = '';
  await assert.rejects(async () => {
    for await (const chunk of stream) {
      assertOwn(nonce, JSON.stringify(chunk));
      got += chunk.choices[0]?.delta.content ?? '';
    }
  }, OpenAI.APIError);
  // What came before it is the client's, and nothing is made up.
  assert.equal(got, textFor(nonce, 20));
}

async function abort(soak, nonce) {
  const begun = soak.random.below(2) === 1;
  const content = orderFor(soak, nonce, { does: begun ? 'stalling' : 'silent', tokens: 20 });
  const controller = new AbortController();
  const request = soak.client.chat.completions.create({ model: anyGood(soak), stream: true, messages: messages(content) }, { signal: controller.signal });
  if (!begun) setTimeout(() => controller.abort(), soak.random.below(50));
  const chunks = [];
  await assert.rejects(async () => {
    for await (const chunk of await request) {
      chunks.push(chunk);
      if (chunk.choices[0]?.delta.content) controller.abort();
    }
    throw new OpenAI.APIUserAbortError(); // a loop that is left ends the request, too
  }, OpenAI.APIUserAbortError);
  assertOwn(nonce, JSON.stringify(chunks));
  assertBegun(nonce, chunks);
}

async function models(soak, nonce) {
  const { data } = await soak.client.models.list();
  assert.deepEqual(data.map(({ id }) => id).sort(), ['claude-bad', 'claude-good', 'claude-over', 'gpt-bad', 'gpt-good', 'gpt-over']);
  await assert.rejects(soak.client.models.retrieve(nonce), (error) => error.status === 404);
}

async function refused(soak, nonce) {
  const body = { model: anyGood(soak), messages: messages(orderFor(soak, nonce)) };
  const cases = [
    [401, () => soak.stranger.chat.completions.create(body)],
    [404, () => soak.client.chat.completions.create({ ...body, model: nonce })],
    [400, () => soak.client.chat.completions.create({ ...body, messages: [] })],
    [400, () => soak.client.chat.completions.create({ ...body, temperature: 'warm' })],
  ];
  const [status, call] = soak.random.pick(cases);
  await assert.rejects(call(), (error) => {
    assert.equal(error.status, status, error.message);
    assertOwn(nonce, error.message);
    return true;
  });
}

export function sdkClients(t, gateway) {
  const options = { baseURL: gateway.url, maxRetries: 0, fetch: checkedFetch(t) };
  return { client: new OpenAI({ apiKey: KEY, ...options }), stranger: new OpenAI({ apiKey: 'sk-stranger', ...options }) };
}

// [kind, weight, run(soak, nonce)]
export const sdkKinds = [
  ['streams', 20, (soak, nonce) => text(soak, nonce, anyGood(soak), true)],
  ['whole answers', 20, (soak, nonce) => text(soak, nonce, anyGood(soak), false)],
  ['tools, streamed', 8, (soak, nonce) => toolCall(soak, nonce, true)],
  ['tools, whole', 8, (soak, nonce) => toolCall(soak, nonce, false)],
  ['failovers, streamed', 8, (soak, nonce) => failover(soak, nonce, true)],
  ['failovers, whole', 8, (soak, nonce) => failover(soak, nonce, false)],
  ['errors', 8, error],
  ['broken streams', 6, broken],
  ['aborts', 6, abort],
  ['lists of models', 2, models],
  ['refusals', 4, refused],
];
