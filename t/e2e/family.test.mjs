// Vendors of OpenAI's format, with the official SDK in front of them: what their
// golden folders say goes over the wire.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import OpenAI from 'openai';
import { validator } from '../mock/openai_schema.mjs';
import { Mock } from '../mock/http.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { root, source } from './lib/readme.mjs';

const golden = path.join(root, 't/golden');
const types = source('src/providers/registry.cc')
  .split(/\bProvider\{/)
  .slice(1)
  .filter((row) => /compatible\(/.test(row))
  .map((row) => ({ type: /\.name = "(\w+)"/.exec(row)[1], base: /\.base = "([^"]*)"/.exec(row)?.[1] ?? '' }));

const read = (type, name, file) => {
  const where = path.join(golden, type, name, file);
  return fs.existsSync(where) ? fs.readFileSync(where, 'utf8') : undefined;
};
const cases = (type) =>
  fs
    .readdirSync(path.join(golden, type))
    .filter((name) => read(type, name, 'upstream_stream.sse') && read(type, name, 'response.sse').endsWith('data: [DONE]\n\n'))
    .map((name) => ({
      name,
      request: JSON.parse(read(type, name, 'request.json')),
      upstream: read(type, name, 'upstream.json'),
      stream: read(type, name, 'upstream_stream.sse'),
    }));

async function serve(t, type, provider = '') {
  const mock = await Mock.start(t);
  const gateway = await Gateway.start(t, {
    http: `llm_provider up { type ${type}; pass ${mock.url}; key sk-vendor-0123456789; ${provider} } llm_model * { target up; }`,
  });
  return { mock, client: new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 }) };
}

const say = (mock, status, type, body) =>
  mock.next((request, response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(body);
  });

test('each vendor has golden cases', () => {
  assert.ok(types.length > 20);
  for (const { type } of types) assert.ok(cases(type).length > 0, `${type} has no stream`);
});

for (const { type, base } of types) {
  test(`${type}: streams, as the SDK puts them together`, async (t) => {
    const { mock, client } = await serve(t, type);
    for (const { name, request, upstream, stream } of cases(type)) {
      say(mock, 200, 'text/event-stream', stream);
      const runner = client.chat.completions.stream(request);
      const wrong = [];
      // A null there is as good as none.
      runner.on('chunk', ({ system_fingerprint: mark, ...chunk }) => wrong.push(...validator('CreateChatCompletionStreamResponse')(mark === null ? chunk : { ...chunk, ...(mark && { system_fingerprint: mark }) })));
      const answer = await runner.finalChatCompletion();
      assert.deepEqual(wrong, [], `${name}: chunks are of OpenAI's schema`);
      assert.equal(mock.last.text, upstream, name);
      if (type !== 'azure') assert.equal(mock.last.url, `${base}/chat/completions`, name);
      const { message, finish_reason: reason } = answer.choices[0];
      assert.ok(message.content || message.tool_calls?.length, name);
      if (message.tool_calls?.length) assert.equal(reason, 'tool_calls', name);
      for (const call of message.tool_calls ?? []) {
        assert.ok(call.id && call.function.name, name);
        assert.equal(typeof JSON.parse(call.function.arguments), 'object', name);
      }
    }
  });

  test(`${type}: a whole answer`, async (t) => {
    const { mock, client } = await serve(t, type);
    say(mock, 200, 'application/json', read(type, 'text', 'upstream_response.json'));
    const { data, response } = await client.chat.completions.create(JSON.parse(read(type, 'text', 'request.json'))).withResponse();
    assert.equal(data.choices[0].message.content, 'Hello');
    assert.equal(mock.last.text, read(type, 'text', 'upstream.json'));
    assert.equal(response.headers.get('x-llm-dropped') ?? '', (read(type, 'text', 'dropped.txt') ?? '').trim());
  });
}

test('azure: the paths of deployments, an API key and a token of Entra ID', async (t) => {
  const body = read('azure', 'text', 'upstream_response.json');
  const ask = async (provider) => {
    const { mock, client } = await serve(t, 'azure', provider);
    say(mock, 200, 'application/json', body);
    await client.chat.completions.create({ model: 'my/gpt', messages: [{ role: 'user', content: 'Hi' }] });
    return mock.last;
  };
  const plain = await ask('');
  assert.equal(plain.url, '/openai/v1/chat/completions');
  assert.equal(plain.headers['api-key'], 'sk-vendor-0123456789');
  assert.equal(plain.headers.authorization, undefined);
  const versioned = await ask('api_version 2024-10-21; auth bearer;');
  assert.equal(versioned.url, '/openai/deployments/my%2Fgpt/chat/completions?api-version=2024-10-21');
  assert.equal(versioned.headers.authorization, 'Bearer sk-vendor-0123456789');
  assert.equal(versioned.headers['api-key'], undefined);
});

test('azure: a token file that has changed is read again', async (t) => {
  const mock = await Mock.start(t);
  const gateway = await Gateway.start(t, {
    http: ({ dir }) => {
      fs.writeFileSync(path.join(dir, 'token'), 'entra-token-one-0123456789\n');
      return `llm_provider up { type azure; pass ${mock.url}; auth bearer; key file:${dir}/token; } llm_model * { target up; }`;
    },
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const ask = async () => {
    say(mock, 200, 'application/json', read('azure', 'text', 'upstream_response.json'));
    await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] });
    return mock.last.headers.authorization;
  };
  assert.equal(await ask(), 'Bearer entra-token-one-0123456789');
  const file = path.join(gateway.dir, 'token');
  fs.writeFileSync(`${file}.new`, 'entra-token-two-0123456789\n');
  fs.renameSync(`${file}.new`, file);
  const until = Date.now() + 20000;
  let token;
  do token = await ask();
  while (token !== 'Bearer entra-token-two-0123456789' && Date.now() < until);
  assert.equal(token, 'Bearer entra-token-two-0123456789');
});
