// Fallbacks that are there for one kind of failure.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { answer, errorBody, RawProvider, sized } from '../mock/raw.mjs';
import { refused } from './lib/conf.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';

const says = (status, error) => (x) =>
  x.end(sized(status, x.format === 'openai' ? JSON.stringify({ error }) : errorBody.anthropic(status, error.message)));
const faults = {
  'too long': says(400, { message: "This model's maximum context length is 8192 tokens.", type: 'invalid_request_error', code: 'context_length_exceeded' }),
  policy: says(400, { message: 'Rejected.', type: 'invalid_request_error', code: 'content_policy_violation' }),
  wrong: says(400, { message: 'Wrong.', type: 'invalid_request_error', param: 'temperature', code: null }),
  down: says(503, { message: 'Down.' }),
  refused: says(401, { message: 'No.' }),
};
const UNABLE = { n: 2 }; // what Anthropic's format cannot carry

// Every provider does what the part of its path says; the answer says its name.
async function start(t, models, http = '') {
  const up = await RawProvider.start(t, (x) => (faults[decodeURIComponent(x.name)] ?? ((y) => answer(y, x.name)))(x));
  const names = [...Object.keys(faults), 'plain', 'long', 'tolerant', 'able'];
  const gateway = await Gateway.start(t, {
    http: `
      ${names.map((name) => provider(name.replace(' ', '_'), 'openai', `http://127.0.0.1:${up.port}/${encodeURIComponent(name)}`)).join('\n')}
      ${provider('claude', 'anthropic', `http://127.0.0.1:${up.port}/claude`)}
      ${http}
      ${Object.entries(models).map(([name, lines]) => `llm_model ${name} { ${lines} }`).join('\n')}`,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const ask = (model, more = {}) => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hi' }], ...more }).withResponse();
  return { up, ask };
}

const KINDS = 'fallback plain; fallback long on=context_window; fallback tolerant on=content_policy; fallback able on=capability;';
const leads = [
  ['too_long', 'long'],
  ['policy', 'tolerant'],
  ['down', 'plain'],
  ['refused', 'plain'],
];
for (const stream of [false, true]) {
  for (const [fault, to] of leads) {
    test(`${fault}: leads to ${to}, ${stream ? 'streamed' : 'whole'}`, async (t) => {
      const { ask } = await start(t, { m: `target ${fault}; ${KINDS}` });
      const { data, response } = await ask('m', { stream });
      if (stream) for await (const _ of data);
      assert.equal(response.headers.get('x-llm-provider'), to);
      assert.equal(response.headers.get('x-llm-attempts'), '2');
    });
  }
}

test('what cannot be carried leads to what can', async (t) => {
  const { ask } = await start(t, { m: `target claude; ${KINDS.replace('fallback plain;', '')}` });
  const { response } = await ask('m', UNABLE);
  assert.equal(response.headers.get('x-llm-provider'), 'able');
});

test('a fault of the request leads nowhere', async (t) => {
  const { ask, up } = await start(t, { m: `target wrong; ${KINDS}` });
  await assert.rejects(ask('m'), (e) => e.status === 400 && e.param === 'temperature');
  assert.equal(up.exchanges.length, 1);
});

test('without a fallback of the kind the error is told', async (t) => {
  const { ask, up } = await start(t, { m: 'target too_long; target plain; fallback tolerant on=content_policy;' });
  await assert.rejects(ask('m'), (e) => e.status === 400 && e.code === 'context_length_exceeded');
  assert.equal(up.exchanges.length, 1);
});

test('one for several kinds', async (t) => {
  const { ask } = await start(t, { a: 'target policy; fallback long on=context_window,content_policy;', b: 'target too_long; fallback long on=context_window,content_policy;', c: 'target down; fallback long on=context_window,content_policy;' });
  for (const model of ['a', 'b']) assert.equal((await ask(model)).response.headers.get('x-llm-provider'), 'long');
  await assert.rejects(ask('c'), (e) => e.status === 503);
});

test('no loops: a chain of failures of all kinds ends', async (t) => {
  const { ask, up } = await start(t, { m: 'target down; target too_long; fallback policy on=context_window; fallback too_long on=content_policy,error; fallback down on=context_window,error,content_policy;' });
  await assert.rejects(ask('m'), (e) => e.status === 400 && e.code === 'context_length_exceeded');
  assert.deepEqual(up.exchanges.map((x) => decodeURIComponent(x.name)), ['down', 'too long', 'policy', 'too long', 'down']);
});

test('llm_fallback is for models that have none', async (t) => {
  const { ask } = await start(t, { own: 'target down; fallback able;', none: 'target down;', long: 'target too_long;' }, 'llm_fallback plain; llm_fallback long on=context_window;');
  for (const [model, to] of [['own', 'able'], ['none', 'plain'], ['long', 'long']]) {
    assert.equal((await ask(model)).response.headers.get('x-llm-provider'), to, model);
  }
});

const p = 'llm_provider p { type openai; pass http://127.0.0.1:1; key none; }\n';
refused('on= of a target', `${p}llm_model m {\ntarget p on=error; #!\n}`, /"target" directive has "on=", which is for a "fallback"/);
refused('on= of what there is not', `${p}llm_model m {\ntarget p; fallback p on=error,anything; #!\n}`, /invalid parameter "on=error,anything" of "fallback", it must be names of error, context_window, content_policy, capability with commas between/);
refused('nothing but special fallbacks', `${p}llm_model m { #!\nfallback p on=context_window;\n}`, /llm_model "m" has no "target"/);
