// Cohere behind the gateway, with OpenAI's SDK in front of it.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { CohereMock } from '../mock/cohere.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { checkedFetch } from './lib/schema.mjs';

const model = 'command-a-reasoning';
const user = [{ role: 'user', content: 'How warm is it in Oslo?' }];
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
const call = { id: 'weather_1', name: 'weather', arguments: '{"city":"Oslo"}' };

async function serve(t) {
  const mock = await CohereMock.start(t, { key: 'co-upstream-0123456789' });
  const gateway = await Gateway.start(t, {
    http: `llm_provider up { type cohere; pass ${mock.url}; key ${mock.key}; } llm_model * { target up; }`,
  });
  return { mock, client: new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0, fetch: checkedFetch(t) }) };
}

test('a whole answer', async (t) => {
  const { mock, client } = await serve(t);
  mock.say({ thinking: 'Look at it.', text: 'Seven degrees.' });
  const { data, response } = await client.chat.completions.create({ model, messages: user, top_p: 1, reasoning_effort: 'low', user: 'u' }).withResponse();
  const [{ message, finish_reason: reason }] = data.choices;
  assert.deepEqual([message.content, message.reasoning_content, reason], ['Seven degrees.', 'Look at it.', 'stop']);
  assert.equal(data.model, model);
  assert.deepEqual([data.usage.prompt_tokens, data.usage.completion_tokens, data.usage.prompt_tokens_details.cached_tokens], [507, 10, 448]);
  assert.equal(response.headers.get('x-llm-dropped'), 'user');
  assert.deepEqual(mock.last.json.thinking, { type: 'enabled', token_budget: 1024 });
});

test('a stream, whatever the pieces', async (t) => {
  const { mock, client } = await serve(t);
  for (const size of [1, 3, 100]) {
    mock.say({ thinking: 'Grad Celsius', text: 'Sieben °C 🌡️', size, units: size === 1 });
    const runner = client.chat.completions.stream({ model, messages: user, stream_options: { include_usage: true } });
    const answer = await runner.finalChatCompletion();
    assert.equal(answer.choices[0].message.content, 'Sieben °C 🌡️');
    assert.equal(answer.usage.total_tokens, 517);
  }
});

test('tools, called and answered, streamed and not', async (t) => {
  const { mock, client } = await serve(t);
  for (const stream of [false, true]) {
    mock.say({ calls: [call, { ...call, id: 'weather_2', arguments: 'null' }], plan: 'I will look.' }, { text: '7 degrees' });
    const ask = async (messages, more) =>
      stream ? client.chat.completions.stream({ model, messages, tools, ...more }).finalChatCompletion() : client.chat.completions.create({ model, messages, tools, ...more });
    const { choices: [{ message, finish_reason: reason }] } = await ask(user, { tool_choice: 'required' });
    assert.equal(reason, 'tool_calls');
    assert.deepEqual(message.tool_calls.map(({ id, function: f }) => [id, f.name, f.arguments]), [
      ['weather_1', 'weather', '{"city":"Oslo"}'],
      ['weather_2', 'weather', '{}'],
    ]);
    assert.equal(mock.last.json.tool_choice, 'REQUIRED');
    const results = message.tool_calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: '7 degrees' }));
    const { choices: [{ message: said }] } = await ask([...user, message, ...results]);
    assert.equal(said.content, '7 degrees');
  }
});

test('a JSON schema, an image, a length', async (t) => {
  const { mock, client } = await serve(t);
  const schema = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] };
  mock.say({ text: '{"a":1}', finish_reason: 'MAX_TOKENS' });
  const answer = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }] }],
    response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
    stop: 'x',
    max_completion_tokens: 5,
  });
  assert.equal(answer.choices[0].finish_reason, 'length');
  assert.deepEqual(mock.last.json.response_format, { type: 'json_object', json_schema: schema });
  assert.deepEqual(mock.last.json.stop_sequences, ['x']);
});

test('errors', async (t) => {
  const { mock, client } = await serve(t);
  const ask = (more) => client.chat.completions.create({ model, messages: user, ...more });
  await assert.rejects(ask({ model: 'nonexistent' }), { status: 404, code: 'model_not_found' });
  mock.fail(400, 'too many tokens: size limit exceeded by 100 tokens');
  await assert.rejects(ask({}), { status: 400, code: 'context_length_exceeded' });
  mock.fail(429, 'You are using a Trial key, which is limited to 20 API calls / minute');
  await assert.rejects(ask({}), { status: 429 });
  mock.fail(498, 'blocked');
  await assert.rejects(ask({}), { status: 502, code: 'upstream_credentials_exhausted' });
  await assert.rejects(ask({ n: 2 }), { status: 400, param: 'n' });
  mock.say({ text: 'Half', end: 'error' });
  const stream = client.chat.completions.stream({ model, messages: user });
  await assert.rejects(stream.finalChatCompletion());
});
