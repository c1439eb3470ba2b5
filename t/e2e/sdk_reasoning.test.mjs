// Reasoning: how much of it is asked for, what is seen of it, and that signed
// thinking comes back to the upstream as it was while tools are used.
import assert from 'node:assert/strict';
import test from 'node:test';
import { redact, signThinking } from '../mock/anthropic.mjs';
import { anthropic, collect, openai, serve, userSays } from './lib/upstreams.mjs';

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };
const reply = (id) => ({ role: 'tool', tool_call_id: id, content: 'seen' });
const thinking = (text) => ({ type: 'thinking', thinking: text });
const signed = (text) => ({ ...thinking(text), signature: signThinking(text) });
const call = (id) => ({ type: 'tool_use', id, name: 'look', input: {} });

// [model, effort, what is sent instead, what is dropped]
const efforts = [
  ['claude-sonnet-4-5', 'minimal', { thinking: { type: 'enabled', budget_tokens: 1024 } }],
  ['claude-sonnet-4-5', 'low', { thinking: { type: 'enabled', budget_tokens: 1024 } }],
  ['claude-sonnet-4-5', 'medium', { thinking: { type: 'enabled', budget_tokens: 2048 } }],
  ['claude-sonnet-4-5', 'high', { thinking: { type: 'enabled', budget_tokens: 4096 } }],
  ['claude-sonnet-4-5', 'none', {}],
  ['claude-opus-4-6', 'low', { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }],
  ['claude-opus-4-6', 'max', { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } }],
  ['claude-opus-4-6', 'none', { thinking: { type: 'disabled' } }],
  ['claude-opus-4-8', 'minimal', { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }],
  ['claude-opus-4-8', 'xhigh', { thinking: { type: 'adaptive' }, output_config: { effort: 'xhigh' } }],
  ['claude-opus-5-5', 'high', { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }],
  ['claude-opus-5-5', 'none', {}, 'reasoning_effort'],
  ['claude-3-haiku-20240307', 'high', {}, 'reasoning_effort'],
];

test('anthropic: reasoning_effort', async (t) => {
  const { client, mock, say } = await serve(t, anthropic);
  for (const [model, effort, sent, dropped] of efforts) {
    await t.test(`${model}: ${effort}`, async () => {
      say({ text: 'Hi' });
      const { response } = await client.chat.completions
        .create({ model, messages: userSays('Hi'), reasoning_effort: effort })
        .withResponse();
      const { thinking: how, output_config: config, max_tokens: max } = mock.last.json;
      assert.deepEqual(JSON.parse(JSON.stringify({ thinking: how, output_config: config })), sent);
      assert.equal(response.headers.get('x-llm-dropped'), dropped ?? null);
      if (how?.budget_tokens) assert.ok(max > how.budget_tokens);
    });
  }

  await t.test('the budget comes on top of what is wanted to read', async () => {
    say({ text: 'Hi' });
    await client.chat.completions.create({
      model: 'claude-sonnet-4-5',
      messages: userSays('Hi'),
      reasoning_effort: 'high',
      max_completion_tokens: 500,
      temperature: 1,
    });
    const { max_tokens: max, temperature, thinking: how } = mock.last.json;
    assert.deepEqual([max, temperature, how.budget_tokens], [4596, undefined, 4096]);
  });
});

test('openai: reasoning_effort goes as it is', async (t) => {
  const { client, mock, say } = await serve(t, openai);
  say({ text: 'Hi', usage: { prompt: 5, completion: 30, reasoning: 20 } });
  const answer = await client.chat.completions.create({ model: 'gpt-5', messages: userSays('Hi'), reasoning_effort: 'high' });
  assert.equal(mock.last.json.reasoning_effort, 'high');
  assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 20);
});

// What a client keeps of a stream that knows nothing of thinking_blocks' parts:
// all of them, in the order in which they came.
function gather(chunks) {
  const message = { role: 'assistant', content: '', reasoning_content: '', thinking_blocks: [], tool_calls: [] };
  for (const { delta } of chunks.flatMap(({ choices }) => choices)) {
    message.content += delta.content ?? '';
    message.reasoning_content += delta.reasoning_content ?? '';
    message.thinking_blocks.push(...(delta.thinking_blocks ?? []));
    for (const piece of delta.tool_calls ?? []) {
      const known = (message.tool_calls[piece.index] ??= {
        id: piece.id,
        type: 'function',
        function: { name: piece.function.name, arguments: '' },
      });
      known.function.arguments += piece.function.arguments;
    }
  }
  if (!message.tool_calls.length) delete message.tool_calls;
  return message;
}

// The same with the pieces of each block put together.
function join(message) {
  const blocks = [];
  let text = '';
  for (const block of message.thinking_blocks) {
    text += block.thinking ?? '';
    if (block.type === 'redacted_thinking') blocks.push(block);
    else if (block.signature) blocks.push({ ...block, thinking: text });
    if (block.signature) text = '';
  }
  return { ...message, thinking_blocks: blocks };
}

