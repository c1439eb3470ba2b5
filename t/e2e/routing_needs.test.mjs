// What a target cannot do is not asked of it, and if nobody can, the client is
// told what it is.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { answer, RawProvider } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { userSays } from './lib/upstreams.mjs';

async function start(t, lines) {
  const names = ['a', 'b', 'c'];
  const ups = {};
  for (const name of names) ups[name] = await RawProvider.start(t, (x) => answer(x, name));
  const gateway = await Gateway.start(t, {
    http: `
      ${names.map((name) => provider(name, 'openai', `http://127.0.0.1:${ups[name].port}`)).join('\n')}
      llm_model m { ${lines} }`,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const ask = async (request) => (await client.chat.completions.create({ model: 'm', ...request })).choices[0].message.content;
  const refusal = async (request) => {
    const asked = names.map((name) => ups[name].exchanges.length);
    const error = await ask(request).then((name) => assert.fail(`${name} has answered`), (e) => e);
    assert.deepEqual(names.map((name) => ups[name].exchanges.length), asked, 'nothing is sent');
    assert.equal(error.status, 400);
    assert.equal(error.type, 'invalid_request_error');
    assert.equal(error.headers.get('x-llm-attempts'), null);
    return error;
  };
  return { ask, refusal };
}

const part = (p) => ({ messages: userSays([{ type: 'text', text: 'Look.' }, p]) });
const tools = [{ type: 'function', function: { name: 'look', parameters: { type: 'object' } } }];

const requests = {
  images: part({ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }),
  audio: part({ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }),
  files: part({ type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' } }),
  tools: { messages: userSays('Look.'), tools },
  json_schema: { messages: userSays('Look.'), response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object' } } } },
  audio_output: { messages: userSays('Look.'), modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'mp3' } },
};
const params = { images: 'messages', audio: 'messages', files: 'messages', tools: 'tools', json_schema: 'response_format', audio_output: 'modalities' };

for (const [need, request] of Object.entries(requests)) {
  test(`${need}: who cannot is passed over`, async (t) => {
    const others = Object.keys(requests).filter((name) => name !== need).join();
    const { ask } = await start(t, `target a cannot=${need}; target b cannot=${others}; fallback c;`);
    assert.equal(await ask(request), 'b');
    assert.equal(await ask({ messages: userSays('Hi') }), 'a');
  });

  test(`${need}: nobody can`, async (t) => {
    const { ask, refusal } = await start(t, `target a cannot=${need}; fallback b cannot=${need};`);
    const error = await refusal(request);
    assert.equal(error.code, 'unsupported_parameter');
    assert.equal(error.param, params[need]);
    assert.equal(error.message, `400 No target of the model 'm' can do what the request needs: ${need}.`);
    assert.equal(await ask({ messages: userSays('Hi') }), 'a');
  });
}

test('each need is met by one, and all of them by none', async (t) => {
  const { refusal } = await start(t, 'target a cannot=images; target b cannot=tools;');
  const error = await refusal({ ...requests.images, tools });
  assert.match(error.message, /can do at once all that the request needs: images, tools\./);
});

test('max_input_tokens=: prompts that are too long go to who takes them', async (t) => {
  const { ask, refusal } = await start(t, 'target a max_input_tokens=100; target b max_input_tokens=1000;');
  assert.equal(await ask({ messages: userSays('word '.repeat(50)) }), 'a');
  assert.equal(await ask({ messages: userSays('word '.repeat(200)) }), 'b');
  const error = await refusal({ messages: userSays('word '.repeat(2000)) });
  assert.equal(error.code, 'context_length_exceeded');
  assert.equal(error.param, 'messages');
  assert.match(error.message, /The request has about 2\d{3} tokens; a target of the model 'm' takes 1000 at most\./);
});
