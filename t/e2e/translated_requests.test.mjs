// Whatever OpenAI would take is taken by Anthropic, once it is translated, or
// refused by the gateway naming the field: never left for the provider to find.
import assert from 'node:assert/strict';
import test from 'node:test';
import { redact, signThinking } from '../mock/anthropic.mjs';
import { checkRequest } from '../mock/openai_rules.mjs';
import { chat } from './lib/http.mjs';
import { pick, randomRequest } from './lib/random_requests.mjs';
import { anthropic, serve } from './lib/upstreams.mjs';

const signed = (words) => ({ type: 'thinking', thinking: words, signature: signThinking(words) });
const piece = (words) => ({ type: 'thinking', thinking: words, signature: '' });
const thinking = () =>
  pick(
    [signed('hm')],
    [piece('h'), piece('m'), { ...signed('hm'), thinking: '' }],
    [{ type: 'redacted_thinking', data: redact('x') }, signed('hm')],
    [piece('lost')],
  );

const models = `claude-sonnet-4-5 claude-3-haiku-20240307 claude-opus-4-8 claude-opus-5-5 claude-sonnet-5-5 claude-haiku-5-5
  claude-opus-4-6 claude-sonnet-4-0 claude-opus-5 claude-fable-5 claude-opus-4-7 claude-3-5-sonnet`.split(/\s+/);

test('random requests', async (t) => {
  const { gateway, mock } = await serve(t, anthropic);
  const seen = { taken: 0, refused: 0, tools: 0, formats: 0, thinking: 0 };
  for (let i = 0; i < 1000; i++) {
    const asked = randomRequest({ models, thinking });
    const word = asked.response_format?.type === 'json_object' ? [{ role: 'system', content: 'JSON' }] : [];
    checkRequest({ ...asked, model: 'gpt-4o', messages: [...word, ...asked.messages] }); // OpenAI would take it
    const before = mock.requests.length;
    const { status, body } = await chat(gateway, asked);
    const sent = mock.requests.length > before;
    const what = `${body}\nasked: ${JSON.stringify(asked)}\nsent: ${sent && mock.last.text}`;
    assert.equal(status, sent ? 200 : 400, what);
    seen[sent ? 'taken' : 'refused']++;
    if (!sent) assert.match(JSON.parse(body).error.param, /^(tool_choice|response_format)$/, what);
    if (sent && mock.last.json.tools) seen.tools++;
    if (sent && mock.last.json.output_config?.format) seen.formats++;
    if (sent && mock.last.json.thinking) seen.thinking++;
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count >= 20, `${what}: ${count}`);
});
