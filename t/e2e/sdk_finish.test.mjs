// Why an answer ended, whole and streamed: stop sequences, limits, refusals.
import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropic, forEachKind, openai, serve, userSays } from './lib/upstreams.mjs';

const ways = {
  whole: async (client, request) => (await client.chat.completions.create(request)).choices[0],
  streamed: async (client, request) => (await client.chat.completions.stream(request).finalChatCompletion()).choices[0],
};

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };
const call = { id: 'call_1', name: 'look', input: {} };

// [name, what is said, more of the request, finish reason, content]
const ends = [
  ['the end', { text: 'Done.' }, {}, 'stop', 'Done.'],
  ['a limit', { text: 'Not yet do', finish: 'length' }, { max_completion_tokens: 5 }, 'length', 'Not yet do'],
  ['a filter', { text: 'I was about to', finish: 'content_filter' }, {}, 'content_filter', 'I was about to'],
  ['a call', { calls: [call] }, { tools: [tool] }, 'tool_calls', null],
];

for (const [way, ask] of Object.entries(ways)) {
  forEachKind(test, `finish reasons, ${way}`, {}, async (t, { client, model, say }) => {
    for (const [name, said, more, finish, content] of ends) {
      await t.test(name, async () => {
        say(said);
        const choice = await ask(client, { model, messages: userSays('Hi'), ...more });
        assert.equal(choice.finish_reason, finish);
        assert.equal(choice.message.content || null, content);
      });
    }
  });

  test(`anthropic: its own reasons, ${way}`, async (t) => {
    const { client, model, mock } = await serve(t, anthropic);
    const reasons = [
      ['end_turn', 'stop'],
      ['stop_sequence', 'stop'],
      ['pause_turn', 'stop'],
      ['max_tokens', 'length'],
      ['model_context_window_exceeded', 'length'],
      ['refusal', 'content_filter'],
      ['something_new', 'stop'],
    ];
    for (const [stop_reason, finish] of reasons) {
      await t.test(stop_reason, async () => {
        mock.say({ text: 'Words.', stop_reason, stop_sequence: stop_reason === 'stop_sequence' ? 'X' : null });
        const choice = await ask(client, { model, messages: userSays('Hi') });
        assert.deepEqual([choice.finish_reason, choice.message.content], [finish, 'Words.']);
      });
    }
  });

  test(`anthropic: a refusal says why, ${way}`, async (t) => {
    const { client, model, say } = await serve(t, anthropic);
    say({ refusal: 'Not this.' });
    const { message, finish_reason: finish } = await ask(client, { model, messages: userSays('Hi') });
    assert.deepEqual([finish, message.refusal, message.content || null], ['content_filter', 'Not this.', null]);
  });

  test(`openai: a refusal is a text of its own, ${way}`, async (t) => {
    const { client, model, say } = await serve(t, openai);
    say({ refusal: 'Not this.' });
    const { message, finish_reason: finish } = await ask(client, { model, messages: userSays('Hi') });
    assert.deepEqual([finish, message.refusal, message.content || null], ['stop', 'Not this.', null]);
  });

  test(`anthropic: cut in the arguments of a call, ${way}`, async (t) => {
    const { client, model, say } = await serve(t, anthropic);
    say({ text: 'I look.', calls: [call], finish: 'length' });
    const choice = await ask(client, { model, messages: userSays('Hi'), tools: [tool] });
    assert.equal(choice.finish_reason, 'length');
  });
}

const stops = [
  ['one', 'END', ['END']],
  ['several', ['END', 'Grüße', '\n\n'], ['END', 'Grüße']],
];

test('anthropic: stop and max_tokens in its words', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  for (const [name, stop, sequences] of stops) {
    await t.test(name, async () => {
      say({ text: 'Words.' });
      await client.chat.completions.create({ model, messages: userSays('Hi'), stop, max_tokens: 7 });
      assert.deepEqual([mock.last.json.stop_sequences, mock.last.json.max_tokens], [sequences, 7]);
    });
  }

  // [request, max_tokens]
  const limits = [
    [{ max_tokens: 7, max_completion_tokens: 9 }, 9],
    [{}, 64000],
    [{ model: 'claude-opus-4-1' }, 32000],
    [{ max_tokens: null }, 64000],
  ];
  for (const [request, limit] of limits) {
    await t.test(`max_tokens of ${JSON.stringify(request)}`, async () => {
      say({ text: 'Words.' });
      await client.chat.completions.create({ model, messages: userSays('Hi'), ...request });
      assert.equal(mock.last.json.max_tokens, limit);
    });
  }
});

test('openai: stop and max_tokens as they are', async (t) => {
  const { client, model, mock, say } = await serve(t, openai);
  for (const [name, stop] of stops) {
    await t.test(name, async () => {
      say({ text: 'Words.' });
      await client.chat.completions.create({ model, messages: userSays('Hi'), stop, max_tokens: 7 });
      assert.deepEqual([mock.last.json.stop, mock.last.json.max_tokens], [stop, 7]);
    });
  }
});
