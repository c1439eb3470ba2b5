// The OpenAI SDK in front of Gemini: texts, candidates, images, formats, reasoning,
// counts, safety; whole and streamed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chat } from './lib/http.mjs';
import { pdf, png } from './lib/media.mjs';
import { collect, gemini, serve, userSays } from './lib/upstreams.mjs';

const ways = {
  whole: (client, request) => client.chat.completions.create(request),
  streamed: (client, request) =>
    client.chat.completions.stream({ ...request, stream_options: { include_usage: true } }).finalChatCompletion(),
};

// The SDK's helper knows no reasoning: it is put together from the chunks.
async function hear(client, request, way) {
  if (way === 'whole') return (await client.chat.completions.create(request)).choices[0].message;
  const said = { role: 'assistant', content: '', reasoning_content: '', thinking_blocks: [] };
  for (const { choices } of await collect(await client.chat.completions.create({ ...request, stream: true }))) {
    const { content = '', reasoning_content: reasoning = '', thinking_blocks: blocks = [] } = choices[0].delta;
    said.content += content;
    said.reasoning_content += reasoning;
    said.thinking_blocks.push(...blocks);
  }
  return said;
}

for (const [way, ask] of Object.entries(ways)) {
  test(`a conversation, ${way}`, async (t) => {
    const { client, model, mock, say } = await serve(t, gemini);
    say({ text: 'Grüße aus Köln 🌍', usage: { prompt: 30, completion: 12, cached: 10, reasoning: 5 } });
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'Where from?' },
    ];
    const answer = await ask(client, { model, messages, temperature: 0.5, max_completion_tokens: 50, stop: ['x'], top_p: 0.9, seed: 3 });
    const [{ message, finish_reason: finish }] = answer.choices;
    assert.deepEqual([message.role, message.content, finish], ['assistant', 'Grüße aus Köln 🌍', 'stop']);
    assert.equal(answer.model, model);
    assert.equal(answer.usage.prompt_tokens, 30);
    assert.equal(answer.usage.completion_tokens, 12);
    assert.equal(answer.usage.total_tokens, 42);
    assert.equal(answer.usage.prompt_tokens_details.cached_tokens, 10);
    assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 5);

    const verb = way === 'whole' ? 'generateContent' : 'streamGenerateContent?alt=sse';
    assert.equal(mock.last.url, `/v1beta/models/${model}:${verb}`);
    assert.equal(mock.last.headers['x-goog-api-key'], gemini.key);
    assert.equal(mock.last.headers.authorization, undefined);
    assert.deepEqual(mock.last.json, {
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      generationConfig: { maxOutputTokens: 50, stopSequences: ['x'], temperature: 0.5, topP: 0.9, seed: 3 },
      contents: [
        { role: 'user', parts: [{ text: 'Hi' }] },
        { role: 'model', parts: [{ text: 'Hello' }] },
        { role: 'user', parts: [{ text: 'Where from?' }] },
      ],
    });
  });

  test(`several candidates, ${way}`, async (t) => {
    const { client, model, mock } = await serve(t, gemini);
    mock.say({ candidates: [[{ text: 'One' }], [{ text: 'Two' }], [{ text: 'Three' }]] });
    const { choices } = await ask(client, { model, messages: userSays('Count.'), n: 3 });
    assert.deepEqual(
      choices.map(({ index, message, finish_reason: finish }) => [index, message.content, finish]),
      [
        [0, 'One', 'stop'],
        [1, 'Two', 'stop'],
        [2, 'Three', 'stop'],
      ],
    );
    assert.equal(mock.last.json.generationConfig.candidateCount, 3);
  });

  test(`reasoning, ${way}`, async (t) => {
    const { client, mock } = await serve(t, gemini);
    const parts = [{ text: 'I think of two.', thought: true }, { text: 'Two.' }];
    for (const model of ['gemini-2.5-pro', 'gemini-3-pro-preview']) {
      mock.say({ parts });
      const message = await hear(client, { model, messages: userSays('1 + 1?'), reasoning_effort: 'high' }, way);
      assert.equal(message.content, 'Two.');
      assert.equal(message.reasoning_content, 'I think of two.');
      const expected = model.includes('2.5')
        ? { includeThoughts: true, thinkingBudget: 24576 }
        : { includeThoughts: true, thinkingLevel: 'HIGH' };
      assert.deepEqual(mock.last.json.generationConfig.thinkingConfig, expected);

      // What is signed comes back where it was.
      await ask(client, { model, messages: [...userSays('1 + 1?'), message, ...userSays('Sure?')] });
      const [, { parts: replayed }] = mock.last.json.contents;
      assert.equal(replayed.at(-1).text, 'Two.');
      assert.equal(Boolean(replayed.at(-1).thoughtSignature), model.includes('gemini-3'));
    }
  });

  test(`JSON by a schema, ${way}`, async (t) => {
    const { client, mock, say } = await serve(t, gemini);
    const schema = {
      type: 'object',
      properties: { name: { type: 'string', minLength: 1 }, age: { type: ['integer', 'null'] } },
      required: ['name', 'age'],
      additionalProperties: false,
    };
    const request = {
      messages: userSays('Ann'),
      response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } },
    };
    for (const model of ['gemini-2.0-flash', 'gemini-2.5-flash', 'gemini-3-pro-preview']) {
      say({ text: '{"name":"Ann","age":7}', size: 3 });
      const { choices } = await ask(client, { model, ...request });
      assert.deepEqual(JSON.parse(choices[0].message.content), { name: 'Ann', age: 7 });
      const { responseMimeType, responseSchema, responseJsonSchema } = mock.last.json.generationConfig;
      assert.equal(responseMimeType, 'application/json');
      if (model === 'gemini-2.0-flash') {
        assert.deepEqual(responseSchema, {
          type: 'object',
          properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer', nullable: true } },
          propertyOrdering: ['name', 'age'],
          required: ['name', 'age'],
        });
      } else {
        assert.deepEqual(responseJsonSchema, schema);
      }
    }

    // Beside functions older models take no format: one more function stands for it.
    const tools = [{ type: 'function', function: { name: 'f' } }];
    say({ calls: [{ name: 'json_tool_call', input: { name: 'Ann', age: 7 } }] });
    const { choices } = await ask(client, { model: 'gemini-2.5-flash', tools, ...request });
    assert.deepEqual(JSON.parse(choices[0].message.content), { name: 'Ann', age: 7 });
    assert.equal(choices[0].finish_reason, 'stop');
  });

  test(`what is refused and what is cut, ${way}`, async (t) => {
    const { client, model, mock, say } = await serve(t, gemini);
    const request = { model, messages: userSays('Hi') };
    say({ text: 'Well', finish: 'content_filter' });
    mock.say({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT', blockReasonMessage: 'Not this.' } });
    for (const [content, refusal] of [
      ['Well', null],
      [null, 'Not this.'],
    ]) {
      const { choices } = await client.chat.completions.create(request);
      assert.equal(choices[0].finish_reason, 'content_filter');
      assert.equal(choices[0].message.content, content);
      assert.equal(choices[0].message.refusal, refusal);
    }
    say({ text: 'Once upon', finish: 'length' });
    const { choices } = await client.chat.completions.create(request);
    assert.equal(choices[0].finish_reason, 'length');
  });
}

test('chunks come as they are said', async (t) => {
  const { client, model, say } = await serve(t, gemini);
  say({ text: 'Hello there, all of you', size: 4 });
  const chunks = await collect(await client.chat.completions.create({ model, messages: userSays('Hi'), stream: true }));
  const texts = chunks.map(({ choices }) => choices[0].delta.content).filter(Boolean);
  assert.equal(texts.join(''), 'Hello there, all of you');
  assert.ok(texts.length > 4);
});

test('images, sound and files', async (t) => {
  const { client, model, mock, say } = await serve(t, gemini);
  say({ text: 'Seen.' });
  await client.chat.completions.create({
    model,
    messages: userSays([
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
      { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg' } },
      { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` } },
    ]),
  });
  assert.deepEqual(mock.last.json.contents[0].parts, [
    { text: 'What is this?' },
    { inlineData: { mimeType: 'image/png', data: png } },
    { fileData: { mimeType: 'image/jpeg', fileUri: 'https://example.com/cat.jpg' } },
    { inlineData: { mimeType: 'audio/wav', data: 'UklGRg==' } },
    { inlineData: { mimeType: 'application/pdf', data: pdf } },
  ]);
});

for (const [way, ask] of Object.entries(ways)) {
  test(`log probabilities, ${way}`, async (t) => {
    const { client, model, mock } = await serve(t, gemini);
    const token = (text, logProbability) => ({ token: text, tokenId: 1, logProbability });
    const logprobsResult = {
      chosenCandidates: [token('Hi', -0.125), token('ü', -0.5)],
      topCandidates: [{ candidates: [token('Hi', -0.125), token('Ho', -2)] }, { candidates: [] }],
    };
    mock.say({ text: 'Hiü', logprobsResult });
    const request = { model, messages: userSays('Hi'), logprobs: true, top_logprobs: 2 };
    const { choices } = await ask(client, request);
    assert.deepEqual(choices[0].logprobs.content, [
      {
        token: 'Hi',
        logprob: -0.125,
        bytes: [72, 105],
        top_logprobs: [
          { token: 'Hi', logprob: -0.125, bytes: [72, 105] },
          { token: 'Ho', logprob: -2, bytes: [72, 111] },
        ],
      },
      { token: 'ü', logprob: -0.5, bytes: [195, 188], top_logprobs: [] },
    ]);
    const { responseLogprobs, logprobs } = mock.last.json.generationConfig;
    assert.deepEqual([responseLogprobs, logprobs], [true, 2]);
  });
}

test('images of the model', async (t) => {
  const { client, model, mock } = await serve(t, gemini);
  const parts = [{ text: 'Here:' }, { inlineData: { mimeType: 'image/png', data: png } }];
  const request = { model, messages: userSays('Draw.'), modalities: ['text', 'image'] };
  const image = { index: 0, type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
  mock.say({ parts });
  const { choices } = await client.chat.completions.create(request);
  assert.equal(choices[0].message.content, 'Here:');
  assert.deepEqual(choices[0].message.images, [image]);
  assert.deepEqual(mock.last.json.generationConfig.responseModalities, ['TEXT', 'IMAGE']);

  mock.say({ parts });
  const chunks = await collect(await client.chat.completions.create({ ...request, stream: true }));
  assert.deepEqual(chunks.flatMap((chunk) => chunk.choices[0].delta.images ?? []), [image]);
});

test('what Gemini cannot do is refused or said to be dropped', async (t) => {
  const { gateway, model, mock } = await serve(t, gemini);
  const messages = userSays('Hi');
  for (const [field, value] of Object.entries({ modalities: ['text', 'audio'], web_search_options: {} })) {
    const { status, body } = await chat(gateway, { model, messages, [field]: value });
    assert.equal(status, 400);
    assert.equal(JSON.parse(body).error.param, field);
  }
  assert.equal(mock.requests.length, 0);
  const { status, headers } = await chat(gateway, { model, messages, user: 'u', logit_bias: { 1: 1 }, presence_penalty: 1 });
  assert.equal(status, 200);
  assert.equal(headers['x-llm-dropped'], 'logit_bias,user,presence_penalty');
});

test('safety: of the operator, of a header, of the request', async (t) => {
  const provider = 'safety HARASSMENT=BLOCK_NONE $http_x_llm_safety;';
  const { gateway, model, mock } = await serve(t, gemini, { provider });
  const setting = (category, threshold) => ({ category: `HARM_CATEGORY_${category}`, threshold });
  const ask = (headers, more) => chat(gateway, { model, messages: userSays('Hi'), ...more }, headers);

  const plain = await ask({}, { safety_settings: [setting('HATE_SPEECH', 'OFF')] });
  assert.deepEqual(mock.last.json.safetySettings, [setting('HARASSMENT', 'BLOCK_NONE')]);
  assert.equal(plain.headers['x-llm-dropped'], 'safety_settings');

  await ask({ 'x-llm-safety': 'hate_speech=off, HARM_CATEGORY_DANGEROUS_CONTENT=BLOCK_ONLY_HIGH' });
  const expected = [
    setting('HARASSMENT', 'BLOCK_NONE'),
    setting('HATE_SPEECH', 'OFF'),
    setting('DANGEROUS_CONTENT', 'BLOCK_ONLY_HIGH'),
  ];
  assert.deepEqual(mock.last.json.safetySettings, expected);
  assert.equal(mock.last.headers['x-llm-safety'], undefined);

  const sent = mock.requests.length;
  const { status, body } = await ask({ 'x-llm-safety': 'VIOLENCE=OFF' });
  assert.equal(status, 400);
  assert.equal(JSON.parse(body).error.param, 'safety');
  assert.equal(mock.requests.length, sent);
});

test("safety: the request's own where the operator says nothing", async (t) => {
  const { gateway, model, mock } = await serve(t, gemini, { provider: 'safety $http_x_llm_safety;' });
  const safety_settings = [{ category: 'HARM_CATEGORY_HATE_SPEECH', threshold: 'OFF' }];
  await chat(gateway, { model, messages: userSays('Hi'), safety_settings });
  assert.deepEqual(mock.last.json.safetySettings, safety_settings);
});
