// What requests cost: price files, prices of providers and targets, headers,
// variables and the usage of streams.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import OpenAI from 'openai';
import { AnthropicMock } from '../mock/anthropic.mjs';
import { OpenAIMock } from '../mock/openai.mjs';
import { accepted, refused } from './lib/conf.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { request } from './lib/http.mjs';
import { anthropic, collect, forEachKind, openai, userSays } from './lib/upstreams.mjs';

const table = (factor = 1) =>
  JSON.stringify({
    sample_spec: { input_cost_per_token: 0, mode: 'one of: chat' },
    'gpt-4o': { input_cost_per_token: 2.5e-6 * factor, output_cost_per_token: 1e-5 * factor, cache_read_input_token_cost: 1.25e-6 * factor },
    'claude-sonnet-4-5': { input_cost_per_token: 3e-6 * factor, output_cost_per_token: 1.5e-5 * factor, cache_read_input_token_cost: 3e-7 * factor },
  });

const unpriced = async (gateway) => Number((await request(`http://127.0.0.1:${gateway.port}/_unpriced`)).body);

// The price file beside the configuration, made before nginx starts.
function pricesOf(gateway) {
  const file = path.join(gateway.dir, 'prices.json');
  if (!fs.existsSync(file)) fs.writeFileSync(file, table());
  return file;
}

