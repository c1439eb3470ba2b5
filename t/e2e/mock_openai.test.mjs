// The OpenAI mock, driven by OpenAI's own SDK without the gateway: what
// satisfies the one is what the other has to deal with.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { OpenAIMock } from '../mock/openai.mjs';
import { checkedFetch } from './lib/schema.mjs';

const KEY = 'sk-mock';
const ask = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Grüße, "Welt" 🌍' }] };
const weather = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

async function start(t, options = {}) {
  const mock = await OpenAIMock.start(t);
  const client = new OpenAI({ apiKey: KEY, baseURL: `${mock.url}/v1`, maxRetries: 0, fetch: checkedFetch(t), ...options });
  return { mock, client };
}

const call = (id, args) => ({ id, name: 'get_weather', arguments: args });
const called = (id, args) => ({ id, type: 'function', function: { name: 'get_weather', arguments: args } });

const answers = [
  { name: 'the echo', script: {}, message: { content: 'Grüße, "Welt" 🌍' }, finish: 'stop' },
  { name: 'a text', script: { content: 'Hello there' }, message: { content: 'Hello there' }, finish: 'stop' },
  {
    name: 'a text cut short',
    script: { content: 'Hel', finish_reason: 'length' },
    message: { content: 'Hel' },
    finish: 'length',
  },
  { name: 'a refusal', script: { refusal: 'I cannot.' }, message: { content: null, refusal: 'I cannot.' }, finish: 'stop' },
  {
    name: 'a call',
    request: { tools: [weather] },
    script: { tool_calls: [call('call_1', '{"city":"Köln"}')] },
    message: { content: null, tool_calls: [called('call_1', '{"city":"Köln"}')] },
    finish: 'tool_calls',
  },
  {
    name: 'two calls after a text',
    request: { tools: [weather] },
    script: { content: 'Let me see.', tool_calls: [call('call_1', '{"city":"Köln"}'), call('call_2', '{}')] },
    message: { content: 'Let me see.', tool_calls: [called('call_1', '{"city":"Köln"}'), called('call_2', '{}')] },
    finish: 'tool_calls',
  },
];

const usage = { prompt_tokens: 7, completion_tokens: 11, total_tokens: 18 };

function assertMessage(choice, message, finish) {
  const { content, refusal, tool_calls: calls } = choice.message;
  assert.equal(content || null, message.content); // a stream begins with an empty one
  assert.equal(refusal ?? null, message.refusal ?? null);
  const plain = calls?.map(({ id, type, function: { name, arguments: args } }) => ({
    id,
    type,
    function: { name, arguments: args },
  }));
  assert.deepEqual(plain, message.tool_calls);
  assert.equal(choice.finish_reason, finish);
}

for (const { name, request, script, message, finish } of answers) {
  test(`whole: ${name}`, async (t) => {
    const { mock, client } = await start(t);
    mock.say({ ...script, usage });
    const answer = await client.chat.completions.create({ ...ask, ...request });
    assertMessage(answer.choices[0], message, finish);
    assert.equal(answer.usage.total_tokens, 18);
    assert.match(answer._request_id, /^req_mock/);
  });

  for (const cut of [{}, { size: 1, units: true }]) {
    test(`streamed${cut.units ? ' unit by unit' : ''}: ${name}`, async (t) => {
      const { mock, client } = await start(t);
      mock.say({ ...script, ...cut, usage });
      const stream = client.chat.completions.stream({ ...ask, ...request, stream_options: { include_usage: true } });
      const answer = await stream.finalChatCompletion();
      assertMessage(answer.choices[0], message, finish);
      assert.equal(answer.usage.total_tokens, 18);
    });
  }
}

