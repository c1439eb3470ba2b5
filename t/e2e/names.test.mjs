// From the name a client asks for to a provider and the name it is asked for.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { authorized, chat, request } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { withSandbox } from './lib/sandbox.mjs';

const names = ['a', 'b', 'c'];
const messages = [{ role: 'user', content: 'x' }];

// "PROVIDER MODEL", or status and code of the error.
async function routed(gateway, model, headers, url = gateway.url) {
  const answer = await request(`${url}/chat/completions`, { method: 'POST', headers: { ...authorized(), ...headers }, body: JSON.stringify({ model, messages }) });
  const body = JSON.parse(answer.body);
  if (answer.status !== 200) return `${answer.status} ${body.error.code}`;
  // The sandbox answers with the name it was asked for.
  assert.equal(answer.headers['x-llm-model'], body.model);
  return `${answer.headers['x-llm-provider']} ${body.model}`;
}

const models = `
  llm_model ~^e(?<late>.*)$ { target c/never-$late; }
  llm_model exact-* { target b; }
  llm_model exact { target a; }
  llm_model exact-long-* { target c; }
  llm_model exact-long { target a/renamed; }
  llm_model one two three-* { target b/fixed; }
  llm_model "q\\"uote" { target a; }
  llm_model f-* { target a; }
  llm_model ~^re-(?<m>.+)$ { target a/$m; }
  llm_model ~^re-x { target b; }
  llm_model ~*^ANY-(.+)$ { target b/$1-$1; }
  llm_model ~^(?<first>[a-z]+)@(?<second>[^@]+)$ { target c/$second.$first; }
  llm_model from-header { target a/$http_x_model; }
  llm_model from-header-or { target a/x$http_x_missing$http_x_model-y; target b/other; }
  llm_model empty-then-fixed { target a/$http_x_model; target b/fixed; }
  llm_model from-project { target a/$llm_project-$llm_key_id-$arg_tier; }
  llm_model slashes { target a/org/name/v1; }`;
const configuration = { project: `llm_project test { ${keyLine(KEY, 'id=k1')} }`, http: withSandbox({ names, http: models }) };

const rows = [
  ['a name', 'exact', 'a exact'],
  ['a name beats a longer prefix', 'exact-long', 'a renamed'],
  ['a prefix', 'exact-1', 'b exact-1'],
  ['a prefix and nothing behind it', 'exact-', 'b exact-'],
  ['a prefix with its star', 'exact-*', 'b exact-*'],
  ['the longest prefix', 'exact-long-1', 'c exact-long-1'],
  ['a prefix beats an expression that stands before it', 'f-x', 'a f-x'],
  ['the first expression', 'early', 'c never-arly'],
  ['the letters count', 'Exact', '404 model_not_found'],
  ['all of the name counts', 'xexact', '404 model_not_found'],
  ['several names of one model: the first', 'one', 'b fixed'],
  ['several names of one model: the second', 'two', 'b fixed'],
  ['several names of one model: the prefix', 'three-1', 'b fixed'],
  ['a quote in a name', 'q"uote', 'a q"uote'],
  ['a named capture', 're-gpt-4o', 'a gpt-4o'],
  ['the first of two expressions', 're-x', 'a x'],
  ['a numbered capture, any case', 'any-Thing', 'b Thing-Thing'],
  ['any case once more', 'ANY-1', 'b 1-1'],
  ['two captures', 'abc@def', 'c def.abc'],
  ['slashes in what the target is called', 'slashes', 'a org/name/v1'],
  ['no such model', 'nosuch', '404 model_not_found'],
  ['a provider is no model', 'a', '404 model_not_found'],
  ['a model of a provider, without llm_direct', 'a/x', '404 model_not_found'],
  ['a variable', 'from-header', 'a chosen', { 'x-model': 'chosen' }],
  ['a variable with slashes', 'from-header', 'a org/name', { 'x-model': 'org/name' }],
  ['variables between texts', 'from-header-or', 'a xchosen-y', { 'x-model': 'chosen' }],
  ['an empty variable between texts', 'from-header-or', 'a x-y'],
  ['an empty target is left out', 'from-header', '503 no_healthy_upstream'],
  ['an empty target is left out, the next one is taken', 'empty-then-fixed', 'b fixed'],
  ['a target with a blank is left out', 'empty-then-fixed', 'b fixed', { 'x-model': 'a b' }],
  ['a target beyond ASCII is left out', 'empty-then-fixed', 'b fixed', { 'x-model': 'mod\u00e8le' }],
  ['a target that is too long is left out', 'empty-then-fixed', 'b fixed', { 'x-model': 'x'.repeat(257) }],
  ['a target as long as may be', 'empty-then-fixed', `a ${'x'.repeat(256)}`, { 'x-model': 'x'.repeat(256) }],
  ['who asks is a variable, too', 'from-project', 'a test-k1-'],
  ['no name', '', '400 invalid_value'],
  ['a blank in the name', 'a b', '400 invalid_value'],
  ['a name that is too long', 'x'.repeat(257), '400 invalid_value'],
  ['a name as long as may be', `exact-${'x'.repeat(250)}`, `b exact-${'x'.repeat(250)}`],
];

