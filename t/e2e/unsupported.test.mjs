// Fields that an upstream has no word for: advisory ones are dropped and named,
// or refused where the operator wants that; those that change what the answer
// is are always refused. Nothing is lost silently.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { anthropic, forEachKind, openai, serve, userSays } from './lib/upstreams.mjs';

const ask = (client, request, model = anthropic.model) =>
  client.chat.completions.create({ model, messages: userSays('Hi'), ...request }).withResponse();

// [request, what x-llm-dropped says]
const advisory = [
  [{ seed: 7 }, 'seed'],
  [{ presence_penalty: 0.5 }, 'presence_penalty'],
  [{ frequency_penalty: -1 }, 'frequency_penalty'],
  [{ logit_bias: { 50256: -100 } }, 'logit_bias'],
  [{ store: true }, 'store'],
  [{ metadata: { a: 'b' } }, 'metadata'],
  [{ verbosity: 'low' }, 'verbosity'],
  [{ prompt_cache_key: 'x' }, 'prompt_cache_key'],
  [{ prediction: { type: 'content', content: 'x' } }, 'prediction'],
  [{ service_tier: 'flex' }, 'service_tier'],
  [{ temperature: 1.5 }, 'temperature'],
  [{ temperature: 0.5, top_p: 0.5 }, 'top_p'],
  [{ stop: ['\n'] }, 'stop'],
  [{ brand_new: 1 }, 'brand_new'],
  [{ messages: [{ role: 'user', name: 'Al', content: 'Hi' }] }, 'messages.name'],
  [
    { messages: [...userSays('Hi'), { role: 'assistant', content: 'Ho', reasoning_content: 'Hm' }, ...userSays('Hi')] },
    'messages.reasoning_content',
  ],
  [{ seed: 7, user: 'me', presence_penalty: 1, brand_new: 1 }, 'presence_penalty,seed,brand_new'],
];

test('anthropic: advisory fields are dropped and named', async (t) => {
  const { client, mock } = await serve(t, anthropic);
  for (const [request, dropped] of advisory) {
    await t.test(JSON.stringify(request), async () => {
      const { response } = await ask(client, request);
      assert.equal(response.headers.get('x-llm-dropped'), dropped);
    });
  }
  assert.equal(mock.requests.length, advisory.length, 'the upstream took all of them');
});

test('anthropic: with llm_unsupported reject they are refused', async (t) => {
  const { client, mock } = await serve(t, anthropic, { location: 'llm_unsupported reject;' });
  for (const [request, dropped] of advisory) {
    await t.test(JSON.stringify(request), () =>
      assert.rejects(ask(client, request), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.deepEqual([error.code, error.param], ['unsupported_parameter', dropped.split(',')[0]]);
        return true;
      }),
    );
  }
  assert.equal(mock.requests.length, 0, 'nothing is sent');

  const { response } = await ask(client, { user: 'me', temperature: 0.5, stop: 'x', max_tokens: 5 });
  assert.equal(response.headers.get('x-llm-dropped'), null, 'what there is a word for goes on');
});

const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object', properties: {} } } };

// [request, param, model]
const essential = [
  [{ n: 2 }, 'n'],
  [{ logprobs: true }, 'logprobs'],
  [{ logprobs: true, top_logprobs: 2 }, 'logprobs'],
  [{ modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } }, 'modalities'],
  [{ web_search_options: {} }, 'web_search_options'],
  [{ functions: [{ name: 'look' }] }, 'functions'],
  [{ tools: [{ type: 'custom', custom: { name: 'look' } }] }, 'tools[0]'],
  [{ tool_choice: 'required' }, 'tool_choice'],
  [{ tools: [tool], tool_choice: 'required' }, 'tool_choice', 'claude-opus-5-5'],
  [{ tools: [tool], tool_choice: tool }, 'tool_choice', 'claude-sonnet-5-5'],
  [{ messages: [...userSays('Hi'), { role: 'function', name: 'f', content: 'x' }] }, 'messages[1].role'],
];

for (const mode of ['drop', 'reject']) {
  test(`anthropic: with llm_unsupported ${mode} what changes the answer is refused`, async (t) => {
    const { client, mock } = await serve(t, anthropic, { location: `llm_unsupported ${mode};` });
    for (const [request, param, model] of essential) {
      await t.test(JSON.stringify(request), () =>
        assert.rejects(ask(client, request, model), (error) => {
          assert.ok(error instanceof OpenAI.BadRequestError, error.message);
          assert.deepEqual([error.code, error.param], ['unsupported_parameter', param]);
          assert.match(error.message, new RegExp(model ?? anthropic.model));
          return true;
        }),
      );
    }
    assert.equal(mock.requests.length, 0, 'nothing is sent');
  });
}

// Fields that ask for what happens anyway.
const neutral = {
  n: 1,
  logprobs: false,
  presence_penalty: 0,
  frequency_penalty: 0,
  store: false,
  modalities: ['text'],
  logit_bias: {},
  seed: null,
};

test('anthropic: fields that ask for nothing are not worth a word', async (t) => {
  for (const mode of ['drop', 'reject']) {
    await t.test(mode, async (t) => {
      const { client } = await serve(t, anthropic, { location: `llm_unsupported ${mode};` });
      const { response } = await ask(client, neutral);
      assert.equal(response.headers.get('x-llm-dropped'), null);
    });
  }
});

test('openai: everything goes on, whatever the mode', async (t) => {
  const { client, mock } = await serve(t, openai, { location: 'llm_unsupported reject;' });
  const request = {
    seed: 7,
    n: 2,
    logprobs: true,
    top_logprobs: 2,
    presence_penalty: 0.5,
    store: true,
    user: 'me',
    verbosity: 'low',
  };
  const { data, response } = await ask(client, request, openai.model);
  assert.equal(data.choices.length, 2);
  assert.equal(response.headers.get('x-llm-dropped'), null);
  assert.deepEqual(mock.last.json, { model: openai.model, messages: userSays('Hi'), ...request });
});

forEachKind(test, 'an unknown field is for the upstream to judge', {}, async (t, { kind, client, model }) => {
  const answer = client.chat.completions.create({ model, messages: userSays('Hi'), brand_new: 1 });
  if (kind === anthropic) return answer;
  await assert.rejects(answer, { status: 400, param: 'brand_new', code: 'unknown_parameter' });
});
