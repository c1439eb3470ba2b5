// The Anthropic mock, driven by Anthropic's own SDK without the gateway: what
// satisfies the one is what the other has to deal with.
import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { AnthropicMock, redact, signThinking } from '../mock/anthropic.mjs';

const KEY = 'sk-ant-mock';
const ask = { model: 'claude-opus-5', max_tokens: 4096, messages: [{ role: 'user', content: 'Grüße, "Welt" 🌍' }] };
const weather = {
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

async function start(t, options = {}) {
  const mock = await AnthropicMock.start(t);
  const client = new Anthropic({ apiKey: KEY, baseURL: mock.url, maxRetries: 0, ...options });
  return { mock, client };
}

const call = (id, input, name = 'get_weather') => ({ type: 'tool_use', id, name, input });

const answers = [
  { name: 'the echo', script: {}, content: [{ type: 'text', text: 'Grüße, "Welt" 🌍' }], stop: 'end_turn' },
  { name: 'a text', script: { text: 'Hello there' }, content: [{ type: 'text', text: 'Hello there' }], stop: 'end_turn' },
  {
    name: 'a text cut at max_tokens',
    script: { text: 'Hello th', stop_reason: 'max_tokens' },
    content: [{ type: 'text', text: 'Hello th' }],
    stop: 'max_tokens',
  },
  {
    name: 'two calls after a text',
    request: { tools: [weather] },
    script: { content: [{ type: 'text', text: 'Let me see.' }, call('toolu_01', { city: 'Köln' }), call('toolu_02', {})] },
    content: [{ type: 'text', text: 'Let me see.' }, call('toolu_01', { city: 'Köln' }), call('toolu_02', {})],
    stop: 'tool_use',
  },
  {
    name: 'thinking',
    request: { thinking: { type: 'enabled', budget_tokens: 1024 } },
    script: {
      content: [
        { type: 'thinking', thinking: 'Hm, hm.' },
        { type: 'redacted_thinking', data: redact('x') },
        { type: 'text', text: 'Yes.' },
      ],
    },
    content: [
      { type: 'thinking', thinking: 'Hm, hm.', signature: signThinking('Hm, hm.') },
      { type: 'redacted_thinking', data: redact('x') },
      { type: 'text', text: 'Yes.' },
    ],
    stop: 'end_turn',
  },
  {
    name: 'a refusal without a word',
    script: { content: [], stop_reason: 'refusal', stop_details: { type: 'refusal', category: 'cyber', explanation: 'No.' } },
    content: [],
    stop: 'refusal',
  },
];

const usage = { input_tokens: 7, output_tokens: 11, cache_read_input_tokens: 3 };

for (const { name, request, script, content, stop } of answers) {
  test(`whole: ${name}`, async (t) => {
    const { mock, client } = await start(t);
    mock.say({ ...script, usage });
    const message = await client.messages.create({ ...ask, ...request });
    assert.deepEqual(message.content, content);
    assert.equal(message.stop_reason, stop);
    assert.equal(message.model, ask.model);
    assert.equal(message.usage.input_tokens, 7);
    assert.equal(message.usage.output_tokens, 11);
    assert.match(message._request_id, /^req_/);
  });

  for (const cut of [{}, { size: 1, units: true }]) {
    test(`streamed${cut.units ? ' unit by unit' : ''}: ${name}`, async (t) => {
      const { mock, client } = await start(t);
      mock.say({ ...script, ...cut, usage });
      const stream = client.messages.stream({ ...ask, ...request });
      const message = await stream.finalMessage();
      assert.deepEqual(message.content, content);
      assert.equal(message.stop_reason, stop);
      assert.equal(message.usage.input_tokens, 7);
      assert.equal(message.usage.output_tokens, 11);
      assert.equal(message.usage.cache_read_input_tokens, 3);
    });
  }
}

test('a tool loop, with thinking given back', async (t) => {
  const { mock, client } = await start(t);
  const request = { ...ask, tools: [weather], thinking: { type: 'enabled', budget_tokens: 1024 } };
  mock.say({ content: [{ type: 'thinking', thinking: 'A city.' }, call('toolu_01', { city: 'Köln' })] });
  const turn = await client.messages.create(request);
  mock.say({ text: 'Rain.' });
  const messages = [
    ...ask.messages,
    { role: 'assistant', content: turn.content },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: turn.content[1].id, content: 'rain' }] },
  ];
  const answer = await client.messages.create({ ...request, messages });
  assert.equal(answer.content[0].text, 'Rain.');
});

