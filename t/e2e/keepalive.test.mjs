// Connections to a provider are used again, when nothing speaks against it.
// One that turns out to be dead costs the client nothing and counts for
// nothing, twice; a request is never repeated behind the gateway's back.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, head, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { ask, assertError, assertServed, FORMATS, GOOD, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';

// One provider of that format behind a pool of connections, and one behind it.
async function start(t, script, { format = 'openai', size = 8, behind = answerWith('behind') } = {}) {
  const up = await RawProvider.start(t, script);
  const next = await RawProvider.start(t, behind);
  const gateway = await Gateway.start(t, {
    http: `
      upstream pool { server 127.0.0.1:${up.port}; keepalive ${size}; }
      ${provider('up', format, 'http://pool/v1', 'host up.test;')}
      ${provider('next', 'openai', `http://127.0.0.1:${next.port}/v1`)}
      llm_model m { target up; }
      llm_model two { target up; fallback next; }`,
  });
  return { gateway, up, next };
}

const answerWith = (text) => (x) => answer(x, text);

// Fills the pool with `n` connections that are idle at the same time.
async function fillPool(gateway, up, n) {
  const before = up.exchanges.length;
  up.barrier = new Promise((done) => (up.open = done));
  const answers = Array.from({ length: n }, () => ask(gateway, 'm'));
  await up.until(() => up.exchanges.length === before + n, `${n} requests at once`);
  up.open();
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
  assert.equal(up.connections, n);
}

for (const format of FORMATS) {
  for (const streamed of [true, false]) {
    const kind = streamed ? 'streams' : 'whole answers';

    test(`one connection carries many ${kind}, ${format}`, async (t) => {
      const { gateway, up } = await start(t, answerWith(GOOD[format]), { format });
      for (let i = 0; i < 5; i++) {
        const answer = await ask(gateway, 'm', { stream: streamed });
        assertServed(answer, { stream: streamed, text: GOOD[format], provider: 'up', attempts: 1 });
      }
      assert.deepEqual(up.requests.map((r) => [r.connection, r.number]), [[1, 1], [1, 2], [1, 3], [1, 4], [1, 5]]);
    });
  }
}

test('errors of the provider keep the connection, too', async (t) => {
  const { gateway, up } = await start(t, (x) => x.write(sized(500, '{"error":{"message":"no"}}')));
  for (let i = 0; i < 3; i++) assertError(await ask(gateway, 'm'), { status: 502, type: 'upstream_error', code: 'upstream_error' });
  assert.equal(up.connections, 1);
});

test('streams and whole answers share connections', async (t) => {
  const { gateway, up } = await start(t, answerWith('Hi'));
  for (const streamed of [true, false, true, false]) await ask(gateway, 'm', { stream: streamed });
  assert.equal(up.connections, 1);
});

// Closes a connection that is used again, when the request has arrived.
const deadOnReuse = (x) => (x.request.number > 1 ? x.end() : x.provider.barrier.then(() => answer(x, 'alive')));
// The same with RST in place of FIN.
const resetOnReuse = (x) => (x.request.number > 1 ? x.reset() : x.provider.barrier.then(() => answer(x, 'alive')));

const deaths = [['closed', deadOnReuse], ['reset', resetOnReuse]].flatMap(([how, script]) => FORMATS.map((format) => [how, script, format]));
for (const [how, script, format] of deaths) {
  for (const streamed of [true, false]) {
    const kind = `${streamed ? 'streamed' : 'whole'}, ${format}`;

    for (const [dead, model] of [[1, 'two'], [2, 'two'], [2, 'm']]) {
      test(`${dead} reused connection(s) ${how} under a request: the same target again, not counted, ${kind}, ${model}`, async (t) => {
        const { gateway, up, next } = await start(t, script, { format });
        await fillPool(gateway, up, dead);
        const answer = await ask(gateway, model, { stream: streamed });
        assertServed(answer, { stream: streamed, text: 'alive', provider: 'up', attempts: 1 });
        // The pool's requests, one for each connection that was dead, and the
        // one that was answered: none more.
        assert.equal(up.exchanges.length, dead + dead + 1);
        assert.equal(up.requests.at(-1).number, 1);
        const bodies = new Set(up.requests.slice(dead).map((r) => r.body));
        assert.equal(bodies.size, 1);
        assert.equal(next.exchanges.length, 0);
      });
    }

    test(`a third one counts: the next target is asked, ${how}, ${kind}`, async (t) => {
      const { gateway, up, next } = await start(t, script, { format });
      await fillPool(gateway, up, 3);
      const answer = await ask(gateway, 'two', { stream: streamed });
      assertServed(answer, { stream: streamed, text: 'behind', provider: 'next', attempts: 2 });
      assert.equal(up.exchanges.length, 3 + 3);
      assert.equal(next.exchanges.length, 1);
    });

    test(`a third one counts: an error when there is no other target, ${how}, ${kind}`, async (t) => {
      const { gateway, up } = await start(t, script, { format });
      await fillPool(gateway, up, 3);
      const answer = await ask(gateway, 'm', { stream: streamed });
      assertError(answer, { status: 502, type: 'upstream_error', code: 'upstream_error', attempts: 1 });
      assert.equal(up.exchanges.length, 3 + 3);
    });
  }
}

test('a connection the provider has closed while it was idle is not used', async (t) => {
  const { gateway, up } = await start(t, async (x) => {
    await answer(x, 'Hi');
    if (x.request.number === 1 && x.request.connection === 1) x.end();
  });
  await ask(gateway, 'm');
  await up.exchanges[0].closed; // both ways: the gateway has let go of it
  const answer2 = await ask(gateway, 'm');
  assertServed(answer2, { stream: false, text: 'Hi', provider: 'up', attempts: 1 });
  assert.deepEqual(up.requests.map((r) => r.connection), [1, 2]);
});

test('a fresh connection that dies without an answer is not tried again', async (t) => {
  const { gateway, up, next } = await start(t, (x) => x.end());
  const answer = await ask(gateway, 'two');
  assertServed(answer, { stream: false, text: 'behind', provider: 'next', attempts: 2 });
  assert.equal(up.exchanges.length, 1);
  assert.equal(next.exchanges.length, 1);
});

test('a reused connection that dies in the middle of the head counts', async (t) => {
  const { gateway, up, next } = await start(t, (x) => (x.request.number > 1 ? x.end('HTTP/1.1 200 O') : answer(x, 'alive')));
  await ask(gateway, 'two');
  const answer2 = await ask(gateway, 'two');
  assertServed(answer2, { stream: false, text: 'behind', provider: 'next', attempts: 2 });
  assert.equal(up.exchanges.length, 2);
  assert.equal(next.exchanges.length, 1);
});

test('silence on a reused connection is a timeout, not a dead connection', async (t) => {
  const up = await RawProvider.start(t, (x) => (x.request.number > 1 ? undefined : answer(x, 'alive')));
  const gateway = await Gateway.start(t, {
    http: `
      upstream pool { server 127.0.0.1:${up.port}; keepalive 4; }
      ${provider('up', 'openai', 'http://pool/v1', 'host up.test; total_timeout 300ms;')}
      llm_model m { target up; }`,
  });
  await ask(gateway, 'm');
  assertError(await ask(gateway, 'm'), { status: 504, type: 'timeout_error', code: 'timeout', attempts: 1 });
  assert.equal(up.exchanges.length, 2);
});

// --- what ends a connection -----------------------------------------------------

const plain = (x, extra = {}, version) => head(200, { 'content-type': 'application/json', ...extra }, version) + whole.openai('Hi');
const length = { 'content-length': Buffer.byteLength(whole.openai('Hi')) };
const { opening, content, ending } = stream.openai(['Hi']);
const events = [...opening, ...content, ...ending];

const notReused = [
  ['Connection: close', (x) => x.write(plain(x, { ...length, connection: 'close' }))],
  ['HTTP/1.0', (x) => x.write(plain(x, length, '1.0'))],
  ['no length', (x) => x.end(plain(x))],
  ['bytes behind the answer', (x) => x.write(plain(x, length) + 'HTTP/1.1 200 OK\r\n')],
  ['bytes behind the last chunk', (x) => x.write(streamHead() + events.map(chunk).join('') + '0\r\n\r\nmore'), true],
  ['a stream that goes on behind its end', async (x) => {
    await x.write(streamHead() + events.map(chunk).join(''));
    while (!x.socket.destroyed) await x.write(chunk(': still here\n\n'));
  }, true],
  ['a stream whose framing does not end', (x) => x.write(streamHead() + events.map(chunk).join('')), true],
  ['an answer larger than its cap', (x) => x.write(sized(200, whole.openai('x'.repeat(70000)))), false, 502],
  ['an error event', (x) => x.write(streamHead() + chunk('data: {"error":{"message":"no"}}\n\n')), true, 502],
];

for (const [name, script, streamed = false, status = 200] of notReused) {
  test(`no reuse after: ${name}`, async (t) => {
    const up = await RawProvider.start(t, (x) => (x.request.connection === 1 ? script(x) : answer(x, 'fresh')));
    const gateway = await Gateway.start(t, {
      location: 'llm_max_response 64k;',
      http: `
        upstream pool { server 127.0.0.1:${up.port}; keepalive 4; }
        ${provider('up', 'openai', 'http://pool/v1', 'host up.test;')}
        llm_model m { target up; }`,
    });
    const first = await ask(gateway, 'm', { stream: streamed });
    assert.equal(first.status, status, first.body);
    await up.exchanges[0].closed;
    assertServed(await ask(gateway, 'm'), { stream: false, text: 'fresh', provider: 'up', attempts: 1 });
    assert.deepEqual(up.requests.map((r) => r.connection), [1, 2]);
  });
}

test('a client that goes away takes the connection with it', async (t) => {
  const { gateway, up } = await start(t, (x) => (x.request.connection === 1 ? x.write(streamHead() + chunk(opening[0] + content[0])) : answer(x, 'fresh')));
  const { request } = await import('node:http');
  const { authorized } = await import('./lib/http.mjs');
  await new Promise((done) => {
    const req = request(`${gateway.url}/chat/completions`, { method: 'POST', headers: authorized() }, (res) => {
      res.once('data', () => {
        req.destroy();
        done();
      });
    });
    req.on('error', () => {});
    req.end(JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'Hi' }] }));
  });
  await up.exchanges[0].closed;
  assertServed(await ask(gateway, 'm'), { stream: false, text: 'fresh', provider: 'up', attempts: 1 });
});
