// The stand-in for Cohere, as Cohere's own SDK sees it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { CohereClientV2 } from 'cohere-ai';
import { CohereMock } from '../mock/cohere.mjs';

const user = [{ role: 'user', content: 'Hello there' }];
const weather = { type: 'function', function: { name: 'weather', description: 'The weather.', parameters: { type: 'object', properties: { city: { type: 'string' } } } } };

async function start(t, options = {}) {
  const mock = await CohereMock.start(t);
  return { mock, client: new CohereClientV2({ token: mock.key, environment: mock.url, maxRetries: 0, ...options }) };
}

test('a whole answer', async (t) => {
  const { client } = await start(t);
  const answer = await client.chat({ model: 'command-a', messages: user });
  assert.equal(answer.message.content[0].text, 'Hello there');
  assert.equal(answer.finishReason, 'COMPLETE');
  assert.equal(answer.usage.tokens.inputTokens, 507);
});

test('a stream with thoughts', async (t) => {
  const { mock, client } = await start(t);
  mock.say({ thinking: 'Sum.', text: 'It is four.' });
  let text = '';
  let thinking = '';
  const types = new Set();
  for await (const event of await client.chatStream({ model: 'command-a-reasoning', messages: user, thinking: { type: 'enabled' } })) {
    types.add(event.type);
    if (event.type !== 'content-delta') continue;
    text += event.delta.message.content.text ?? '';
    thinking += event.delta.message.content.thinking ?? '';
  }
  assert.deepEqual([text, thinking], ['It is four.', 'Sum.']);
  assert.deepEqual([...types], ['message-start', 'content-start', 'content-delta', 'content-end', 'message-end']);
});

test('a stream that calls tools, and their results', async (t) => {
  const { mock, client } = await start(t);
  mock.say({ calls: [{ id: 'weather_1', name: 'weather', arguments: '{"city":"Oslo"}' }] });
  const calls = [];
  for await (const event of await client.chatStream({ model: 'command-a', messages: user, tools: [weather], toolChoice: 'REQUIRED' })) {
    if (event.type === 'tool-call-start') calls.push({ ...event.delta.message.toolCalls });
    if (event.type === 'tool-call-delta') calls.at(-1).function.arguments += event.delta.message.toolCalls.function.arguments;
  }
  assert.deepEqual(calls, [{ id: 'weather_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }]);
  const answer = await client.chat({
    model: 'command-a',
    tools: [weather],
    messages: [...user, { role: 'assistant', toolPlan: 'Look.', toolCalls: calls }, { role: 'tool', toolCallId: 'weather_1', content: '7 degrees' }],
  });
  assert.equal(answer.message.content[0].text, '7 degrees');
});

test('embeddings and an order', async (t) => {
  const { client } = await start(t);
  const { embeddings } = await client.embed({ model: 'embed-v4.0', inputType: 'search_query', texts: ['a', 'bb'], embeddingTypes: ['float'] });
  assert.deepEqual(embeddings.float, [[1, 0.5, -0.25], [2, 0.5, -0.25]]);
  const { results } = await client.rerank({ model: 'rerank-v3.5', query: 'q', documents: ['long text', 'short'], topN: 1 });
  assert.deepEqual(results.map(({ index }) => index), [1]);
});

const wrong = [
  ['a key', (c) => c.chat({ model: 'm', messages: user }), 401, { token: 'other' }],
  ['a model', (c) => c.chat({ model: 'nonexistent', messages: user }), 404],
  ['no messages', (c) => c.chat({ model: 'm', messages: [] }), 400],
  ['a part', (c) => c.chat({ model: 'm', messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, {}), 400],
  ['p', (c) => c.chat({ model: 'm', messages: user, p: 1 }), 400],
  ['tools with a format', (c) => c.chat({ model: 'm', messages: user, tools: [weather], responseFormat: { type: 'json_object' } }), 400],
  ['a result without a call', (c) => c.chat({ model: 'm', messages: [...user, { role: 'tool', toolCallId: 'x', content: 'y' }] }), 400],
  ['too many texts', (c) => c.embed({ model: 'm', inputType: 'clustering', texts: Array(97).fill('a') }), 400],
];
for (const [name, ask, status, options] of wrong) {
  test(`it refuses ${name}`, async (t) => {
    const { client } = await start(t, options);
    await assert.rejects(ask(client), (error) => error.statusCode === status || error.constructor.name === 'ParseError' || /Expected/.test(error.message));
  });
}