// The gateway with both kinds of upstream behind one model each.
async function both(t, { provider = '', target = '', option = '', location = '', workers = 1, models, more = '', log = 'access_log access.log cost;' } = {}) {
  const up = { openai: await OpenAIMock.start(t, { key: openai.key }), anthropic: await AnthropicMock.start(t, { key: anthropic.key }) };
  const gateway = await Gateway.start(t, {
    workers,
    http: (gateway) => `
      llm_prices ${pricesOf(gateway)} ${option};
      log_format cost '[$llm_cost]';
      ${more}
      llm_provider openai { type openai; pass ${up.openai.url}; key ${openai.key}; ${provider} }
      llm_provider anthropic { type anthropic; pass ${up.anthropic.url}; key ${anthropic.key}; }
      ${models ?? `llm_model gpt-* { target openai ${target}; } llm_model claude-* { target anthropic; }`}`,
    server: 'location = /_unpriced { access_log off; return 200 "$llm_unpriced"; }',
    location: `${log} ${location}`,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  // { cost header, usage.cost of the stream, chunks }
  const ask = async (body) => {
    const { data, response } = await client.chat.completions.create({ messages: userSays('Hi'), ...body }).withResponse();
    const chunks = body.stream ? await collect(data) : [];
    const usage = body.stream ? chunks.findLast((c) => c.usage)?.usage : data.usage;
    return { header: response.headers.get('x-llm-cost'), told: usage?.cost, usage, chunks };
  };
  return { up, gateway, client, ask };
}

const usage = { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500, prompt_tokens_details: { cached_tokens: 400 } };
const cost = 0.007; // 600 x 2.5 + 400 x 1.25 + 500 x 10 millionths
const anthropicUsage = { input_tokens: 600, cache_read_input_tokens: 400, output_tokens: 500 };
const anthropicCost = 0.00942; // 600 x 3 + 400 x 0.3 + 500 x 15

test('answers tell their cost in a header, streams in their usage, the log both', async (t) => {
  const { up, gateway, ask } = await both(t);
  const kinds = [
    ['gpt-4o', () => up.openai.say({ content: 'Hi', usage }), cost],
    ['gpt-4o-2024-08-06', () => up.openai.say({ content: 'Hi', usage }), cost],
    ['claude-sonnet-4-5', () => up.anthropic.say({ text: 'Hi', usage: anthropicUsage }), anthropicCost],
  ];
  const log = [];
  for (const [model, say, dollars] of kinds) {
    say();
    const whole = await ask({ model });
    assert.equal(whole.header, String(dollars), model);
    assert.equal(whole.told, undefined, 'the body is the provider\'s');

    say();
    const streamed = await ask({ model, stream: true, stream_options: { include_usage: true } });
    assert.equal(streamed.header, null);
    assert.equal(streamed.told, dollars, model);
    assert.equal(streamed.usage.prompt_tokens, 1000);

    say();
    const silent = await ask({ model, stream: true });
    assert.equal(silent.told, undefined);
    assert.ok(silent.chunks.every((c) => !c.usage));
    log.push(...Array(3).fill(`[${dollars}]`));
  }
  assert.deepEqual(await gateway.accessLog(log.length), log);
  assert.equal(await unpriced(gateway), 0);
});

test('a cost that the provider tells stays as it is', async (t) => {
  const { up, ask } = await both(t);
  up.openai.say({ content: 'Hi', usage: { ...usage, cost: 0.5 } });
  assert.equal((await ask({ model: 'gpt-4o', stream: true, stream_options: { include_usage: true } })).told, 0.5);
});

test('a model without a price is counted', async (t) => {
  const { gateway, ask } = await both(t);
  for (const body of [{ model: 'gpt-4.1' }, { model: 'gpt-4.1', stream: true, stream_options: { include_usage: true } }]) {
    const { header, told } = await ask(body);
    assert.deepEqual([header, told], [null, undefined]);
  }
  assert.deepEqual(await gateway.accessLog(2), ['[-]', '[-]']);
  assert.equal(await unpriced(gateway), 2);
});

test('prices of a target come before those of its provider, and those before the files\'', async (t) => {
  for (const [options, dollars] of [
    [{ provider: 'price input=1 output=2;' }, '0.002'],
    [{ provider: 'price input=0 output=0;' }, '0'],
    [{ provider: 'price input=1 output=2;', target: 'input_price=10 cache_read_price=0 output_price=0.5' }, '0.00625'],
  ]) {
    const { up, ask } = await both(t, options);
    up.openai.say({ content: 'Hi', usage });
    assert.equal((await ask({ model: 'gpt-4o' })).header, dollars);
  }
});

test('llm_headers off tells clients nothing, and the log all', async (t) => {
  const { up, gateway, ask } = await both(t, { location: 'llm_headers off;' });
  up.openai.say({ content: 'Hi', usage }, { content: 'Hi', usage });
  const whole = await ask({ model: 'gpt-4o' });
  const streamed = await ask({ model: 'gpt-4o', stream: true, stream_options: { include_usage: true } });
  assert.deepEqual([whole.header, streamed.told], [null, undefined]);
  assert.deepEqual(await gateway.accessLog(2), [`[${cost}]`, `[${cost}]`]);
});

test('an attempt that failed after it had counted tokens is paid, too', async (t) => {
  const models = 'llm_model both { target anthropic/claude-sonnet-4-5; target openai/gpt-4o; }';
  const { up, gateway, ask } = await both(t, { models });
  // An answer without a word leads to the next target; its tokens were used.
  up.anthropic.say({ content: [], usage: { input_tokens: 100, output_tokens: 0 } });
  up.openai.say({ content: 'Hi', usage });
  const { header } = await ask({ model: 'both' });
  assert.equal(header, '0.0073');
  assert.deepEqual(await gateway.accessLog(1), ['[0.0073]']);
});

test('the log tells of each attempt', async (t) => {
  const models = 'llm_model both { target anthropic/claude-sonnet-4-5; target nowhere; target openai/gpt-4o; }';
  const { up, gateway, ask } = await both(t, {
    models,
    more: `llm_provider nowhere { type openai; pass http://127.0.0.1:1; key none; }
      log_format attempts '[$llm_attempt_providers|$llm_attempt_models|$llm_attempt_statuses|$llm_attempt_costs|$llm_attempt_times]';`,
    location: 'access_log access.log attempts;',
    log: '',
  });
  up.anthropic.fail(529, 'Overloaded');
  up.openai.say({ content: 'Hi', usage });
  await ask({ model: 'both' });
  const [line] = await gateway.accessLog(1);
  const times = '\\d+\\.\\d{3}, \\d+\\.\\d{3}, \\d+\\.\\d{3}';
  assert.match(line, new RegExp(`^\\[anthropic, nowhere, openai\\|claude-sonnet-4-5, both, gpt-4o\\|529, -, 200\\|-, -, 0\\.007\\|${times}\\]$`));
});

test('a file that changes is read again by each worker, a broken one is not', async (t) => {
  const { up, gateway, ask } = await both(t, { option: 'check=50ms', workers: 2 });
  const file = path.join(gateway.dir, 'prices.json');
  const lines = (pattern) => gateway.errorLog().split('\n').filter((line) => pattern.test(line)).length;
  const until = async (pattern, n) => {
    for (const end = Date.now() + 20000; lines(pattern) < n && Date.now() < end; ) await new Promise((done) => setTimeout(done, 50));
    assert.equal(lines(pattern), n, `${pattern}`);
  };
  const replace = (text) => {
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  };
  const told = async () => {
    up.openai.say({ content: 'Hi', usage });
    return (await ask({ model: 'gpt-4o' })).header;
  };

  replace(table(2));
  await until(/prices of 2 models were read again/, 2);
  for (let i = 0; i < 8; i++) assert.equal(await told(), '0.014');

  const broken = /prices ".*prices\.json" have changed, but .*: the former ones are used/;
  replace('{"gpt-4o": {"input_cost_per_token": 1e-6');
  await until(broken, 2);
  for (let i = 0; i < 8; i++) assert.equal(await told(), '0.014');
  fs.rmSync(file);
  await until(broken, 4);
  assert.equal(await told(), '0.014');

  replace(table(3));
  await until(/prices of 2 models were read again/, 4);
  assert.equal(await told(), '0.021');
  assert.equal(lines(broken), 4, 'once for each change and worker');
});

test('a reload reads the files and keeps the counter', async (t) => {
  const { up, gateway, ask } = await both(t, { option: 'check=off' });
  await ask({ model: 'gpt-4.1' });
  fs.writeFileSync(path.join(gateway.dir, 'prices.json'), table(2));
  await gateway.reload();
  up.openai.say({ content: 'Hi', usage });
  assert.equal((await ask({ model: 'gpt-4o' })).header, '0.014');
  assert.equal(await unpriced(gateway), 1);
});

forEachKind(test, 'without prices nothing is told', {}, async (t, { client, model }) => {
  const { response } = await client.chat.completions.create({ model, messages: userSays('Hi') }).withResponse();
  assert.equal(response.headers.get('x-llm-cost'), null);
});

test('a model name that was asked for and the cost fit into one chunk', async (t) => {
  const models = 'llm_model mine { target openai/gpt-4o; }';
  const { up, ask } = await both(t, { models, location: 'llm_model_name asked;' });
  up.openai.say({ content: 'Hi', usage });
  const { chunks, told } = await ask({ model: 'mine', stream: true, stream_options: { include_usage: true } });
  assert.equal(told, cost);
  assert.ok(chunks.every((c) => c.model === 'mine'));
});

// --- the configuration ------------------------------------------------------------

const files = { 'p.json': table(), 'broken.json': '{', 'none.json': '{"a": {"mode": "chat"}}', 'conf/own.json': table() };
const provider = 'llm_provider p { type openai; pass http://127.0.0.1:1; key none; }\n';
accepted('files, later ones over earlier ones', 'llm_prices p.json; llm_prices conf/own.json check=5m;', { files });
accepted('never looked at again', 'llm_prices p.json check=off;', { files });
refused('no such file', 'llm_prices missing.json; #!', /llm_prices ".*missing\.json": the file cannot be read/, { files });
refused('a directory', 'llm_prices temp; #!', /llm_prices ".*temp": the file cannot be read/, { files });
refused('a broken file', 'llm_prices broken.json; #!', /llm_prices ".*broken\.json": /, { files });
refused('a file without prices', 'llm_prices none.json; #!', /llm_prices ".*none\.json": no model in it has a price/, { files });
for (const option of ['check=', 'check=0', 'check=x', 'check', 'every=1h']) {
  refused(`llm_prices with ${option}`, `llm_prices p.json ${option}; #!`, /takes nothing but "check=TIME" or "check=off" behind the file/, { files });
}
const bad = /has an invalid price: there are input, output, /;
for (const price of ['input', 'input=', 'input=-1', 'input=1e10', 'in=1', 'input=free']) {
  refused(`price ${price}`, `llm_provider p { type openai; pass http://127.0.0.1:1; key none; price ${price}; #!\n}`, bad);
  const [name, value] = price.split('=');
  if (value !== undefined) refused(`target p ${name}_price=${value}`, `${provider}llm_model m { target p ${name}_price=${value}; #!\n}`, bad);
}
refused('a price twice', `${provider}llm_model m { target p input_price=1 input_price=2; #!\n}`, /has a duplicate price/);
refused('another parameter', `${provider}llm_model m { target p colour=red; #!\n}`, /unknown parameter "colour=red" of "target"/);
