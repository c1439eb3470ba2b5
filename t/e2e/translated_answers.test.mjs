// Whatever Anthropic says, the client hears all of it, and the same whether it
// asked for a stream or not and wherever the stream is cut.
import assert from 'node:assert/strict';
import test from 'node:test';
import { redact } from '../mock/anthropic.mjs';
import { Random } from './lib/random.mjs';
import { anthropic, collect, serve, userSays } from './lib/upstreams.mjs';

const random = new Random(20260102);

const text = () =>
  random.pick([
    'Hello',
    ' ',
    '\n\n',
    '🌍👩‍👩‍👧‍👦',
    '"q"\\',
    'data: x\n\n',
    '\u2028',
    '\u0000\u001f',
    'é'.repeat(random.below(300)),
    'x'.repeat(random.below(9000)),
  ]);
const object = (depth) => Object.fromEntries(random.many(4, () => [text().slice(0, 20), value(depth + 1)]));
const value = (depth) =>
  random.pick([
    text,
    () => random.below(100) / 7,
    () => null,
    () => true,
    () => (depth > 3 ? 1 : object(depth)),
    () => (depth > 3 ? [] : random.many(3, () => value(depth + 1))),
  ])();

let calls = 0;
const blocks = [
  () => ({ type: 'text', text: text() }),
  () => ({ type: 'thinking', thinking: text() }),
  () => ({ type: 'redacted_thinking', data: redact(text()) }),
  () => ({ type: 'tool_use', id: `toolu_${calls++}`, name: 'f', input: object(0) }),
  () => ({ type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} }),
];

// What an answer says, put together from its chunks or taken from it whole.
function heard(chunks) {
  const said = { text: '', reasoning: '', thinking: [], calls: [], finish: null };
  let open = '';
  for (const { delta, finish_reason: finish } of chunks.flatMap(({ choices }) => choices)) {
    said.text += delta.content ?? '';
    said.reasoning += delta.reasoning_content ?? '';
    for (const block of delta.thinking_blocks ?? []) {
      open += block.thinking ?? '';
      if (block.type === 'redacted_thinking') said.thinking.push(block.data);
      else if (block.signature) said.thinking.push(open);
      if (block.signature) open = '';
    }
    for (const {
      index,
      id,
      function: { arguments: args },
    } of delta.tool_calls ?? []) {
      said.calls[index] ??= { id, args: '' };
      said.calls[index].args += args;
    }
    said.finish = finish ?? said.finish;
  }
  return said;
}

const whole = ({ message, finish_reason: finish }) => ({
  text: message.content ?? '',
  reasoning: message.reasoning_content ?? '',
  thinking: (message.thinking_blocks ?? []).map((block) => block.data ?? block.thinking),
  calls: (message.tool_calls ?? []).map(({ id, function: { arguments: args } }) => ({ id, args })),
  finish,
});

test('random answers', async (t) => {
  const { client, model, mock } = await serve(t, anthropic);
  const request = { model, messages: userSays('Hi') };
  for (let i = 0; i < 200; i++) {
    const content = random.many(6, () => random.pick(blocks)());
    const long = JSON.stringify(content).length > 2000;
    const said = { content, size: long ? 100 : random.pick([1, 3, 7, 100]), units: random.below(2) === 1 };
    mock.say(said, said);
    const answer = whole((await client.chat.completions.create(request)).choices[0]);
    const streamed = heard(await collect(await client.chat.completions.create({ ...request, stream: true })));
    const of = (...types) => content.filter(({ type }) => types.includes(type));
    assert.deepEqual(streamed, answer, JSON.stringify(said));
    assert.equal(
      answer.text,
      of('text')
        .map((block) => block.text)
        .join(''),
    );
    assert.equal(
      answer.reasoning,
      of('thinking')
        .map((block) => block.thinking)
        .join(''),
    );
    assert.deepEqual(
      answer.thinking,
      of('thinking', 'redacted_thinking').map((block) => block.data ?? block.thinking),
    );
    assert.deepEqual(
      answer.calls.map(({ id, args }) => [id, JSON.parse(args)]),
      of('tool_use').map(({ id, input }) => [id, input]),
    );
    assert.equal(answer.finish, of('tool_use').length ? 'tool_calls' : 'stop');
  }
});