test('the raw stream has names, pings, padding and an empty first piece of input', async (t) => {
  const { mock } = await start(t);
  mock.say({ content: [call('toolu_01', { city: 'Köln' })] });
  const response = await fetch(`${mock.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
    body: JSON.stringify({ ...ask, stream: true, tools: [weather] }),
  });
  const events = (await response.text()).split('\n\n').slice(0, -1);
  for (const event of events) assert.match(event, /^event: (\w+)\ndata: \{"type": ?"\1".*\}$/);
  const named = events.map((event) => event.split('\n')[0].slice('event: '.length));
  const expected = ['message_start', 'content_block_start', 'ping', 'content_block_delta'];
  assert.deepEqual(named.slice(0, 4), expected);
  assert.deepEqual(named.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
  assert.match(events[3], /"partial_json":""/);
  assert.ok(
    events.some((event) => /} +}$/.test(event)),
    'padding',
  );
});

const errors = [
  [400, Anthropic.BadRequestError, 'invalid_request_error'],
  [401, Anthropic.AuthenticationError, 'authentication_error'],
  [403, Anthropic.PermissionDeniedError, 'permission_error'],
  [404, Anthropic.NotFoundError, 'not_found_error'],
  [429, Anthropic.RateLimitError, 'rate_limit_error'],
  [500, Anthropic.InternalServerError, 'api_error'],
  [529, Anthropic.InternalServerError, 'overloaded_error'],
];

for (const [status, kind, type] of errors) {
  test(`error ${status}`, async (t) => {
    const { mock, client } = await start(t);
    mock.fail(status, 'Something is wrong.', { headers: { 'retry-after': '3' } });
    await assert.rejects(client.messages.create(ask), (error) => {
      assert.ok(error instanceof kind, error.constructor.name);
      assert.equal(error.status, status);
      assert.equal(error.type, type);
      assert.equal(error.apiMessage, 'Something is wrong.');
      assert.equal(error.headers.get('retry-after'), '3');
      assert.match(error.requestID, /^req_/);
      return true;
    });
  });
}

test('an error event in mid-stream', async (t) => {
  const { mock, client } = await start(t);
  mock.say({ text: 'Hello there', end: 'error' });
  const seen = [];
  await assert.rejects(
    async () => {
      for await (const event of await client.messages.create({ ...ask, stream: true })) {
        if (event.type === 'content_block_delta') seen.push(event.delta.text);
      }
    },
    { type: 'overloaded_error' },
  );
  assert.equal(seen.join(''), 'Hello there');
});

test('a connection cut in mid-stream', async (t) => {
  const { mock, client } = await start(t);
  mock.say({ text: 'Hello there', end: 'cut' });
  let text = '';
  const stream = client.messages.stream(ask).on('text', (piece) => (text += piece));
  await assert.rejects(stream.finalMessage());
  assert.equal(text, 'Hello there');
});

test('a client that goes away in mid-stream', async (t) => {
  const { mock, client } = await start(t);
  let go;
  const gate = new Promise((done) => (go = done));
  mock.say({ text: 'Hello there', before: (event) => event.type === 'content_block_stop' && gate });
  const stream = await client.messages.create({ ...ask, stream: true });
  for await (const event of stream) {
    if (event.type === 'content_block_delta') break;
  }
  assert.equal(await mock.last.closed, 'aborted');
  go();
});

test('a wrong key', async (t) => {
  const { client } = await start(t, { apiKey: 'sk-ant-other' });
  await assert.rejects(client.messages.create(ask), { status: 401, type: 'authentication_error' });
});

test('endpoints there are none of', async (t) => {
  const { client } = await start(t);
  await assert.rejects(client.models.list(), { status: 404, type: 'not_found_error' });
  await assert.rejects(client.messages.countTokens(ask), { status: 404, type: 'not_found_error' });
});
