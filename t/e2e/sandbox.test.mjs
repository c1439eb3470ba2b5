// llm_sandbox as a provider of its own: the SDKs of both formats talk to it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { Gateway } from './lib/gateway.mjs';

const server = 'location /openai/ { llm_sandbox openai; } location /anthropic/ { llm_sandbox anthropic; }';

const tools = {
  get_weather: {
    type: 'object',
    properties: {
      city: { type: 'string' },
      unit: { enum: ['celsius', 'fahrenheit'] },
      days: { type: 'integer' },
      exact: { type: 'boolean' },
      hours: { type: 'array' },
      where: { type: 'object' },
      '"odd" näme': { type: 'number' },
    },
  },
  add: { type: 'object', properties: {} },
};
const weather = { city: 'sandbox', unit: 'celsius', days: 1, exact: true, hours: [], where: {}, '"odd" näme': 1 };

// One face for both: `whole` and `streamed` give { text, calls, finish, usage,
// model, tokens }, `turn` the messages after a call and its result.
const formats = {
  openai: {
    client: (gateway) => new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${gateway.port}/openai/v1`, maxRetries: 0 }),
    APIError: OpenAI.APIError,
    request: ({ messages, max, offered, choice, ...more }) => ({
      model: 'sandbox-model',
      messages,
      ...(max && { max_completion_tokens: max }),
      ...(offered && { tools: offered.map((name) => ({ type: 'function', function: { name, parameters: tools[name] } })) }),
      ...(choice && { tool_choice: choice === 'any' ? 'required' : { type: 'function', function: { name: choice } } }),
      ...more,
    }),
    async whole(client, body, options) {
      const answer = await client.chat.completions.create(body, options);
      const [{ message, finish_reason }] = answer.choices;
      assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
      return {
        text: message.content ?? '',
        calls: (message.tool_calls ?? []).map((c) => [c.function.name, JSON.parse(c.function.arguments)]),
        finish: finish_reason,
        usage: [answer.usage.prompt_tokens, answer.usage.completion_tokens],
        model: answer.model,
        message,
      };
    },
    async streamed(client, body, options) {
      const tokens = [];
      const stream = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }, options);
      stream.on('content', (token) => tokens.push(token));
      const answer = await stream.finalChatCompletion();
      const [{ message, finish_reason }] = answer.choices;
      return {
        text: message.content ?? '',
        calls: (message.tool_calls ?? []).map((c) => [c.function.name, JSON.parse(c.function.arguments)]),
        finish: finish_reason,
        usage: [answer.usage.prompt_tokens, answer.usage.completion_tokens],
        model: answer.model,
        tokens,
      };
    },
    turn: (message, result) => [message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: result }],
    image: { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
    finish: { stop: 'stop', length: 'length', tool: 'tool_calls' },
    errors: { 400: 'invalid_request_error', 401: 'invalid_request_error', 429: 'invalid_request_error', 500: 'server_error', 503: 'server_error' },
  },
  anthropic: {
    client: (gateway) => new Anthropic({ apiKey: 'none', baseURL: `http://127.0.0.1:${gateway.port}/anthropic`, maxRetries: 0 }),
    APIError: Anthropic.APIError,
    request: ({ messages, max = 10000, offered, choice, ...more }) => ({
      model: 'sandbox-model',
      max_tokens: max,
      messages,
      ...(offered && { tools: offered.map((name) => ({ name, input_schema: tools[name] })) }),
      ...(choice && { tool_choice: choice === 'any' ? { type: 'any' } : { type: 'tool', name: choice } }),
      ...more,
    }),
    read(answer) {
      return {
        text: answer.content.filter((b) => b.type === 'text').map((b) => b.text).join(''),
        calls: answer.content.filter((b) => b.type === 'tool_use').map((b) => [b.name, b.input]),
        finish: answer.stop_reason,
        usage: [answer.usage.input_tokens, answer.usage.output_tokens],
        model: answer.model,
        message: { role: 'assistant', content: answer.content },
      };
    },
    async whole(client, body, options) {
      return this.read(await client.messages.create(body, options));
    },
    async streamed(client, body, options) {
      const tokens = [];
      const stream = client.messages.stream(body, options);
      stream.on('text', (token) => tokens.push(token));
      return { ...this.read(await stream.finalMessage()), tokens };
    },
    turn: (message, result) => {
      const { id } = message.content.find((b) => b.type === 'tool_use');
      return [message, { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] }];
    },
    image: { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
    finish: { stop: 'end_turn', length: 'max_tokens', tool: 'tool_use' },
    errors: { 400: 'invalid_request_error', 401: 'authentication_error', 402: 'billing_error', 408: 'timeout_error', 429: 'rate_limit_error', 500: 'api_error', 529: 'overloaded_error' },
  },
};

const user = (content) => ({ role: 'user', content });
const texts = {
  'words': 'one two  three',
  'one word': 'one',
  'blanks around it': ' \t one \n',
  'lines': 'a\nb\r\nc\n\nd',
  'quotes and backslashes': 'say "hi" \\ to \\u0041 </script>',
  'other scripts': 'Grüße — 你好 🌍🌍 \u00a0 العربية \u{1F468}\u200D\u{1F469}',
  'control characters': 'a\u0001\u001f\u007fb',
  'line separators': 'a\u2028b\u2029c',
  'a long text': 'word '.repeat(3000),
};

