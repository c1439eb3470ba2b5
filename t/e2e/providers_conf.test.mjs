// conf/llm_providers.conf: providers that are ready to be included.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import OpenAI from 'openai';
import { run } from './lib/conf.mjs';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { root, source } from './lib/readme.mjs';

const file = path.join(root, 'conf/llm_providers.conf');
const text = source('conf/llm_providers.conf');
const ready = [...text.matchAll(/^llm_provider (\w+) \{ type (\w+);.* key env:(\w+) if_set;/gm)].map(([, name, type, variable]) => ({ name, type, variable }));
const without = Object.fromEntries(ready.map(({ variable }) => [variable, '']));

// A resource, a project or a region of one's own is part of their configuration.
const notReady = ['azure', 'vertex', 'vertex_anthropic'];

test('each type of provider is there, under its own name', () => {
  const types = source('src/providers/registry.cc').split(/\bProvider\{/).slice(1).map((row) => /\.name = "(\w+)"/.exec(row)[1]);
  assert.deepEqual(ready.map(({ type }) => type).sort(), types.filter((type) => !notReady.includes(type)).sort());
  for (const { name, type } of ready) assert.equal(name, type);
  for (const type of notReady) assert.match(text, new RegExp(`^# +llm_provider ${type} \\{ type ${type};`, 'm'));
});

test('nginx takes it without a key and without a network', () => {
  const result = run({
    http: `llm_zone z 1m; llm_project p { ${keyLine()} } include ${file}; server { location / { llm_gateway on; } }`,
    env: without,
  });
  assert.ok(result.ok, result.output);
  assert.doesNotMatch(result.output, /\[(warn|error|crit|alert|emerg)\]/);
  for (const { name } of ready) assert.match(result.output, new RegExp(`llm_provider "${name}" is disabled`));
});

test('nginx takes it with all keys', () => {
  const result = run({
    http: `llm_zone z 1m; llm_project p { ${keyLine()} } include ${file}; server { location / { llm_gateway on; } }`,
    env: Object.fromEntries(ready.map(({ variable }) => [variable, 'k'])),
  });
  assert.ok(result.ok, result.output);
  assert.doesNotMatch(result.output, /\[(warn|notice|error|crit|alert|emerg)\]/);
});

test('a provider is there when its variable is set', async (t) => {
  const gateway = await Gateway.start(t, {
    http: `include ${file}; ${ready.map(({ name }) => `llm_model of-${name} { target ${name}/m; }`).join('\n')}`,
    env: { ...without, MISTRAL_API_KEY: 'k', VLLM_API_KEY: 'none' },
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const names = (await client.models.list()).data.map(({ id }) => id);
  assert.deepEqual(names.sort(), ['of-mistral', 'of-vllm']);
});
