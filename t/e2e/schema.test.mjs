// The checks that other tests lean on do fail: bodies and chunks that are not
// as OpenAI would send them, alone and in the hands of the SDK.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { Mock } from '../mock/http.mjs';
import { StreamChecker, checkBody, checkedFetch, missing } from './lib/schema.mjs';

const common = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1770933892, model: 'gpt-4o' };
const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
const choice = (delta, finish_reason = null, index = 0) => ({ index, delta, logprobs: null, finish_reason });
const chunk = (...choices) => ({ ...common, choices });
const begin = chunk(choice({ role: 'assistant', content: '', refusal: null }));
const word = chunk(choice({ content: 'Hi' }));
const finish = chunk(choice({}, 'stop'));
const counts = { ...common, choices: [], usage };
const calls = (...list) => chunk(choice({ tool_calls: list }));
const header = (index, id) => ({ index, id, type: 'function', function: { name: 'f', arguments: '' } });
const piece = (index) => ({ index, function: { arguments: '{}' } });
const broken = {
  ...chunk(choice({}, 'error')),
  error: { message: 'It broke off.', type: 'upstream_error', param: null, code: 'stream_interrupted' },
};

const sse = (...chunks) => chunks.map((data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`).join('');

const goodStreams = [
  ['with pings', `${sse(begin)}: ping\n\n${sse(word)}: ping\n\n: ping\n\n${sse(finish, '[DONE]')}`],
  ['a text', sse(begin, word, finish, '[DONE]')],
  ['with usage', sse({ ...begin, usage: null }, word, finish, counts, '[DONE]')],
  ['calls', sse(begin, calls(header(0, 'a')), calls(piece(0)), calls(header(1, 'b')), finish, '[DONE]')],
  ['two choices', sse(begin, chunk(choice({ role: 'assistant' }, null, 1)), finish, chunk(choice({}, 'stop', 1)), '[DONE]')],
  ['an error', sse(begin, word, broken)],
];

// [name, stream, error, whether only the schema sees it]
const badStreams = [
  ['an unknown finish reason', sse(begin, chunk(choice({}, 'end_turn')), '[DONE]'), /finish_reason must be equal/, true],
  [
    'a finish reason of an error without one',
    sse(begin, chunk(choice({}, 'error')), '[DONE]'),
    /finish_reason must be equal/,
    true,
  ],
  ['no choices', sse({ ...common }), /required property 'choices'/, true],
  ['no id', sse({ ...begin, id: undefined }), /required property 'id'/, true],
  ['a delta that is missing', sse(chunk({ index: 0, finish_reason: null })), /required property 'delta'/, true],
  ['content that is a list', sse(begin, chunk(choice({ content: [] }))), /content must be string/, true],
  [
    'arguments that are an object',
    sse(begin, calls({ ...header(0, 'a'), function: { name: 'f', arguments: {} } })),
    /arguments must be string/,
    true,
  ],
  ['an index that is a text', sse(begin, calls({ ...header(0, 'a'), index: '0' })), /index must be integer/, true],
  [
    'usage without a total',
    sse(begin, finish, { ...counts, usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    /total_tokens/,
    true,
  ],
  ['a time with a fraction', sse({ ...begin, created: 1.5 }), /created/, true],
  ['another object', sse({ ...begin, object: 'chat.completion' }), /object must be equal/, true],
  ['an event with a name', `event: x\n${sse(begin)}`, /an event is one line of data/],
  ['a ping before the answer', `: ping\n\n${sse(begin, finish, '[DONE]')}`, /an event is one line of data/],
  ['another comment', `${sse(begin)}: hello\n\n${sse(finish, '[DONE]')}`, /an event is one line of data/],
  ['no end', sse(begin, word, finish), /it ends with \[DONE\]/],
  ['half an event', `${sse(begin, word, finish, '[DONE]')}data: `, /it ends with an event/],
  ['[DONE] without a finish reason', sse(begin, word, '[DONE]'), /all is finished before \[DONE\]/],
  ['nothing but [DONE]', sse('[DONE]'), /all is finished before \[DONE\]/],
  ['something after [DONE]', sse(begin, finish, '[DONE]', word), /nothing follows the end/],
  ['something after an error', sse(begin, broken, '[DONE]'), /nothing follows the end/],
  ['an error without its finish reason', sse(begin, { ...broken, choices: [choice({})] }), /an error has that finish reason/],
  ['another id', sse(begin, { ...word, id: 'chatcmpl-2' }), /the same in all chunks/],
  ['another model', sse(begin, { ...word, model: 'gpt-5' }), /the same in all chunks/],
  ['no role', sse(word), /the role comes first and once/],
  ['the role twice', sse(begin, begin), /the role comes first and once/],
  ['two finish reasons', sse(begin, finish, finish), /nothing follows the finish reason/],
  ['a call that begins at 1', sse(begin, calls(header(1, 'a'))), /indexes of calls are contiguous/],
  [
    'a call without a name',
    sse(begin, calls({ index: 0, id: 'a', type: 'function', function: { arguments: '' } })),
    /id and name of a call/,
  ],
  ['a call with its id twice', sse(begin, calls(header(0, 'a')), calls(header(0, 'a'))), /id and name of a call/],
  ['usage beside a choice', sse(begin, { ...word, usage }), /usage comes apart/],
  ['a chunk after the usage', sse(begin, finish, counts, counts), /nothing follows the usage/],
  ['a chunk without anything', sse(begin, chunk()), /a chunk without choices has the usage/],
];

function run(stream, size = stream.length) {
  const checker = new StreamChecker();
  for (let i = 0; i < stream.length; i += size) checker.take(stream.slice(i, i + size));
  checker.end();
}

for (const [name, stream] of goodStreams) {
  test(`a good stream: ${name}`, () => {
    run(stream);
    run(stream, 1);
  });
}

for (const [name, stream, error, bySchema] of badStreams) {
  test(`a bad stream: ${name}`, { skip: bySchema && missing }, () => assert.throws(() => run(stream), error));
}

const chat = '/v1/chat/completions';
const message = { role: 'assistant', content: 'Hi', refusal: null };
const answer = {
  ...common,
  object: 'chat.completion',
  choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
  usage,
};
const model = { id: 'gpt-4o', object: 'model', created: 1770933892, owned_by: 'openai' };
const list = { object: 'list', data: [model] };
const error = { message: 'No.', type: 'invalid_request_error', param: null, code: null };
const patched = (members) => ({ ...answer, choices: [{ ...answer.choices[0], ...members }] });

const goodBodies = [
  [chat, 200, answer],
  ['/v1/models', 200, list],
  ['/v1/models/gpt-4o', 200, model],
  [chat, 400, { error }],
];

const badBodies = [
  ['a null finish reason', chat, 200, patched({ finish_reason: null }), /finish_reason/],
  ['no logprobs', chat, 200, patched({ logprobs: undefined }), /logprobs/],
  ['no refusal', chat, 200, patched({ message: { role: 'assistant', content: 'Hi' } }), /refusal/],
  ['an empty role', chat, 200, patched({ message: { ...message, role: '' } }), /role/],
  [
    'a call without a type',
    chat,
    200,
    patched({ message: { ...message, tool_calls: [{ id: 'a', function: { name: 'f', arguments: '' } }] } }),
    /tool_calls/,
  ],
  ['no time', chat, 200, { ...answer, created: undefined }, /created/],
  ['usage as texts', chat, 200, { ...answer, usage: { ...usage, total_tokens: '3' } }, /total_tokens/],
  ['a list without its mark', '/v1/models', 200, { data: [model] }, /object/],
  ['a model without an owner', '/v1/models', 200, { ...list, data: [{ ...model, owned_by: undefined }] }, /owned_by/],
  ['an error as a text', chat, 500, { error: 'No.' }, /error/],
  ['an error without a param', chat, 500, { error: { ...error, param: undefined } }, /param/],
  ['an error with a number as its code', chat, 500, { error: { ...error, code: 500 } }, /code/],
];

for (const [path, status, body] of goodBodies) {
  test(`a good body: ${path} ${status}`, () => checkBody(path, status, JSON.stringify(body)));
}

for (const [name, path, status, body, text] of badBodies) {
  test(`a bad body: ${name}`, { skip: missing }, () => {
    assert.throws(() => checkBody(path, status, JSON.stringify(body)), text);
  });
}

test('an error without a message', () => {
  assert.throws(() => checkBody(chat, 500, JSON.stringify({ error: { ...error, message: '' } })), /without a message/);
});

// A stand-in for the test that checkedFetch() is to fail.
function within() {
  const hooks = [];
  return {
    after: (hook) => hooks.push(hook),
    end: async () => {
      for (const hook of hooks) await hook();
    },
  };
}

async function client(t, type, body) {
  const mock = await Mock.start(t);
  mock.next((request, response) => response.writeHead(200, { 'content-type': type }).end(body));
  const inner = within();
  return { inner, openai: new OpenAI({ apiKey: 'x', baseURL: `${mock.url}/v1`, maxRetries: 0, fetch: checkedFetch(inner) }) };
}

const ask = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] };

test('the SDK reads a good stream through it', async (t) => {
  const { inner, openai } = await client(t, 'text/event-stream', sse(begin, word, finish, '[DONE]'));
  const answer = await openai.chat.completions.stream(ask).finalChatCompletion();
  assert.equal(answer.choices[0].message.content, 'Hi');
  await inner.end();
});

test('a wrong chunk fails the call and the test', async (t) => {
  const { inner, openai } = await client(t, 'text/event-stream', sse(begin, { ...word, id: 'other' }, finish, '[DONE]'));
  await assert.rejects(openai.chat.completions.stream(ask).finalChatCompletion());
  await assert.rejects(inner.end(), /the same in all chunks/);
});

test('a stream that ends early fails the test though the SDK takes it', async (t) => {
  const { inner, openai } = await client(t, 'text/event-stream', sse(begin, word, finish));
  await openai.chat.completions
    .stream(ask)
    .finalChatCompletion()
    .catch(() => {});
  await assert.rejects(inner.end(), /it ends with \[DONE\]/);
});

test('a wrong body fails the call and the test', { skip: missing }, async (t) => {
  const { inner, openai } = await client(t, 'application/json', JSON.stringify(patched({ finish_reason: 'end_turn' })));
  await assert.rejects(openai.chat.completions.create(ask));
  await assert.rejects(inner.end(), /finish_reason must be equal/);
});