for (const [name, format] of Object.entries(formats)) {
  describe(`llm_sandbox ${name}`, () => {
    let gateway, client;
    const hooks = [];
    before(async () => {
      gateway = await Gateway.start({ after: (hook) => hooks.push(hook) }, { server });
      client = format.client(gateway);
    });
    after(async () => {
      for (const hook of hooks) await hook();
    });

    for (const how of ['whole', 'streamed']) {
      const ask = (body, options) => format[how](client, format.request(body), options);

      for (const [what, text] of Object.entries(texts)) {
        test(`${how}: ${what}`, async () => {
          const answer = await ask({ messages: [user(text)] });
          assert.equal(answer.text, text);
          assert.equal(answer.finish, format.finish.stop);
          assert.equal(answer.model, 'sandbox-model');
          const words = text.match(/[ \t\r\n]*[^ \t\r\n]+|[ \t\r\n]+$/g);
          if (answer.tokens) assert.deepEqual(answer.tokens, words);
          assert.equal(answer.usage[1], words.length);
          assert.ok(answer.usage[0] > 0);
        });
      }

      test(`${how}: the last word of the user`, async () => {
        const messages = [user('first'), { role: 'assistant', content: 'reply' }, user([{ type: 'text', text: 'second' }, format.image, { type: 'text', text: ' third' }])];
        assert.equal((await ask({ messages })).text, 'second third');
        assert.equal((await ask({ messages: [user([format.image])] })).text, 'Hello from the sandbox.');
      });

      test(`${how}: max_tokens`, async () => {
        const messages = [user('one two three')];
        for (const [max, text, finish] of [[1, 'one', 'length'], [2, 'one two', 'length'], [3, 'one two three', 'stop'], [4, 'one two three', 'stop']]) {
          const answer = await ask({ messages, max });
          assert.deepEqual([answer.text, answer.finish, answer.usage[1]], [text, format.finish[finish], Math.min(max, 3)]);
        }
      });

      test(`${how}: a tool that is named is called, and its result repeated`, async () => {
        const messages = [user('please Get_Weather now')];
        const answer = await ask({ messages, offered: ['add', 'get_weather'] });
        assert.deepEqual([answer.calls, answer.text, answer.finish], [[['get_weather', weather]], '', format.finish.tool]);
        const whole = await format.whole(client, format.request({ messages, offered: ['get_weather'] }));
        const next = await ask({ messages: [...messages, ...format.turn(whole.message, 'sunny, 21°')], offered: ['get_weather'] });
        assert.deepEqual([next.text, next.calls, next.finish], ['sunny, 21°', [], format.finish.stop]);
      });

      test(`${how}: a tool that is demanded is called`, async () => {
        const offered = ['get_weather', 'add'];
        assert.deepEqual((await ask({ messages: [user('x')], offered })).calls, []);
        assert.deepEqual((await ask({ messages: [user('x')], offered, choice: 'any' })).calls, [['get_weather', weather]]);
        assert.deepEqual((await ask({ messages: [user('x')], offered, choice: 'add' })).calls, [['add', {}]]);
      });

      for (const [status, type] of Object.entries(format.errors)) {
        test(`${how}: status ${status} on demand`, async () => {
          for (const options of [{ headers: { 'x-sandbox-status': status } }, { query: { status } }]) {
            await assert.rejects(ask({ messages: [user('x')] }, options), (e) => {
              assert.ok(e instanceof format.APIError);
              assert.equal(e.status, Number(status));
              const error = e.error.error ?? e.error;
              assert.deepEqual([error.type, error.message], [type, 'The sandbox was told to fail.']);
              assert.equal(e.headers.get('retry-after'), [429, 503, 529].includes(e.status) ? '1' : null);
              return true;
            });
          }
        });
      }

      test(`${how}: a delay on demand`, async () => {
        for (const options of [{ headers: { 'x-sandbox-delay': '30ms' } }, { query: { delay: '30ms' } }]) {
          const started = performance.now();
          assert.equal((await ask({ messages: [user('one two three')] }, options)).text, 'one two three');
          // Each event of a stream waits, a whole answer once.
          assert.ok(performance.now() - started >= (how === 'whole' ? 25 : 100));
        }
      });
    }

    test('the same to the same request', async () => {
      const body = format.request({ messages: [user('one two')] });
      const [a, b] = [await format.whole(client, body), await format.whole(client, body)];
      assert.deepEqual(a, b);
    });

    test('orders that are none', async () => {
      for (const headers of [{ 'x-sandbox-status': '200' }, { 'x-sandbox-status': '600' }, { 'x-sandbox-status': 'x' }, { 'x-sandbox-delay': 'x' }, { 'x-sandbox-die': 'x' }, { 'x-sandbox-die': '999' }]) {
        assert.equal((await format.whole(client, format.request({ messages: [user('x')] }), { headers })).text, 'x', JSON.stringify(headers));
      }
    });
  });
}