test('names', async (t) => {
  const gateway = await Gateway.start(t, configuration);
  for (const [name, model, expected, headers] of rows) {
    await t.test(name, async () => assert.equal(await routed(gateway, model, headers), expected));
  }
  const left = gateway.errorLog().match(/llm: the model name of target "a" is empty or not printable/g) ?? [];
  assert.equal(left.length, rows.filter(([name]) => / is left out/.test(name)).length);
});

test('escapes in the name are nothing but another way to write it', async (t) => {
  const gateway = await Gateway.start(t, configuration);
  const answer = await chat(gateway, '{"model":"ex\\u0061ct-1","messages":[{"role":"user","content":"x"}]}');
  assert.equal(JSON.parse(answer.body).model, 'exact-1');
});

test('"*" alone is every name that no other pattern has', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox({ names, http: 'llm_model ~^b { target c; } llm_model * { target b; } llm_model x-* { target a; }' }) });
  for (const [model, provider] of [['anything', 'b'], ['b-1', 'b'], ['x-1', 'a'], ['org/name', 'b']]) {
    assert.equal(await routed(gateway, model), `${provider} ${model}`);
  }
});

test('captures of a target are those of the model, not of the project', async (t) => {
  const gateway = await Gateway.start(t, {
    project: `llm_project test { ${keyLine()} models "~^(eu|us)-(?<rest>.+)$" plain; }`,
    http: withSandbox({ names, http: 'llm_model ~^eu-(.+)$ { target a/$1; } llm_model "~^us-.(?<rest>.+)$" { target b/$rest; } llm_model plain { target c; }' }),
  });
  assert.equal(await routed(gateway, 'eu-gpt'), 'a gpt');
  assert.equal(await routed(gateway, 'us-gpt'), 'b pt');
  assert.equal(await routed(gateway, 'plain'), 'c plain');
});

const direct = [
  ['a/x', 'a x'],
  ['b/org/name/x', 'b org/name/x'],
  ['a/configured', 'c set'],
  ['anthropic/claude', 'anthropic claude'],
  ['nosuch/x', '404 model_not_found'],
  ['a/', '404 model_not_found'],
  ['/x', '404 model_not_found'],
  ['a', '404 model_not_found'],
  ['off/x', '503 no_healthy_upstream'],
];
test('llm_direct: provider/model, behind all that is configured', async (t) => {
  const gateway = await Gateway.start(t, {
    http: withSandbox({
      names,
      http: 'llm_model a/configured { target c/set; } llm_provider off { type openai; pass http://127.0.0.1:1; key env:LLM_TEST_MISSING if_set; }',
    }),
    server: 'location /direct/ { llm_gateway on; llm_direct on; location /direct/not/ { llm_direct off; } }',
  });
  const url = (path) => `http://127.0.0.1:${gateway.port}${path}`;
  for (const [model, expected] of direct) {
    await t.test(model, async () => {
      assert.equal(await routed(gateway, model, {}, url('/direct/v1')), expected);
      const configured = model === 'a/configured' ? 'c set' : '404 model_not_found';
      assert.equal(await routed(gateway, model, {}, url('/v1')), configured);
    });
  }
});

test('providers without a key are left out, and with them their models', async (t) => {
  const off = 'llm_provider off { type openai; pass http://127.0.0.1:1; key env:LLM_TEST_MISSING if_set; }';
  const gateway = await Gateway.start(t, {
    http: withSandbox({ names, http: `${off} llm_model first { target off; target a; } llm_model last { fallback a/x; target off; } llm_model none { target off; fallback off/x; }` }),
  });
  assert.equal(await routed(gateway, 'first'), 'a first');
  assert.equal(await routed(gateway, 'last'), 'a x');
  assert.equal(await routed(gateway, 'none'), '503 no_healthy_upstream');
  const list = JSON.parse((await request(`${gateway.url}/models`, { headers: authorized() })).body).data.map((m) => m.id);
  assert.deepEqual(list, ['m', 'first', 'last']);
  const one = async (id) => (await request(`${gateway.url}/models/${id}`, { headers: authorized() })).status;
  assert.deepEqual([await one('first'), await one('none')], [200, 404]);
});

test('fallbacks come after targets, in the order of the file', async (t) => {
  const gateway = await Gateway.start(t, {
    http: withSandbox({
      names,
      http: `
        llm_provider dead { type openai; pass http://127.0.0.1:${await freePort()}; key none; }
        llm_model m1 { fallback a/1; target dead/2; fallback b/3; target dead/4; }
        llm_model m2 { fallback b/1; fallback a/2; }`,
    }),
  });
  const answer = await chat(gateway, { model: 'm1', messages });
  assert.deepEqual([answer.headers['x-llm-provider'], answer.headers['x-llm-model'], answer.headers['x-llm-attempts']], ['a', '1', '3']);
  assert.equal(await routed(gateway, 'm2'), 'b 1');
});
