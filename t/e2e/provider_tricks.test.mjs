// What a provider could say of its credential, code without being asked, or say
// without end between two pieces of a body.
import assert from 'node:assert/strict';
import test from 'node:test';
import zlib from 'node:zlib';
import { chunk, head, RawProvider, sized, stream, streamHead } from '../mock/raw.mjs';
import { Gateway } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';

const KEY = 'sk-provider-0123456789abcdef';
const told = { 'x-request-id': KEY, 'x-ratelimit-limit-requests': KEY };

const tricks = {
  refused: (x) => x.write(sized(401, JSON.stringify({ error: { message: `no ${KEY}` } }), told)),
  good: (x) => x.write(sized(200, JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }] }), told)),
  zipped: (x) => {
    const body = zlib.gzipSync('{"error":{"message":"slow down"}}');
    x.write(head(429, { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': body.length }));
    x.write(body);
  },
  endless: async (x) => {
    const [first] = stream.openai(['Hi']).content;
    await x.write(streamHead() + stream.openai([]).opening.map(chunk).join('') + chunk(first) + '5;');
    await x.write('a'.repeat(40000));
  },
};

async function start(t) {
  const up = await RawProvider.start(t, (x) => tricks[x.name](x));
  const names = Object.keys(tricks);
  return Gateway.start(t, {
    http: names
      .map((name) => `llm_provider ${name} { type openai; pass http://127.0.0.1:${up.port}/${name}; key ${KEY}; } llm_model ${name} { target ${name}/m; }`)
      .join('\n'),
  });
}

test('what a provider says of its credential stays here', async (t) => {
  const gateway = await start(t);
  for (const model of ['refused', 'good']) {
    const answer = await chat(gateway, { model, messages: [{ role: 'user', content: 'Hi' }] });
    assert.ok(!JSON.stringify([answer.headers, answer.body]).includes(KEY), JSON.stringify([answer.headers, answer.body]));
    assert.equal(answer.headers['x-llm-upstream-request-id'], '[key]');
  }
});

test('an error that is coded is told by its status alone', async (t) => {
  const gateway = await start(t);
  const answer = await chat(gateway, { model: 'zipped', messages: [{ role: 'user', content: 'Hi' }] });
  assert.equal(answer.status, 429);
  assert.ok(!/\ufffd/.test(answer.body));
});

test('an extension of a chunk without end ends the stream', async (t) => {
  const gateway = await start(t);
  const answer = await chat(gateway, { model: 'endless', stream: true, messages: [{ role: 'user', content: 'Hi' }] });
  assert.match(answer.body, /"finish_reason":"error"/);
  await gateway.waitForLog(/endless chunk extension or trailer/);
});
