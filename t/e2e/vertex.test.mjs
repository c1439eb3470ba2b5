// Vertex AI: projects and locations in paths, access tokens out of a file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import OpenAI from 'openai';
import { VertexAnthropicMock, VertexMock } from '../mock/vertex.mjs';
import { Gateway, KEY, tempDir } from './lib/gateway.mjs';
import { checkedFetch } from './lib/schema.mjs';
import { until } from './lib/until.mjs';
import { userSays } from './lib/upstreams.mjs';

async function start(t, Mock, type) {
  const token = 'ya29.first-token-0123456789';
  const file = path.join(tempDir('token'), 'token');
  fs.writeFileSync(file, `${token}\n`);
  const mock = await Mock.start(t, { key: token });
  const gateway = await Gateway.start(t, {
    secrets: ['ya29.'],
    http: `
  llm_provider up { type ${type}; pass ${mock.url}; project p-1; location europe-west1; key file:${file}; }
  llm_model * { target up; }`,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0, fetch: checkedFetch(t) });
  return { mock, client, file };
}

const ways = {
  whole: (client, request) => client.chat.completions.create(request),
  streamed: (client, request) => client.chat.completions.stream(request).finalChatCompletion(),
};
const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: { a: { type: 'string' } } } } }];

for (const [way, ask] of Object.entries(ways)) {
  test(`Gemini's models, ${way}`, async (t) => {
    const { mock, client } = await start(t, VertexMock, 'vertex');
    const messages = userSays('Hi');
    const request = { model: 'gemini-3-flash-preview', messages, tools };
    mock.say({ parts: [{ functionCall: { name: 'f', args: { a: 'b' } } }] });
    const { choices } = await ask(client, request);
    const [called] = choices[0].message.tool_calls;
    const method = way === 'whole' ? 'generateContent' : 'streamGenerateContent?alt=sse';
    assert.equal(mock.last.url, `/v1/projects/p-1/locations/europe-west1/publishers/google/models/gemini-3-flash-preview:${method}`);
    messages.push(choices[0].message, { role: 'tool', tool_call_id: called.id, content: 'c' });
    mock.say({ text: 'Done.' });
    const last = await ask(client, request);
    assert.equal(last.choices[0].message.content, 'Done.');
  });

  test(`Anthropic's models, ${way}`, async (t) => {
    const { mock, client } = await start(t, VertexAnthropicMock, 'vertex_anthropic');
    const messages = userSays('Hi');
    const request = { model: 'claude-haiku-4-5@20251001', messages, tools };
    mock.say({ content: [{ type: 'tool_use', id: 'toolu_1', name: 'f', input: { a: 'b' } }] });
    const { choices } = await ask(client, request);
    const method = way === 'whole' ? 'rawPredict' : 'streamRawPredict';
    const { path: sent } = mock.last;
    assert.equal(decodeURIComponent(sent), `/v1/projects/p-1/locations/europe-west1/publishers/anthropic/models/claude-haiku-4-5@20251001:${method}`);
    messages.push(choices[0].message, { role: 'tool', tool_call_id: 'toolu_1', content: 'c' });
    mock.say({ text: 'Done.' });
    const last = await ask(client, request);
    assert.equal(last.choices[0].message.content, 'Done.');
  });
}

test('a token that is renewed is used without a reload, and an old one is no error of the client', async (t) => {
  const { mock, client, file } = await start(t, VertexMock, 'vertex');
  const request = { model: 'gemini-2.5-flash', messages: userSays('Hi') };
  await client.chat.completions.create(request);

  mock.key = 'ya29.second-token-0123456789';
  await assert.rejects(client.chat.completions.create(request), { status: 502, code: 'upstream_credentials_exhausted' });
  fs.writeFileSync(`${file}.new`, mock.key);
  fs.renameSync(`${file}.new`, file);
  let answer;
  await until(async () => (answer = await client.chat.completions.create(request).catch(() => undefined)), 'the new token');
  assert.equal(answer.choices[0].message.content, 'Hi');
});
