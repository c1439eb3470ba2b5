// models.list() and models.retrieve(): what the caller's project may use.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { checkedFetch } from './lib/schema.mjs';

const OTHER = 'sk-other-1234567890';

const config = {
  project: `
  llm_project all { ${keyLine()} }
  llm_project some { ${keyLine(OTHER)} models cheap eu-*; }`,
  http: `
  llm_provider one { type openai; pass http://127.0.0.1:1; key x; }
  llm_provider two { type anthropic; pass http://127.0.0.1:2; key x; }
  llm_provider off { type openai; pass http://127.0.0.1:3; key env:LLM_NO_SUCH_KEY if_set; }
  llm_model gpt-4o { target one; fallback two/claude-sonnet-4-5; }
  llm_model cheap best { target off/gpt-4o-mini; target two/claude-haiku-4-5; }
  llm_model eu-* { target one; }
  llm_model ~^us-(?<m>.+)$ { target one/$m; }
  llm_model hidden { target off; }`,
};

async function start(t, location = '', key = KEY) {
  const gateway = await Gateway.start(t, { ...config, location });
  const client = (apiKey) => new OpenAI({ apiKey, baseURL: gateway.url, maxRetries: 0, fetch: checkedFetch(t) });
  return { gateway, client: client(key) };
}

const idsOf = async (client) => (await client.models.list()).data.map(({ id }) => id);

test('the list has the names that can be asked for', async (t) => {
  const { client } = await start(t);
  assert.deepEqual(await idsOf(client), ['gpt-4o', 'cheap', 'best']);
  const seen = [];
  for await (const model of client.models.list()) seen.push(model.id);
  assert.equal(seen.length, 3, 'it is one page');
});

test('owned by the provider that serves it first', async (t) => {
  const { client } = await start(t);
  const owners = (await client.models.list()).data.map(({ owned_by: owner }) => owner);
  assert.deepEqual(owners, ['one', 'two', 'two']);
});

test('with llm_headers off no provider is named', async (t) => {
  const { client } = await start(t, 'llm_headers off;');
  const owners = (await client.models.list()).data.map(({ owned_by: owner }) => owner);
  assert.deepEqual(owners, ['gateway', 'gateway', 'gateway']);
});

test('the list of a project with some models', async (t) => {
  const { client } = await start(t, '', OTHER);
  assert.deepEqual(await idsOf(client), ['cheap']);
});

// [name, there for the project of all, there for the one of some]
const models = [
  ['gpt-4o', true, false],
  ['cheap', true, true],
  ['eu-anything', true, true],
  ['us-gpt-4o', true, false],
  ['hidden', false, false],
  ['nothing', false, false],
  ['eu-with/slash', true, true],
];

for (const [key, column] of [
  [KEY, 1],
  [OTHER, 2],
]) {
  test(`models.retrieve() of project ${column === 1 ? 'all' : 'some'}`, async (t) => {
    const { client } = await start(t, '', key);
    for (const row of models) {
      await t.test(row[0], async () => {
        const [id] = row;
        if (row[column]) {
          const model = await client.models.retrieve(id);
          assert.deepEqual([model.id, model.object], [id, 'model']);
          return;
        }
        await assert.rejects(client.models.retrieve(id), (error) => {
          assert.ok(error instanceof OpenAI.NotFoundError);
          assert.deepEqual([error.code, error.param], ['model_not_found', 'model']);
          return true;
        });
      });
    }
  });
}

test('without a key there is no list', async (t) => {
  const { client } = await start(t, '', 'sk-wrong');
  await assert.rejects(client.models.list(), OpenAI.AuthenticationError);
});
