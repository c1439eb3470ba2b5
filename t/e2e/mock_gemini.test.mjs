// The mock of Gemini is one to Google's own SDK, and it is strict.
import assert from 'node:assert/strict';
import test from 'node:test';
import { FunctionCallingConfigMode, GoogleGenAI, Type } from '@google/genai';
import { GeminiMock, sign } from '../mock/gemini.mjs';
import { request } from './lib/http.mjs';
import { pdf, png } from './lib/media.mjs';

const model = 'gemini-2.5-flash';
const third = 'gemini-3-pro-preview';

async function start(t) {
  const mock = await GeminiMock.start(t);
  const ai = new GoogleGenAI({ apiKey: mock.key, httpOptions: { baseUrl: mock.url, apiVersion: 'v1beta', retryOptions: { attempts: 1 } } });
  return { mock, ai };
}

test("an answer to Google's SDK", async (t) => {
  const { mock, ai } = await start(t);
  mock.say({ text: 'Grüße 🌍', usage: { thoughtsTokenCount: 7 } });
  const answer = await ai.models.generateContent({
    model,
    contents: [
      { text: 'What is this?' },
      { inlineData: { mimeType: 'image/png', data: png } },
      { inlineData: { mimeType: 'application/pdf', data: pdf } },
    ],
    config: {
      systemInstruction: 'Be brief.',
      temperature: 0.5,
      topP: 0.9,
      topK: 3,
      candidateCount: 1,
      maxOutputTokens: 10,
      stopSequences: ['x'],
      seed: 1,
      thinkingConfig: { includeThoughts: true, thinkingBudget: 128 },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
    },
  });
  assert.equal(answer.text, 'Grüße 🌍');
  assert.equal(answer.candidates[0].finishReason, 'STOP');
  assert.equal(answer.usageMetadata.thoughtsTokenCount, 7);
  assert.equal(answer.modelVersion, model);
});

test("a stream to Google's SDK", async (t) => {
  const { mock, ai } = await start(t);
  mock.say({ parts: [{ text: 'Hm.', thought: true }, { text: 'Hello there, all of you' }], size: 4 });
  const texts = [];
  let last;
  for await (const chunk of await ai.models.generateContentStream({ model, contents: 'Hi' })) {
    if (chunk.text) texts.push(chunk.text);
    last = chunk;
  }
  assert.equal(texts.join(''), 'Hello there, all of you');
  assert.ok(texts.length > 4);
  assert.equal(last.candidates[0].finishReason, 'STOP');
  assert.equal(last.usageMetadata.promptTokenCount, 20);
});

test("a chat of Google's SDK with calls and signatures", async (t) => {
  const { mock, ai } = await start(t);
  const functionDeclarations = [
    { name: 'a', description: 'A.', parameters: { type: Type.OBJECT, properties: { x: { type: Type.STRING } }, required: ['x'] } },
    { name: 'b', parametersJsonSchema: { type: 'object', properties: { y: { type: 'integer' } }, additionalProperties: false } },
  ];
  const toolConfig = { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ['a', 'b'] } };
  const chat = ai.chats.create({ model: third, config: { tools: [{ functionDeclarations }], toolConfig } });
  const calls = [{ functionCall: { name: 'a', args: { x: 'q' } } }, { functionCall: { name: 'b', args: {} } }];
  for (const ask of ['sendMessage', 'sendMessageStream']) {
    mock.say({ parts: calls });
    let answer = await chat[ask]({ message: 'Go' });
    const seen = [];
    if (ask === 'sendMessage') seen.push(...answer.functionCalls);
    else for await (const chunk of answer) seen.push(...(chunk.functionCalls ?? []));
    assert.deepEqual(seen.map(({ name }) => name), ['a', 'b']);
    const message = seen.map(({ name }) => ({ functionResponse: { name, response: { output: 1 } } }));
    mock.say({ text: 'Done.' });
    answer = await chat.sendMessage({ message });
    assert.equal(answer.text, 'Done.');
  }
});