test('usage comes only when it is asked for, and null before', async (t) => {
  const { client } = await start(t);
  for (const options of [undefined, { include_usage: false }, { include_usage: true }]) {
    const seen = [];
    const stream = await client.chat.completions.create({ ...ask, stream: true, stream_options: options });
    for await (const chunk of stream) seen.push(chunk);
    const last = seen.at(-1);
    if (options?.include_usage) {
      assert.ok(seen.slice(0, -1).every((chunk) => chunk.usage === null));
      assert.deepEqual(last.choices, []);
      assert.equal(last.usage.total_tokens, 25);
    } else {
      assert.ok(seen.every((chunk) => !('usage' in chunk)));
      assert.equal(last.choices[0].finish_reason, 'stop');
    }
  }
});

test('several choices', async (t) => {
  const { client } = await start(t);
  const whole = await client.chat.completions.create({ ...ask, n: 3 });
  assert.deepEqual(
    whole.choices.map(({ index }) => index),
    [0, 1, 2],
  );
  const streamed = await client.chat.completions.stream({ ...ask, n: 3 }).finalChatCompletion();
  assert.deepEqual(
    streamed.choices.map(({ message }) => message.content),
    Array(3).fill(ask.messages[0].content),
  );
});

test('a tool loop', async (t) => {
  const { mock, client } = await start(t);
  mock.say({ tool_calls: [call('call_1', '{"city":"Köln"}')] }, { content: 'Rain.' });
  const { choices } = await client.chat.completions.create({ ...ask, tools: [weather] });
  const messages = [...ask.messages, choices[0].message, { role: 'tool', tool_call_id: 'call_1', content: 'rain' }];
  const answer = await client.chat.completions.create({ ...ask, messages, tools: [weather] });
  assert.equal(answer.choices[0].message.content, 'Rain.');
});

const errors = [
  [400, OpenAI.BadRequestError, 'invalid_request_error'],
  [401, OpenAI.AuthenticationError, 'invalid_request_error'],
  [403, OpenAI.PermissionDeniedError, 'invalid_request_error'],
  [404, OpenAI.NotFoundError, 'invalid_request_error'],
  [429, OpenAI.RateLimitError, 'requests'],
  [500, OpenAI.InternalServerError, 'server_error'],
  [503, OpenAI.InternalServerError, 'service_unavailable_error'],
];

for (const [status, kind, type] of errors) {
  test(`error ${status}`, async (t) => {
    const { mock, client } = await start(t);
    mock.fail(status, 'Something is wrong.', { code: 'some_code', param: 'some.param', headers: { 'retry-after': '3' } });
    await assert.rejects(client.chat.completions.create(ask), (error) => {
      assert.ok(error instanceof kind, error.constructor.name);
      const { code, param, type: said } = error;
      assert.deepEqual(
        { status: error.status, code, param, said },
        { status, code: 'some_code', param: 'some.param', said: type },
      );
      assert.match(error.message, /Something is wrong\./);
      assert.equal(error.headers.get('retry-after'), '3');
      assert.match(error.requestID, /^req_mock/);
      return true;
    });
  });
}

test('an error in mid-stream', async (t) => {
  const { mock, client } = await start(t, { fetch });
  mock.say({ content: 'Hello there', end: 'error' });
  let text = '';
  await assert.rejects(
    async () => {
      for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
        text += chunk.choices[0].delta.content ?? '';
      }
    },
    { type: 'server_error' },
  );
  assert.equal(text, 'Hello there');
});

test('a connection cut in mid-stream', async (t) => {
  const { mock, client } = await start(t, { fetch });
  mock.say({ content: 'Hello there', end: 'cut' });
  let text = '';
  const stream = client.chat.completions.stream(ask).on('content', (piece) => (text += piece));
  await assert.rejects(stream.finalChatCompletion());
  assert.equal(text, 'Hello there');
});

test('a wrong key', async (t) => {
  const { client } = await start(t, { apiKey: 'sk-other' });
  await assert.rejects(client.chat.completions.create(ask), { status: 401, code: 'invalid_api_key' });
});

test('endpoints there are none of', async (t) => {
  const { client } = await start(t);
  await assert.rejects(client.models.list(), { status: 404 });
  await assert.rejects(client.embeddings.create({ model: 'x', input: 'y' }), { status: 404 });
});
