// Which model an answer names: the provider's own, or with `llm_model_name
// asked` the one that was asked for; and which one the provider is asked for.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { Gateway, KEY } from './lib/gateway.mjs';
import { checkedFetch } from './lib/schema.mjs';
import { collect, kinds, userSays } from './lib/upstreams.mjs';

// The provider's answer names a version of what it was asked for.
const dated = (json) => ({ text: 'Hi', model: `${json.model}-2026-01-01` });

async function start(t, kind, location = '') {
  const mock = await kind.Mock.start(t, { key: kind.key });
  const gateway = await Gateway.start(t, {
    http: `
  llm_provider up { type ${kind.name}; pass ${mock.url}; key ${kind.key}; }
  llm_model ${kind.model} { target up; }
  llm_model nice { target up/${kind.model}; }
  llm_model ~^my-(?<m>.+)$ { target up/$m; }
  llm_model any-* { target up/${kind.other}; }`,
    location: `llm_direct on; ${location}`,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0, fetch: checkedFetch(t) });
  return { mock, client };
}

// [asked, sent], of a kind
const names = ({ model, other }) => [
  [model, model],
  ['nice', model],
  [`my-${other}`, other],
  ['any-thing', other],
  [`up/${other}`, other],
];

for (const kind of kinds) {
  for (const [location, name] of [
    ['', "the provider's name"],
    ['llm_model_name provider;', "the provider's name, said so"],
    ['llm_model_name asked;', 'the name that was asked for'],
  ]) {
    test(`${kind.name}: ${name}`, async (t) => {
      const { mock, client } = await start(t, kind, location);
      for (const [asked, sent] of names(kind)) {
        for (const stream of [false, true]) {
          await t.test(`${asked}, ${stream ? 'streamed' : 'whole'}`, async () => {
            mock.say(dated);
            const { data, response } = await client.chat.completions
              .create({ model: asked, messages: userSays('Hi'), stream })
              .withResponse();
            const answers = stream ? await collect(data) : [data];
            const told = location.includes('asked') ? asked : `${sent}-2026-01-01`;
            for (const { model } of answers) assert.equal(model, told);
            assert.equal(mock.last.json.model, sent);
            assert.equal(response.headers.get('x-llm-model'), sent);
          });
        }
      }
    });
  }

  test(`${kind.name}: with llm_headers off no header names it`, async (t) => {
    const { mock, client } = await start(t, kind, 'llm_headers off; llm_model_name asked;');
    mock.say(dated);
    const { response } = await client.chat.completions.create({ model: 'nice', messages: userSays('Hi') }).withResponse();
    const all = JSON.stringify([...response.headers]);
    assert.doesNotMatch(all, new RegExp(`${kind.model}|${kind.name}|"up"|req_`));
    assert.equal(response.headers.get('x-llm-attempts'), '1');
  });
}
