// A failover rehearsed: the first provider is told to fail by headers that only
// it gets.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { Gateway, KEY } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';

const orders = ['delay', 'status', 'die'].map((name) => `pass_header x-sandbox-${name};`).join(' ');
const http = (gateway) => {
  const provider = (name, type, more) => `llm_provider ${name} { type ${type}; pass http://unix:${gateway.dir}/sandbox.sock:/${type}/v1; key sandbox; breaker off; ${more} }`;
  return `
    ${provider('openai', 'openai', orders)} ${provider('anthropic', 'anthropic', orders)}
    ${provider('good-openai', 'openai', '')} ${provider('good-anthropic', 'anthropic', '')}
    ${provider('slow-openai', 'openai', `${orders} first_token_timeout 100ms; total_timeout 100ms;`)}
    llm_model openai { target openai; fallback good-anthropic/claude; }
    llm_model anthropic { target anthropic; fallback good-openai/gpt; }
    llm_model alone { target openai; }
    llm_model twice { target openai; target anthropic; }
    llm_model impatient { target slow-openai; fallback good-openai/gpt; }
    server {
      listen unix:${gateway.dir}/sandbox.sock;
      location /openai/ { llm_sandbox openai; }
      location /anthropic/ { llm_sandbox anthropic; }
    }`;
};
const messages = [{ role: 'user', content: 'one two three' }];

// How the client fares: { text, served, attempts }, or the error.
async function ask(gateway, model, headers, stream) {
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const { data, response } = await client.chat.completions.create({ model, messages, stream }, { headers }).withResponse();
  const facts = { served: response.headers.get('x-llm-provider'), attempts: response.headers.get('x-llm-attempts') };
  if (!stream) return { ...facts, text: data.choices[0].message.content };
  let text = '';
  try {
    for await (const chunk of data) text += chunk.choices[0]?.delta?.content ?? '';
  } catch (error) {
    return { ...facts, text, error: error.code ?? error.error?.code };
  }
  return { ...facts, text };
}

const other = { openai: 'good-anthropic', anthropic: 'good-openai' };
for (const model of ['openai', 'anthropic']) {
  test(`${model} fails, the other one answers`, async (t) => {
    const gateway = await Gateway.start(t, { http });
    for (const stream of [false, true]) {
      for (const status of [401, 403, 404, 408, 429, 500, 502, 503, 529]) {
        const got = await ask(gateway, model, { 'x-sandbox-status': String(status) }, stream);
        assert.deepEqual(got, { served: other[model], attempts: '2', text: 'one two three' }, `${status}`);
      }
      const untold = await ask(gateway, model, {}, stream);
      assert.deepEqual(untold, { served: model, attempts: '1', text: 'one two three' });
      const dead = await ask(gateway, model, { 'x-sandbox-die': '0' }, stream);
      assert.deepEqual(dead, { served: other[model], attempts: '2', text: 'one two three' });
    }
    // What is wrong with the request is wrong everywhere.
    await assert.rejects(ask(gateway, model, { 'x-sandbox-status': '400' }, false), { status: 400 });
  });
}

// The events of a stream before its first token.
const silentEvents = { openai: 1, anthropic: 3 };
for (const [model, silent] of Object.entries(silentEvents)) {
  test(`${model} dies in a stream: before its first token the other one answers, after it nobody does`, async (t) => {
    const gateway = await Gateway.start(t, { http });
    for (let die = 1; die <= silent; die++) {
      const got = await ask(gateway, model, { 'x-sandbox-die': String(die) }, true);
      assert.deepEqual(got, { served: other[model], attempts: '2', text: 'one two three' }, `after ${die} events`);
    }
    for (const [die, text] of [[silent + 1, 'one'], [silent + 2, 'one two'], [silent + 3, 'one two three']]) {
      const got = await ask(gateway, model, { 'x-sandbox-die': String(die) }, true);
      assert.deepEqual(got, { served: model, attempts: '1', text, error: 'stream_interrupted' }, `after ${die} events`);
    }
  });
}

// [status of the sandbox, of the answer, its code]
const failures = [
  [401, 502, 'upstream_credentials_exhausted'],
  [403, 502, 'upstream_credentials_exhausted'],
  [404, 404, 'model_not_found'],
  [429, 429, 'rate_limit_exceeded'],
  [500, 502, 'upstream_error'],
  [503, 503, 'overloaded'],
  [529, 503, 'overloaded'],
];
test('nobody is left', async (t) => {
  const gateway = await Gateway.start(t, { http });
  for (const [status, expected, code] of failures) {
    for (const [model, attempts] of [['alone', '1'], ['twice', '2']]) {
      const answer = await chat(gateway, { model, messages }, { 'x-sandbox-status': String(status) });
      assert.deepEqual([answer.status, JSON.parse(answer.body).error.code, answer.headers['x-llm-attempts']], [expected, code, attempts]);
      assert.equal(answer.headers['retry-after'], [429, 503, 529].includes(status) ? '1' : undefined);
    }
  }
});

test('who is too slow is given up', async (t) => {
  const gateway = await Gateway.start(t, { http });
  for (const stream of [false, true]) {
    const got = await ask(gateway, 'impatient', { 'x-sandbox-delay': '1h' }, stream);
    assert.deepEqual(got, { served: 'good-openai', attempts: '2', text: 'one two three' });
  }
});
