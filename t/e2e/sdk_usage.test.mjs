// Token counts in OpenAI's arithmetic, whoever counted: in whole answers, in
// streams that ask for them, and nowhere in streams that do not.
import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropic, collect, forEachKind, serve, userSays } from './lib/upstreams.mjs';

const plain = (usage) =>
  usage && {
    prompt: usage.prompt_tokens,
    completion: usage.completion_tokens,
    total: usage.total_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens,
    reasoning: usage.completion_tokens_details?.reasoning_tokens,
  };

const counts = [
  { prompt: 20, completion: 5, total: 25, cached: 0, reasoning: 0 },
  { prompt: 1000, completion: 300, total: 1300, cached: 900, reasoning: 128 },
];

const streams = [
  { name: 'asked for', stream_options: { include_usage: true }, comes: true },
  { name: 'asked not to come', stream_options: { include_usage: false }, comes: false },
  { name: 'not asked for', stream_options: undefined, comes: false },
  { name: 'not asked for among options', stream_options: { include_obfuscation: false }, comes: false },
];

forEachKind(test, 'usage', {}, async (t, { client, model, mock, say }) => {
  const request = { model, messages: userSays('Hi') };
  for (const usage of counts) {
    await t.test(`whole, ${usage.total}`, async () => {
      say({ text: 'Hi', usage });
      const answer = await client.chat.completions.create(request);
      assert.deepEqual(plain(answer.usage), usage);
    });

    for (const { name, stream_options, comes } of streams) {
      await t.test(`streamed, ${name}, ${usage.total}`, async () => {
        say({ text: 'Hi', usage });
        const chunks = await collect(await client.chat.completions.create({ ...request, stream: true, stream_options }));
        const told = chunks.filter((chunk) => chunk.usage);
        assert.deepEqual(
          told.map((chunk) => plain(chunk.usage)),
          comes ? [usage] : [],
        );
        if (comes) {
          assert.equal(told[0], chunks.at(-1));
          assert.deepEqual(told[0].choices, []);
          assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
        } else {
          assert.ok(chunks.every((chunk) => chunk.choices.length > 0));
        }
        if (mock.last.json.stream_options) assert.equal(mock.last.json.stream_options.include_usage, true, 'always asked for');
      });
    }
  }
});

// [name, usage of the upstream, prompt, cached, written]
const caches = [
  ['nothing cached', { input_tokens: 10 }, 10, 0, 0],
  ['read', { input_tokens: 10, cache_read_input_tokens: 90 }, 100, 90, 0],
  ['written', { input_tokens: 10, cache_creation_input_tokens: 50 }, 60, 0, 50],
  ['both', { input_tokens: 10, cache_creation_input_tokens: 50, cache_read_input_tokens: 40 }, 100, 40, 50],
  ['null', { input_tokens: 10, cache_creation_input_tokens: null, cache_read_input_tokens: null }, 10, 0, 0],
];

test('anthropic: its count of the input leaves out both caches', async (t) => {
  const { client, model, mock } = await serve(t, anthropic);
  for (const [name, usage, prompt, cached, written] of caches) {
    for (const stream of [false, true]) {
      await t.test(`${name}, ${stream ? 'streamed' : 'whole'}`, async () => {
        mock.say({ text: 'Hi', usage: { ...usage, output_tokens: 7 } });
        const request = { model, messages: userSays('Hi') };
        const options = { stream: true, stream_options: { include_usage: true } };
        const answer = stream
          ? (await collect(await client.chat.completions.create({ ...request, ...options }))).at(-1)
          : await client.chat.completions.create(request);
        const { prompt_tokens: p, completion_tokens: c, total_tokens: total, prompt_tokens_details: details } = answer.usage;
        assert.deepEqual(
          [p, c, total, details.cached_tokens, details.cache_write_tokens],
          [prompt, 7, prompt + 7, cached, written],
        );
      });
    }
  }
});

const log = {
  http: "log_format tokens '$llm_prompt_tokens+$llm_completion_tokens=$llm_total_tokens $llm_cached_tokens $llm_reasoning_tokens $llm_stream';",
  location: 'access_log access.log tokens;',
};

forEachKind(test, 'counts are known, withheld or not', log, async (t, { gateway, client, model, say }) => {
  const request = { model, messages: userSays('Hi') };
  const usage = { prompt: 1000, completion: 300, cached: 900, reasoning: 128 };
  say({ text: 'Hi', usage }, { text: 'Hi', usage });
  await client.chat.completions.create(request);
  await collect(await client.chat.completions.create({ ...request, stream: true }));
  assert.deepEqual(await gateway.accessLog(2), ['1000+300=1300 900 128 0', '1000+300=1300 900 128 1']);
});
