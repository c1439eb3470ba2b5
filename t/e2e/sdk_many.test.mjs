// Many clients at once: each gets its own answer and nothing of another's, over
// few connections that are used again.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { Gateway, KEY } from './lib/gateway.mjs';
import { textOf } from './lib/http.mjs';
import { checkedFetch } from './lib/schema.mjs';
import { anthropic, collect, kinds, openai, userSays } from './lib/upstreams.mjs';

async function start(t, { workers = 1, http = '' } = {}) {
  const mocks = {};
  for (const kind of kinds) mocks[kind.name] = await kind.Mock.start(t, { key: kind.key });
  const upstream = ({ name }) => `upstream ${name} { server ${mocks[name].address}; keepalive 32; }`;
  const provider = ({ name, key }) =>
    `llm_provider ${name} { type ${name}; pass http://${name}; host api.${name}.test; key ${key}; }`;
  const gateway = await Gateway.start(t, {
    workers,
    http: `
  ${kinds.map(upstream).join('\n  ')}
  ${kinds.map(provider).join('\n  ')}
  llm_model gpt-* { target openai; }
  llm_model claude-* { target anthropic; }
  ${http}`,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0, fetch: checkedFetch(t) });
  return { mocks, gateway, client };
}

async function echo(client, model, text, stream) {
  const answer = await client.chat.completions.create({ model, messages: userSays(text), stream });
  return stream ? textOf(await collect(answer)) : answer.choices[0].message.content;
}

for (const workers of [1, 2]) {
  test(`200 at once, ${workers} worker${workers > 1 ? 's' : ''}`, async (t) => {
    const { mocks, client } = await start(t, { workers });
    const texts = Array.from({ length: 200 }, (_, i) => `${i} `.repeat(1 + ((i * 37) % 400)) + i);
    const answers = await Promise.all(texts.map((text, i) => echo(client, kinds[i % 2].model, text, i % 4 < 2)));
    assert.deepEqual(answers, texts);
    assert.equal(mocks.openai.requests.length + mocks.anthropic.requests.length, 200);
  });
}

for (const kind of kinds) {
  test(`${kind.name}: one after the other on one connection`, async (t) => {
    const { mocks, client } = await start(t);
    for (let i = 0; i < 20; i++) assert.equal(await echo(client, kind.model, `text ${i}`, i % 2 === 1), `text ${i}`);
    assert.equal(mocks[kind.name].requests.length, 20);
    assert.equal(mocks[kind.name].connections, 1);
  });
}

test('a conversation that changes its provider', async (t) => {
  const { mocks, client } = await start(t);
  const tools = [{ type: 'function', function: { name: 'look' } }];
  const messages = userSays('Go.');
  mocks.anthropic.say({ content: [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }] });
  mocks.openai.say({ tool_calls: [{ id: 'call_2', name: 'look', arguments: '{}' }] });
  mocks.anthropic.say({ text: 'Seen.' });
  for (const { model } of [anthropic, openai]) {
    const { choices } = await client.chat.completions.create({ model, messages, tools });
    messages.push(choices[0].message, { role: 'tool', tool_call_id: choices[0].message.tool_calls[0].id, content: 'seen' });
  }
  const { choices } = await client.chat.completions.create({ model: anthropic.model, messages, tools });
  assert.equal(choices[0].message.content, 'Seen.');
});
