// Whatever OpenAI would take is taken by Gemini, once it is translated.
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkRequest } from '../mock/openai_rules.mjs';
import { chat } from './lib/http.mjs';
import { pick, random, randomRequest } from './lib/random_requests.mjs';
import { gemini, serve } from './lib/upstreams.mjs';

const models = `gemini-2.0-flash gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-pro gemini-3-pro-preview
  gemini-3-flash-preview gemini-3.1-pro-preview gemma-3-27b-it`.split(/\s+/);

// Of this provider, of another one, or lost on the way.
const thinking = () =>
  pick(
    [{ type: 'thinking', thinking: '', signature: Buffer.from(`signed:${random.below(9)}`).toString('base64') }],
    [{ type: 'thinking', thinking: 'hm', signature: 'c2lnbmVk' }],
    [{ type: 'redacted_thinking', data: 'eA==' }],
    [{ type: 'thinking', thinking: 'hm', signature: '' }],
  );

test('random requests', async (t) => {
  const { gateway, mock } = await serve(t, gemini);
  const seen = { tools: 0, formats: 0, schemas: 0, thinking: 0, signatures: 0 };
  for (let i = 0; i < 1000; i++) {
    const asked = randomRequest({ models, thinking });
    const word = asked.response_format?.type === 'json_object' ? [{ role: 'system', content: 'JSON' }] : [];
    checkRequest({ ...asked, model: 'gpt-4o', messages: [...word, ...asked.messages] }); // OpenAI would take it
    const before = mock.requests.length;
    const { status, body } = await chat(gateway, asked);
    const sent = mock.requests.length > before;
    const what = `${body}\nasked: ${JSON.stringify(asked)}\nsent: ${sent && mock.last.text}`;
    assert.equal(status, 200, what);
    const { tools, generationConfig: config } = mock.last.json;
    if (tools) seen.tools++;
    if (config?.responseMimeType) seen.formats++;
    if (config?.responseSchema) seen.schemas++;
    if (config?.thinkingConfig) seen.thinking++;
    if (mock.last.text.includes('thoughtSignature')) seen.signatures++;
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count >= 10, `${what}: ${count}`);
});
