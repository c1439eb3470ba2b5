// The sandbox behind the gateway, with the real SDK: the shortest way to see
// that everything is wired together.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { Gateway, KEY } from './lib/gateway.mjs';

const sandbox = (gateway) => `
  llm_provider openai { type openai; pass http://unix:${gateway.dir}/sandbox.sock:/openai/v1; key sandbox; }
  llm_provider anthropic { type anthropic; pass http://unix:${gateway.dir}/sandbox.sock:/anthropic/v1; key sandbox; }
  llm_model sandbox-openai { target openai; }
  llm_model sandbox-anthropic { target anthropic; }
  server {
    listen unix:${gateway.dir}/sandbox.sock;
    location /openai/ { llm_sandbox openai; }
    location /anthropic/ { llm_sandbox anthropic; }
  }`;

for (const model of ['sandbox-openai', 'sandbox-anthropic']) {
  test(`${model}: whole and streamed`, async (t) => {
    const gateway = await Gateway.start(t, { http: sandbox });
    const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
    const request = { model, messages: [{ role: 'user', content: 'Grüße, "world"' }] };

    const answer = await client.chat.completions.create(request);
    assert.equal(answer.choices[0].message.content, 'Grüße, "world"');

    let text = '';
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? '';
    }
    assert.equal(text, 'Grüße, "world"');
  });
}
