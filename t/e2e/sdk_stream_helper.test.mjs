// The SDK's .stream() helper puts chunks together by rules of its own: its
// events come in order, and its last snapshot is the answer as a whole one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { forEachKind, userSays } from './lib/upstreams.mjs';

const tools = [
  { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: { at: { type: 'string' } } } } },
  { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } },
];
const calls = [
  { id: 'call_1', name: 'look', input: { at: 'Köln 🌍' } },
  { id: 'call_2', name: 'now', input: {} },
];
const usage = { prompt: 30, completion: 12, cached: 10 };

const scenarios = [
  { name: 'a text', said: { text: 'Hello there, 🌍', usage } },
  { name: 'a text cut short', said: { text: 'Hello th', finish: 'length', usage } },
  { name: 'calls', request: { tools }, said: { calls, usage } },
  { name: 'calls after a text', request: { tools }, said: { text: 'Let me see.', calls, usage } },
  { name: 'a refusal', said: { refusal: 'I will not.', usage } },
];

// What does not depend on how an answer came.
function plain({ id, model, choices, usage: counts }) {
  return {
    id,
    model,
    choices: choices.map(({ index, finish_reason: finish, message: { role, content, refusal, tool_calls: list } }) => ({
      index,
      finish,
      role,
      content: content || null,
      refusal: refusal ?? null,
      calls: list?.map(({ id, type, function: { name, arguments: args } }) => ({ id, type, name, args })),
    })),
    usage: { ...counts, prompt_tokens_details: undefined, completion_tokens_details: undefined },
    cached: counts.prompt_tokens_details.cached_tokens,
  };
}

forEachKind(test, 'the snapshot is the whole answer', {}, async (t, { client, model, say }) => {
  for (const { name, request, said } of scenarios) {
    for (const cut of [{}, { size: 1, units: true }, { size: 1000 }]) {
      await t.test(`${name}, in pieces of ${cut.size ?? 5}`, async () => {
        const ask = { model, messages: userSays('Hi'), ...request };
        say({ ...said, id: 'same' }, { ...said, ...cut, id: 'same' });
        const whole = await client.chat.completions.create(ask);
        const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } });
        const final = await stream.finalChatCompletion();
        assert.deepEqual(plain(final), plain(whole));
        assert.equal(whole.choices[0].message.tool_calls?.length, said.calls?.length);
      });
    }
  }
});

forEachKind(test, 'events of a text', {}, async (t, { client, model, say }) => {
  say({ text: 'Hello there' });
  const events = [];
  const stream = client.chat.completions
    .stream({ model, messages: userSays('Hi') })
    .on('content.delta', ({ delta, snapshot }) => events.push([delta, snapshot]))
    .on('content.done', ({ content }) => events.push(content))
    .on('chatCompletion', ({ choices }) => events.push(choices[0].finish_reason));
  assert.equal(await stream.finalContent(), 'Hello there');
  const deltas = events.slice(0, -2).filter(([delta]) => delta !== '');
  assert.deepEqual(deltas, [
    ['Hello', 'Hello'],
    [' ther', 'Hello ther'],
    ['e', 'Hello there'],
  ]);
  assert.deepEqual(events.slice(-2), ['Hello there', 'stop']);
});

forEachKind(test, 'events of calls', {}, async (t, { client, model, say }) => {
  say({ calls });
  const pieces = { 0: '', 1: '' };
  const done = [];
  const stream = client.chat.completions
    .stream({ model, messages: userSays('Hi'), tools })
    .on('tool_calls.function.arguments.delta', ({ index, arguments_delta: piece }) => (pieces[index] += piece))
    .on('tool_calls.function.arguments.done', ({ index, name, arguments: args }) => done.push([index, name, args]));
  await stream.done();
  assert.deepEqual(done, [
    [0, 'look', '{"at":"Köln 🌍"}'],
    [1, 'now', '{}'],
  ]);
  assert.deepEqual(pieces, { 0: '{"at":"Köln 🌍"}', 1: '{}' });
});

forEachKind(test, 'events of a refusal', {}, async (t, { client, model, say }) => {
  say({ refusal: 'I will not.' });
  const done = [];
  const stream = client.chat.completions
    .stream({ model, messages: userSays('Hi') })
    .on('refusal.done', ({ refusal }) => done.push(refusal));
  await stream.done();
  assert.deepEqual(done, ['I will not.']);
});
