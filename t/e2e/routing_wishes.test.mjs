// What clients say of their targets: heard with `llm_client_routing on` and never
// more than a choice among what their project may use.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { AnthropicMock } from '../mock/anthropic.mjs';
import { answer, RawProvider } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { userSays } from './lib/upstreams.mjs';

const NAMES = ['a', 'b', 'c'];
const LINES = 'target a; target b; target c;';

// Providers a, b and c, and models that are said.
async function start(t, { models = `llm_model m { ${LINES} }`, on = true, failing = [], ...options } = {}) {
  const ups = {};
  for (const name of NAMES) {
    ups[name] = await RawProvider.start(t, (x) => (failing.includes(name) ? x.reset() : answer(x, name)));
  }
  const gateway = await Gateway.start(t, {
    http: `
      ${NAMES.map((name) => provider(name, 'openai', `http://127.0.0.1:${ups[name].port}`)).join('\n')}
      ${models}`,
    location: on ? 'llm_client_routing on;' : '',
    ...options,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const create = (more = {}, options = {}) =>
    client.chat.completions.create({ model: 'm', messages: userSays('Hi'), ...more }, options);
  const ask = async (more, options) => (await create(more, options)).choices[0].message.content;
  const refused = (more, options) => create(more, options).then(() => assert.fail('it was answered'), (error) => error);
  const books = () => NAMES.flatMap((name) => ups[name].exchanges);
  return { ups, gateway, ask, refused, books, create };
}

const said = (headers) => ({ headers });
const prefers = (provider) => ({ provider });

// --- providers --------------------------------------------------------------------

test('a header or the query picks the provider', async (t) => {
  const { ask, refused } = await start(t);
  assert.equal(await ask(), 'a');
  assert.equal(await ask({}, said({ 'x-llm-provider': 'b' })), 'b');
  assert.equal(await ask({}, said({ 'x-provider': 'C' })), 'c');
  assert.equal(await ask({}, said({ 'X-LLM-Provider': ' c , b ' })), 'c');
  assert.equal(await ask({}, { query: { provider: 'b' } }), 'b');
  assert.equal(await ask({}, { query: { provider: 'b' }, ...said({ 'x-llm-provider': 'c' }) }), 'c');
  assert.equal(await ask(prefers({ only: ['a'] }), said({ 'x-llm-provider': 'c' })), 'c');

  const error = await refused({}, said({ 'x-llm-provider': 'd' }));
  assert.equal(error.status, 400);
  assert.equal(error.code, 'unsupported_parameter');
  assert.equal(error.param, 'provider');
  assert.match(error.message, /No target of the model 'm' is at a provider that the request wants/);
  assert.equal((await refused({}, said({ 'x-llm-provider': Array.from({ length: 17 }, (_, i) => `p${i}`).join() }))).code, 'invalid_value');
});

test('the picked provider is the only one, even if it fails', async (t) => {
  const { refused, books } = await start(t, { failing: ['b'] });
  assert.equal((await refused({}, said({ 'x-llm-provider': 'b' }))).status, 502);
  assert.equal(books().length, 1);
});

test('a body as OpenRouter takes it', async (t) => {
  const { ask, refused } = await start(t, { failing: ['b'] });
  assert.equal(await ask(prefers({ order: ['c'] })), 'c');
  assert.equal(await ask(prefers({ order: ['b', 'c'] })), 'c', 'the next one of the order');
  assert.equal(await ask(prefers({ order: ['b'] })), 'a', 'then the others');
  assert.equal(await ask(prefers({ only: ['c', 'b'] })), 'c');
  assert.equal(await ask(prefers({ ignore: ['a', 'b'] })), 'c');
  assert.equal(await ask(prefers({ sort: 'price' })), 'a', 'of targets without a price as they are written');
  assert.equal(await ask(prefers({ data_collection: 'allow', allow_fallbacks: true })), 'a');
  assert.equal((await refused(prefers({ order: ['b'], allow_fallbacks: false }))).status, 502);
  assert.equal(await ask(prefers({ order: ['b', 'c'], allow_fallbacks: false })), 'c');
  for (const [promise, param] of [[{ zdr: true }, 'zdr'], [{ data_collection: 'deny' }, 'data_collection'], [{ quantizations: ['fp8'] }, 'quantizations']]) {
    const error = await refused(prefers(promise));
    assert.equal(error.status, 400);
    assert.equal(error.param, `provider.${param}`);
  }
  assert.equal((await refused(prefers({ order: 'c' }))).param, 'provider.order');
});

// --- models -----------------------------------------------------------------------

const several = `
  llm_model m { target a/m-at-a; }
  llm_model n { target b/n-at-b; }
  llm_model o { target c/o-at-c; }
  llm_model closed { target a if=$arg_none; }`;

test('further models, as OpenRouter and LiteLLM take them', async (t) => {
  const { ask, create, refused, ups } = await start(t, { models: several, failing: ['a', 'b'] });
  assert.equal(await ask({ models: ['n', 'o'] }), 'c');
  assert.equal(ups.c.exchanges[0].request.json.model, 'o-at-c');
  assert.equal(await ask({ fallbacks: ['o'] }), 'c');
  assert.equal(await ask({ fallbacks: [{ model: 'm' }, { model: 'o' }] }), 'c');
  assert.equal(await ask({ model: 'closed', models: ['o'] }), 'c');
  const response = await create({ models: ['n', 'o'] }).asResponse();
  assert.equal(response.headers.get('x-llm-attempts'), '3');

  assert.equal((await refused({ models: ['n'] })).status, 502);
  assert.equal((await refused({ model: 'closed' })).status, 503);
  const unknown = await refused({ models: ['o', 'p'] });
  assert.deepEqual([unknown.status, unknown.code, unknown.param], [404, 'model_not_found', 'models']);
  const overridden = await refused({ fallbacks: [{ model: 'o', messages: [] }] });
  assert.deepEqual([overridden.status, overridden.param], [400, 'fallbacks[0].*']);
});

test('the suffix of a model is a wish, unless a model is called so', async (t) => {
  const models = `llm_model m { ${LINES} } llm_model x:nitro { target c/x; }`;
  const { ask, ups, refused } = await start(t, { models });
  assert.equal(await ask({ model: 'm:floor' }), 'a');
  assert.equal(ups.a.exchanges[0].request.json.model, 'm');
  assert.ok(NAMES.includes(await ask({ model: 'm:nitro' })));
  assert.equal(await ask({ model: 'x:nitro' }), 'c');
  assert.equal((await refused({ model: 'x:floor' })).code, 'model_not_found');
  assert.equal((await refused({ model: 'm:free' })).code, 'model_not_found');
});

test('a project gets nothing by wishing', async (t) => {
  const { refused, ask, books } = await start(t, {
    models: several,
    failing: ['a'],
    project: `llm_project test { ${keyLine()} models m o; }`,
  });
  for (const wish of [{ models: ['n'] }, { fallbacks: ['n'] }, { fallbacks: [{ model: 'n' }] }, { model: 'n:floor' }, { model: 'n', models: ['o'] }]) {
    const error = await refused(wish);
    assert.equal(error.status, 403, JSON.stringify(wish));
    assert.equal(error.code, 'model_not_allowed');
  }
  for (const options of [said({ 'x-llm-provider': 'b' }), { query: { provider: 'b' } }]) assert.equal((await refused({}, options)).status, 400);
  assert.equal((await refused(prefers({ order: ['b'], only: ['b'] }))).status, 400);
  assert.equal(books().length, 0, 'no provider has heard of it');
  assert.equal(await ask({ models: ['o'] }), 'c');
});

// --- tags -------------------------------------------------------------------------

test('tags', async (t) => {
  const { ask, refused } = await start(t, { models: `
    llm_model m { target a tags=free,eu; target b tags=paid; target c; }
    llm_model n { target a tags=free; target b tags=default,paid; }
    llm_model o { target a tags=free; target b tags=paid; }` });
  assert.equal(await ask(), 'c');
  assert.equal(await ask({}, said({ 'x-llm-tags': 'paid' })), 'b');
  assert.equal(await ask({}, said({ 'x-llm-tags': 'other, eu' })), 'a');
  assert.equal(await ask({}, said({ 'x-litellm-tags': 'paid' })), 'b');
  assert.equal(await ask({}, said({ 'x-llm-tags': 'other' })), 'c', 'nobody has it: one without tags');
  assert.equal(await ask({ model: 'n' }), 'b');
  assert.equal(await ask({ model: 'n' }, said({ 'x-llm-tags': 'other' })), 'b');
  assert.equal(await ask({ model: 'o' }), 'a', 'all have tags: a request without is anybody\'s');
  const error = await refused({ model: 'o' }, said({ 'x-llm-tags': 'other' }));
  assert.deepEqual([error.status, error.param], [400, 'x-llm-tags']);
});

// --- what goes upstream -------------------------------------------------------------

const everything = {
  models: ['m'],
  fallbacks: ['m'],
  route: 'fallback',
  provider: { order: ['b'], sort: 'latency' },
};

test('wishes go to no provider', async (t) => {
  const { ask, books } = await start(t);
  assert.equal(await ask({ ...everything, seed: 7, unknown_to_us: { provider: 1 } }), 'b');
  const [{ request }] = books();
  assert.deepEqual(request.json, { model: 'm', messages: userSays('Hi'), seed: 7, unknown_to_us: { provider: 1 } });
  for (const name of ['x-llm-provider', 'x-provider', 'x-llm-tags']) assert.ok(!(name in request.headers));
});

test('wishes that were heard are not reported as dropped', async (t) => {
  const mock = await AnthropicMock.start(t, { key: 'sk-ant' });
  const models = `llm_provider an { type anthropic; pass ${mock.url}; key sk-ant; } llm_model m { target an/claude-sonnet-4-5; }`;
  const { create, refused } = await start(t, { models });
  const { headers } = await create({ ...everything, provider: { sort: 'price' } }).asResponse();
  assert.equal(headers.get('x-llm-dropped'), null);
  const dropping = await create({ seed: 7 }).asResponse();
  assert.equal(dropping.headers.get('x-llm-dropped'), 'seed');
  const error = await refused({ seed: 7, provider: { require_parameters: true } });
  assert.deepEqual([error.status, error.param], [400, 'seed']);
});

// OpenRouter has providers of its own behind it.
test('OpenRouter is told which provider, and of no other model', async (t) => {
  const up = await RawProvider.start(t, (x) => answer(x, 'or'));
  const models = `${provider('or', 'openrouter', `http://127.0.0.1:${up.port}`)} llm_model m { target a; target or; } llm_model k-* { target or; }`;
  const { ask, gateway } = await start(t, { models, failing: ['a'] });
  const wish = { order: ['deepinfra/turbo'], only: ['deepinfra'], zdr: false };
  assert.equal(await ask({ model: 'm', models: ['k-1'], provider: wish }), 'or');
  assert.deepEqual(up.exchanges[0].request.json, { model: 'm', messages: userSays('Hi'), provider: wish });
  assert.equal(await ask({ model: 'k-2:nitro' }), 'or');
  assert.equal(up.exchanges[1].request.json.model, 'k-2:nitro');
  assert.equal(await ask({ model: 'm' }, said({ 'x-llm-provider': 'openrouter' })), 'or');

  await gateway.reload({ location: '' });
  assert.equal(await ask({ model: 'k-3', ...everything }), 'or');
  assert.deepEqual(up.exchanges[3].request.json, { model: 'k-3', messages: userSays('Hi') });
});

test('nobody listens unless told to', async (t) => {
  const { ask, books, refused } = await start(t, { on: false });
  assert.equal(await ask({ ...everything }, said({ 'x-llm-provider': 'c', 'x-llm-tags': 'z' })), 'a');
  assert.equal(await ask({}, { query: { provider: 'c' } }), 'a');
  assert.deepEqual(books()[0].request.json, { model: 'm', messages: userSays('Hi'), ...everything }, 'the client\'s own bytes');
  assert.equal((await refused({ model: 'm:floor' })).code, 'model_not_found');
});
