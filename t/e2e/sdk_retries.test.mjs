// The SDK's own retries: it asks again after what may pass, and no more often
// than it was told; each time it asks, the upstream is asked once.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { textOf } from './lib/http.mjs';
import { collect, forEachKind, userSays } from './lib/upstreams.mjs';

const twice = { client: { maxRetries: 2 } };
const busy = { openai: 503, anthropic: 529 };
const atOnce = { headers: { 'retry-after': '0' } };

for (const stream of [false, true]) {
  const way = stream ? 'streamed' : 'whole';
  const ask = async (client, model) => {
    const answer = await client.chat.completions.create({ model, messages: userSays('Hi'), stream });
    return stream ? textOf(await collect(answer)) : answer.choices[0].message.content;
  };

  forEachKind(test, `after a rate limit and an overload, ${way}`, twice, async (t, { kind, client, model, mock, say }) => {
    mock.fail(429, 'Slow down.', atOnce);
    mock.fail(busy[kind.name], 'Overloaded.', atOnce);
    say({ text: 'Hello' });
    assert.equal(await ask(client, model), 'Hello');
    assert.equal(mock.requests.length, 3);
    const [first, ...others] = mock.requests.map(({ text }) => text);
    for (const other of others) assert.equal(other, first, 'the same request each time');
  });

  forEachKind(test, `until it may no more, ${way}`, twice, async (t, { kind, client, model, mock }) => {
    for (let i = 0; i < 3; i++) mock.fail(busy[kind.name], 'Overloaded.', atOnce);
    await assert.rejects(ask(client, model), OpenAI.InternalServerError);
    assert.equal(mock.requests.length, 3);
  });

  // A 502 that an SDK would repeat: nothing will change by itself.
  forEachKind(test, `not after a refused credential of the gateway's, ${way}`, twice, async (t, { client, model, mock }) => {
    mock.fail(401, 'No such key.');
    await assert.rejects(ask(client, model), (e) => e.status === 502 && e.headers.get('x-should-retry') === 'false');
    assert.equal(mock.requests.length, 1);
  });

  forEachKind(test, `not after a bad request, ${way}`, twice, async (t, { client, model, mock }) => {
    mock.fail(400, 'No good.');
    await assert.rejects(ask(client, model), OpenAI.BadRequestError);
    assert.equal(mock.requests.length, 1);
  });
}

forEachKind(test, 'not before the upstream wants to be asked again', twice, async (t, { client, model, mock, say }) => {
  let failed;
  mock.next((request, response) => {
    failed = Date.now();
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '2' }).end('{"error":{"message":"Slow down."}}');
  });
  say({ text: 'Hello' });
  await client.chat.completions.create({ model, messages: userSays('Hi') });
  assert.ok(Date.now() - failed >= 1900, 'the SDK has waited as long as it was told, not its own half second');
  assert.equal(mock.requests.length, 2);
});