test("errors to Google's SDK", async (t) => {
  const { mock, ai } = await start(t);
  mock.fail(429, 'You exceeded your current quota.', { details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' }] });
  await assert.rejects(ai.models.generateContent({ model, contents: 'Hi' }), (error) => {
    assert.equal(error.status, 429);
    assert.match(error.message, /RESOURCE_EXHAUSTED/);
    return true;
  });
  await assert.rejects(ai.models.generateContent({ model: 'gemini-9', contents: 'Hi' }), { status: 404 });
  const wrong = new GoogleGenAI({ apiKey: 'wrong', httpOptions: { baseUrl: mock.url, apiVersion: 'v1beta', retryOptions: { attempts: 1 } } });
  await assert.rejects(wrong.models.generateContent({ model, contents: 'Hi' }), /API key not valid/);
});

test("embeddings to Google's SDK", async (t) => {
  const { ai } = await start(t);
  const config = { outputDimensionality: 3, taskType: 'RETRIEVAL_QUERY' };
  const { embeddings } = await ai.models.embedContent({ model: 'gemini-embedding-001', contents: ['a', 'bcd'], config });
  assert.deepEqual(
    embeddings.map(({ values }) => values),
    [
      [0.125, 0.25, 0.375],
      [0.375, 0.5, 0.625],
    ],
  );
});

// --- what is refused ------------------------------------------------------------------

const user = (...parts) => ({ role: 'user', parts });
const said = (...parts) => ({ role: 'model', parts });
const call = (name, more) => ({ functionCall: { name, args: {} }, ...more });
const result = (name, more) => ({ functionResponse: { name, response: {}, ...more } });
const hi = user({ text: 'Hi' });
const f = (more) => ({ tools: [{ functionDeclarations: [{ name: 'f', ...more }] }] });
const schema = (more) => f({ parameters: { type: 'object', properties: { a: { type: 'string', ...more } } } });
const config = (more) => ({ generationConfig: more });
const old = { model: 'gemini-2.0-flash' };

// [what, the request, the error's text or undefined where it is good]
const rows = [
  ['a plain request', {}, undefined],
  ['an unknown member', { n: 1 }, /Unknown name "n"/],
  ['no contents', { contents: [] }, /contents is not specified/],
  ['no parts', { contents: [user()] }, /parts must not be empty/],
  ['a part of nothing', { contents: [user({})] }, /must have one initialized field/],
  ['a part of two kinds', { contents: [user({ text: 'a', fileData: {} })] }, /already set/],
  ['an empty text', { contents: [user({ text: '' })] }, /empty text/],
  ['a role of others', { contents: [{ role: 'assistant', parts: [{ text: 'a' }] }] }, /valid role/],
  ['the last word of the model', { contents: [hi, said({ text: 'a' })] }, /ends with a user turn/],
  ['a text for an image', { contents: [user({ inlineData: { mimeType: 'image/png', data: 'aGk=' } })] }, /input image/],
  ['no base64', { contents: [user({ inlineData: { mimeType: 'image/png', data: '?' } })] }, /Base64/],
  ['a call at the start', { contents: [said(call('f')), user(result('f'))] }, /immediately after a user turn/],
  ['a call without a result', { contents: [hi, said(call('f')), hi] }, /number of function response parts/],
  ['results in another order', { contents: [hi, said(call('f'), call('g')), user(result('g'), result('f'))] }, /order of their calls/],
  ['a result without a call', { contents: [hi, user(result('f'))] }, /immediately after a function call turn/],
  ['an id of only one', { contents: [hi, said(call('f')), user(result('f', { id: 'x' }))] }, /id of a function response/],
  ['a call and its result', { contents: [hi, said(call('f')), user(result('f'))] }, undefined],
  ['an unsigned call', { model: third, contents: [hi, said(call('f')), user(result('f'))] }, /missing a thought_signature/],
  [
    'a signed call',
    { model: third, contents: [hi, said(call('f', { thoughtSignature: sign(call('f')) })), user(result('f'))] },
    undefined,
  ],
  [
    'a signature of another call',
    { model: third, contents: [hi, said(call('f', { thoughtSignature: sign(call('g')) })), user(result('f'))] },
    /Corrupted thought signature/,
  ],
  ['a result that is a text', { contents: [hi, said(call('f')), user(result('f', { response: 'x' }))] }, /protobuf.Struct/],
  ['instructions for Gemma', { model: 'gemma-3-27b-it', systemInstruction: { parts: [{ text: 'a' }] } }, /Developer instruction/],
  ['a keyword of JSON Schema', schema({ additionalProperties: false }), /Unknown name "additionalProperties"/],
  ['a format', schema({ format: 'email' }), /only 'enum' and 'date-time'/],
  ['an enum of numbers', schema({ type: 'integer', enum: [1] }), /only allowed for STRING/],
  ['a list of types', schema({ type: ['string', 'null'] }), /Type/],
  ['anyOf beside others', schema({ anyOf: [{ type: 'string' }] }), /must be the only field/],
  ['an array of nothing', schema({ type: 'array' }), /items: missing field/],
  ['an empty object', f({ parameters: { type: 'object', properties: {} } }), /should be non-empty/],
  ['a JSON schema', f({ parametersJsonSchema: { type: 'object', additionalProperties: false } }), undefined],
  ['a JSON schema of old', { ...old, ...f({ parametersJsonSchema: { type: 'object' } }) }, /not supported for this model/],
  ['a bad name', f({ name: '1 f' }), /Invalid function name/],
  ['two lists of functions', { tools: [...f().tools, ...f({ name: 'g' }).tools] }, /Multiple tools/],
  ['a choice without functions', { toolConfig: { functionCallingConfig: { mode: 'ANY' } } }, /without function_declarations/],
  ['names for AUTO', { ...f(), toolConfig: { functionCallingConfig: { mode: 'AUTO', allowedFunctionNames: ['f'] } } }, /should only be set/],
  ['an unknown name', { ...f(), toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['g'] } } }, /Unknown function name/],
  ['too hot', config({ temperature: 2.1 }), /range/],
  ['six stops', config({ stopSequences: ['1', '2', '3', '4', '5', '6'] }), /at most 5/],
  ['a penalty', config({ presencePenalty: 1 }), /Penalty is not enabled/],
  ['a penalty of old', { ...old, ...config({ presencePenalty: 1 }) }, undefined],
  ['a large seed', config({ seed: 2 ** 31 }), /INT32/],
  ['thinking of old', { ...old, ...config({ thinkingConfig: { thinkingBudget: 1 } }) }, /not supported by this model/],
  ['no thinking of Pro', { model: 'gemini-2.5-pro', ...config({ thinkingConfig: { thinkingBudget: 0 } }) }, /only works in thinking mode/],
  ['a budget too small', { model: 'gemini-2.5-pro', ...config({ thinkingConfig: { thinkingBudget: 1 } }) }, /between 128 and/],
  ['a level of others', { model: third, ...config({ thinkingConfig: { thinkingLevel: 'MEDIUM' } }) }, /MEDIUM is not supported/],
  ['both ways', { model: third, ...config({ thinkingConfig: { thinkingLevel: 'LOW', thinkingBudget: 1 } }) }, /only one/],
  ['JSON beside functions', { ...f(), ...config({ responseMimeType: 'application/json' }) }, /is unsupported/],
  ['JSON beside functions later', { model: third, ...f(), ...config({ responseMimeType: 'application/json' }) }, undefined],
  ['a schema without JSON', config({ responseSchema: { type: 'string' } }), /only supported with/],
  ['a safety setting', { safetySettings: [{ category: 'HARM_CATEGORY_X', threshold: 'OFF' }] }, /safety_settings/],
];

test('the mock is strict', async (t) => {
  const mock = await GeminiMock.start(t);
  for (const [what, { model: name = model, ...more }, expected] of rows) {
    const answer = await request(`${mock.url}/v1beta/models/${name}:generateContent`, {
      method: 'POST',
      headers: { 'x-goog-api-key': mock.key, 'content-type': 'application/json' },
      body: JSON.stringify({ contents: [hi], ...more }),
    });
    const { error } = JSON.parse(answer.body);
    assert.equal(answer.status, expected ? 400 : 200, `${what}: ${error?.message}`);
    if (expected) assert.match(error.message, expected, what);
  }
});
