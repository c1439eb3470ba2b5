// The OpenAI mock is strict: a request that breaks a rule of the format is
// refused, naming the place, and one that keeps it is not.
import assert from 'node:assert/strict';
import test from 'node:test';
import { OpenAIMock } from '../mock/openai.mjs';
import { missing } from '../mock/openai_schema.mjs';
import { request } from './lib/http.mjs';
import { pdf, png } from './lib/media.mjs';

const headers = { authorization: 'Bearer sk-mock', 'content-type': 'application/json' };
const user = (content) => ({ role: 'user', content });
const calling = (...ids) => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
});
const result = (id) => ({ role: 'tool', tool_call_id: id, content: 'x' });
const tool = (more) => ({ type: 'function', function: { name: 'f', ...more } });
const say = (...messages) => ({ messages });
const part = (one) => say(user([one]));
const image = (url) => part({ type: 'image_url', image_url: { url } });
const format = (json_schema) => ({ response_format: { type: 'json_schema', json_schema } });
const closed = (properties, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const reasoning = { model: 'gpt-5' };

const base = { model: 'gpt-4o', messages: [user('Hello')] };

// [name, members over those of `base`, undefined or the error's param and text]
const own = [
  ['a plain request', {}],
  ['an unknown member', { thinking: {} }, 'thinking', /Unknown parameter/],
  ['no model', { model: undefined }, null, /must provide a model/],
  [
    'stream options without a stream',
    { stream_options: { include_usage: true } },
    'stream_options',
    /only allowed when 'stream'/,
  ],
  ['stream options', { stream: true, stream_options: { include_usage: true } }],
  ['max_tokens of a reasoning model', { ...reasoning, max_tokens: 5 }, 'max_tokens', /Use 'max_completion_tokens'/],
  ['temperature of a reasoning model', { ...reasoning, temperature: 1 }, 'temperature', /not supported with this model/],
  ['a reasoning model', { ...reasoning, max_completion_tokens: 5, reasoning_effort: 'low' }],
  ['a tool', { tools: [tool()], tool_choice: 'auto', parallel_tool_calls: false }],
  ['a bad tool name', { tools: [tool({ name: 'a b' })] }, 'tools[0].function.name', /pattern/],
  ['a choice without tools', { tool_choice: 'required' }, 'tool_choice', /only allowed when 'tools'/],
  ['parallel calls without tools', { parallel_tool_calls: true }, 'parallel_tool_calls', /only allowed when 'tools'/],
  ['a choice of an unknown tool', { tools: [tool()], tool_choice: tool({ name: 'g' }) }, 'tool_choice', /'g' not found/],
  ['a strict tool', { tools: [tool({ strict: true, parameters: closed({ a: { type: 'string' } }) })] }],
  [
    'an open strict tool',
    { tools: [tool({ strict: true, parameters: { type: 'object', properties: {} } })] },
    'tools[0].function.parameters',
    /additionalProperties/,
  ],
  ['json_object without the word', { response_format: { type: 'json_object' } }, 'messages', /the word 'json'/],
  ['json_object', { response_format: { type: 'json_object' }, ...say(user('As JSON.')) }],
  ['a format', format({ name: 'a', schema: closed({ a: { type: 'string' } }), strict: true })],
  [
    'a strict format with an optional member',
    format({ name: 'a', schema: closed({ a: {} }, []), strict: true }),
    'response_format',
    /Missing 'a'/,
  ],
  [
    'a strict format of no object',
    format({ name: 'a', schema: { type: 'array' }, strict: true }),
    'response_format',
    /type: "object"/,
  ],
  ['a bad format name', format({ name: 'a b', schema: {} }), 'response_format.json_schema.name', /Invalid/],
  ['calls and results', say(user('a'), calling('c1', 'c2'), result('c2'), result('c1'), user('b'))],
  [
    'a call without a result',
    say(user('a'), calling('c1'), user('b')),
    'messages.[2].role',
    /must be followed by tool messages.*: c1$/,
  ],
  [
    'two calls with one result',
    say(user('a'), calling('c1', 'c2'), result('c1')),
    'messages',
    /must be followed by tool messages.*: c2$/,
  ],
  ['a result without a call', say(user('a'), result('c1')), 'messages.[1].role', /must be a response to a preceeding message/],
  ['a result twice', say(user('a'), calling('c1'), result('c1'), result('c1')), 'messages.[3].role', /must be a response/],
  ['an image', image(`data:image/png;base64,${png}`)],
  ['an image URL', image('https://example.com/a.png')],
  ['an image URL of another kind', image('ftp://example.com/a.png'), 'messages[0].content[0].image_url.url', /Invalid image URL/],
];

// These only OpenAI's own schema knows.
const bySchema = [
  ['no messages', { messages: undefined }, 'messages', /Missing required/],
  ['an empty list of messages', { messages: [] }, 'messages', /fewer than 1/],
  ['temperature beyond 2', { temperature: 2.5 }, 'temperature', /<= 2/],
  ['n of 0', { n: 0 }, 'n', />= 1/],
  ['stop as a number', { stop: 5 }, 'stop', /./],
  ['an unknown role', say({ role: 'robot', content: 'x' }), /^messages\[0\]/, /./],
  ['a part of another format', part({ type: 'image', source: {} }), /^messages\[0\]/, /./],
  ['a file', part({ type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` } })],
  ['a result without an id', say(user('a'), { role: 'tool', content: 'x' }), /^messages\[1\]/, /./],
  [
    'arguments that are no text',
    say(user('a'), { ...calling('c1'), tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: {} } }] }),
    /^messages\[1\]/,
    /./,
  ],
  ['an unknown effort', { reasoning_effort: 'huge' }, 'reasoning_effort', /./],
  ['a tool without a function', { tools: [{ type: 'function' }] }, /^tools\[0\]/, /./],
];

async function post(mock, body, more = {}) {
  return request(`${mock.url}/v1/chat/completions`, { method: 'POST', headers: { ...headers, ...more }, body });
}

function table(name, rows, skip) {
  test(name, { skip }, async (t) => {
    const mock = await OpenAIMock.start(t);
    for (const [name, members, param, text] of rows) {
      await t.test(name, async () => {
        const answer = await post(mock, JSON.stringify({ ...base, ...members }));
        if (!text) return assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.status, 400, answer.body);
        const { error } = JSON.parse(answer.body);
        assert.equal(error.type, 'invalid_request_error');
        assert.match(error.message, text);
        if (param instanceof RegExp) assert.match(error.param, param);
        else assert.equal(error.param, param);
      });
    }
  });
}

table('requests', own, false);
table('requests, by the schema', bySchema, missing);

const drop = (name) => ({ [name]: undefined });

// [name, headers, members, status, code]
const transports = [
  ['no key', drop('authorization'), {}, 401, null],
  ['a wrong key', { authorization: 'Bearer sk-other' }, {}, 401, 'invalid_api_key'],
  ['another media type', { 'content-type': 'text/plain' }, {}, 415, null],
  ['an unknown model', {}, { model: 'claude-3' }, 404, 'model_not_found'],
];

test('transport', async (t) => {
  const mock = await OpenAIMock.start(t);
  for (const [name, more, members, status, code] of transports) {
    await t.test(name, async () => {
      const merged = Object.fromEntries(Object.entries({ ...headers, ...more }).filter(([, value]) => value !== undefined));
      const body = JSON.stringify({ ...base, ...members });
      const answer = await request(`${mock.url}/v1/chat/completions`, { method: 'POST', headers: merged, body });
      assert.equal(answer.status, status, answer.body);
      const { error } = JSON.parse(answer.body);
      assert.deepEqual({ type: error.type, code: error.code }, { type: 'invalid_request_error', code });
    });
  }
  for (const body of ['{"model":', '', '[]', Buffer.from('7b226d6f64656c223a22ff227d', 'hex')]) {
    await t.test(`the body ${JSON.stringify(body.toString())}`, async () => {
      assert.equal((await post(mock, body)).status, 400);
    });
  }
});