const ways = {
  whole: async (client, request) => (await client.chat.completions.create(request)).choices[0].message,
  streamed: async (client, request) => gather(await collect(await client.chat.completions.create({ ...request, stream: true }))),
  'streamed, pieces joined': async (client, request) =>
    join(gather(await collect(await client.chat.completions.create({ ...request, stream: true })))),
};

// [name, blocks of the first two turns]
const thoughts = [
  ['thinking', [signed('A look is due, "🌍".')], [signed('And another.')]],
  ['hidden thinking', [{ type: 'redacted_thinking', data: redact('x') }], [{ type: 'redacted_thinking', data: redact('y') }]],
  [
    'several blocks',
    [signed('One.'), { type: 'redacted_thinking', data: redact('x') }, signed('Two.')],
    [signed('Three.'), signed('Four.')],
  ],
  ['thinking that is not shown', [signed('')], [signed('')]],
];

for (const [way, ask] of Object.entries(ways)) {
  for (const [name, first, second] of thoughts) {
    for (const model of ['claude-sonnet-4-5', 'claude-opus-4-8']) {
      test(`anthropic: ${name} is given back over two rounds of tools, ${way}, ${model}`, async (t) => {
        const { client, mock } = await serve(t, anthropic);
        const request = { model, messages: userSays('Go.'), tools: [tool], reasoning_effort: 'low' };
        mock.say(
          { content: [...first, { type: 'text', text: 'I look.' }, call('toolu_1')] },
          { content: [...second, call('toolu_2')] },
          {},
        );

        const message = await ask(client, request);
        const words = first.map(({ thinking: text }) => text ?? '').join('');
        assert.equal(message.reasoning_content ?? '', words);
        request.messages.push(message, reply('toolu_1'));
        request.messages.push(await ask(client, request), reply('toolu_2'));
        await ask(client, request);

        const [, one, , two] = mock.last.json.messages;
        assert.deepEqual(one.content, [...first, { type: 'text', text: 'I look.' }, call('toolu_1')]);
        assert.deepEqual(two.content, [...second, call('toolu_2')]);
        assert.ok(
          mock.requests.every(({ json }) => json.thinking),
          'thinking stays on',
        );
      });
    }
  }
}

test('anthropic: thinking that was lost switches it off for the turn', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  const request = { model, messages: userSays('Go.'), tools: [tool], reasoning_effort: 'low' };
  mock.say({ content: [signed('A look is due.'), call('toolu_1')] });
  const { content, tool_calls } = await ways.whole(client, request);
  request.messages.push({ role: 'assistant', content, tool_calls }, reply('toolu_1'));
  say({ text: 'Seen.' });
  const { response } = await client.chat.completions.create(request).withResponse();
  assert.equal(mock.last.json.thinking, undefined);
  assert.equal(response.headers.get('x-llm-dropped'), 'reasoning_effort');

  request.messages.push({ role: 'assistant', content: 'Seen.' }, ...userSays('Again.'));
  say({ text: 'Again.' });
  await client.chat.completions.create(request);
  assert.ok(mock.last.json.thinking, 'the next turn thinks again');
});

test('anthropic: a blank message of the user is not sent, and so begins no turn', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  const asked = (id) => ({
    role: 'assistant',
    content: null,
    tool_calls: [{ id, type: 'function', function: { name: 'look', arguments: '{}' } }],
  });
  const messages = [...userSays('Go.'), asked('toolu_1'), reply('toolu_1'), ...userSays(' '), asked('toolu_2'), reply('toolu_2')];
  messages[4].thinking_blocks = [signed('Once more.')];
  say({ text: 'Seen.' });
  await client.chat.completions.create({ model, messages, tools: [tool], reasoning_effort: 'low' });
  assert.equal(mock.last.json.thinking, undefined);
});

test('anthropic: thinking of the client goes as it is', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  say({ text: 'Hi' });
  const raw = { type: 'enabled', budget_tokens: 2000 };
  await client.chat.completions.create({ model, messages: userSays('Hi'), thinking: raw, max_tokens: 3000 });
  assert.deepEqual(mock.last.json.thinking, raw);
});

test('anthropic: thinking tokens are counted', async (t) => {
  const { client, model, say } = await serve(t, anthropic);
  say({ text: 'Hi', usage: { prompt: 5, completion: 30, reasoning: 20 } });
  const answer = await client.chat.completions.create({ model, messages: userSays('Hi'), reasoning_effort: 'low' });
  assert.equal(answer.usage.completion_tokens, 30);
  assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 20);
});

test('openai: reasoning of a look-alike passes', async (t) => {
  const { client, model, mock } = await serve(t, openai);
  const said = { content: 'Yes.', message: { reasoning_content: 'Hm, hm.' } };
  mock.say(said, said);
  const request = { model, messages: userSays('Hi') };
  assert.equal((await ways.whole(client, request)).reasoning_content, 'Hm, hm.');
  assert.equal((await ways.streamed(client, request)).reasoning_content, 'Hm, hm.');
});
