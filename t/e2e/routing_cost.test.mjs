// `route cost` and what price files say of models: the cheapest target for the
// request at hand, and none that cannot do what it needs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { answer, RawProvider } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { userSays } from './lib/upstreams.mjs';

const M = 1e-6; // dollars for a million tokens
const price = (input, output, more = {}) => ({ input_cost_per_token: input * M, output_cost_per_token: output * M, ...more });

// Providers a, b and c, all of which serve the model `m`.
async function start(t, lines, { prices, scripts = {}, location = '' } = {}) {
  const names = ['a', 'b', 'c'];
  const ups = {};
  for (const name of names) {
    ups[name] = await RawProvider.start(t, async (x) => {
      await scripts[name]?.(x);
      if (!x.socket.destroyed) await answer(x, name);
    });
  }
  const gateway = await Gateway.start(t, {
    location,
    http: (gateway) => {
      const file = path.join(gateway.dir, 'prices.json');
      if (prices) fs.writeFileSync(file, JSON.stringify(prices));
      return `
        ${prices ? `llm_prices ${file};` : ''}
        ${names.map((name) => provider(name, 'openai', `http://127.0.0.1:${ups[name].port}`)).join('\n')}
        llm_model m { ${lines} }`;
    },
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const ask = async (more = {}) => (await client.chat.completions.create({ model: 'm', messages: userSays('Hi'), ...more })).choices[0].message.content;
  const refused = (more) => ask(more).then((name) => assert.fail(`${name} has answered`), (error) => error);
  const counts = () => names.map((name) => ups[name].exchanges.length);
  return { gateway, ask, refused, counts };
}

test('the cheapest depends on the request', async (t) => {
  // a is cheap to read to, b to write, and c is neither.
  const { ask } = await start(t, `route cost;
    target c input_price=9 output_price=99; target a input_price=1 output_price=50; target b input_price=5 output_price=10;`);
  assert.equal(await ask(), 'b');
  assert.equal(await ask({ max_tokens: 1000 }), 'b');
  assert.equal(await ask({ messages: userSays('word '.repeat(5000)), max_tokens: 1 }), 'a');
  assert.equal(await ask({ messages: userSays('word '.repeat(5000)), max_tokens: 100000 }), 'b');
});

test('prices of a file, above a length of the prompt too; what has none comes last', async (t) => {
  const { ask, gateway } = await start(t, 'route cost; target c/unpriced; target a/small; target b/large;', {
    prices: {
      small: price(1, 1, { input_cost_per_token_above_1k_tokens: 9 * M }),
      large: price(2, 2),
    },
    scripts: { a: (x) => /fail/.test(x.request.body) && x.reset(), b: (x) => /fail/.test(x.request.body) && x.reset() },
  });
  assert.equal(await ask(), 'a');
  assert.equal(await ask({ messages: userSays('word '.repeat(4000)) }), 'b');
  assert.equal(await ask({ messages: userSays('fail') }), 'c');
  assert.deepEqual([...gateway.errorLog().matchAll(/llm: upstream "(\w)" failed/g)].map((m) => m[1]), ['a', 'b']);
});

test('within a bound of latency: the cheapest that is fast enough', async (t) => {
  const { ask, counts } = await start(t, `route cost within=300ms;
    target a input_price=1 output_price=1; target b input_price=5 output_price=5; target c input_price=9 output_price=9;`, {
    scripts: { a: () => sleep(600) },
  });
  assert.equal(await ask(), 'a', 'nothing is known yet');
  for (let i = 0; i < 10; i++) assert.equal(await ask(), 'b');
  assert.deepEqual(counts(), [1, 10, 0]);
});

test('clients sort by price and set bounds', async (t) => {
  const { ask, refused } = await start(t, 'target c/unpriced; target b/large; target a/small;', {
    prices: { small: price(1, 2), large: price(2, 1) },
    location: 'llm_client_routing on;',
  });
  assert.equal(await ask(), 'c');
  assert.equal(await ask({ model: 'm:floor' }), 'b');
  assert.equal(await ask({ provider: { sort: 'price' }, max_tokens: 1 }), 'a');
  assert.equal(await ask({ provider: { max_price: { prompt: 1 } } }), 'a');
  assert.equal(await ask({ provider: { max_price: { completion: '1.5' } } }), 'b');
  assert.equal(await ask({ provider: { max_price: { prompt: 2, completion: 2 } } }), 'b', 'as they are written');
  const error = await refused({ provider: { max_price: { prompt: 0.5 } } });
  assert.deepEqual([error.status, error.code, error.param], [400, 'unsupported_parameter', 'provider.max_price']);
  assert.match(error.message, /No target of the model 'm' is within the prices that the request allows/);
});

const image = { messages: userSays([{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }]) };
const tools = { tools: [{ type: 'function', function: { name: 'look' } }] };

test('what the file says a model cannot do is not asked of it', async (t) => {
  const { ask, refused, counts } = await start(t, 'target a/blind; target b/blind can=images; target c/handless;', {
    prices: {
      blind: price(1, 1, { supports_vision: false, supports_function_calling: false }),
      handless: price(1, 1, { supports_function_calling: false, supports_vision: true }),
    },
  });
  assert.equal(await ask(), 'a');
  assert.equal(await ask(image), 'b');
  const asked = counts();
  const error = await refused(tools);
  assert.equal(error.param, 'tools');
  assert.match(error.message, /No target of the model 'm' can do what the request needs: tools\./);
  assert.deepEqual(counts(), asked);
});

test('a prompt that seems too long for a model goes to one with room, if there is one', async (t) => {
  const prices = { narrow: price(1, 1, { max_input_tokens: 1000 }), wide: price(1, 1, { max_input_tokens: 10000 }) };
  const { ask } = await start(t, 'target a/narrow; target b/wide;', { prices });
  const words = (n) => ({ messages: userSays('word '.repeat(n)) });
  assert.equal(await ask(words(500)), 'a');
  assert.equal(await ask(words(2000)), 'b');
  assert.equal(await ask(words(20000)), 'a', 'an estimate is no reason to refuse');
  const alone = await start(t, 'target a/narrow;', { prices });
  assert.equal(await alone.ask(words(2000)), 'a');
});
