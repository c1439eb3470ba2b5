// A second attempt beside a slow one: who is first is the answer, and nothing of
// the other one is left.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, errorBody, LAST_CHUNK, RawProvider, sized, stream as streamOf, streamHead } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { chat, events, textOf } from './lib/http.mjs';
import { chatBody, post, Wire } from './lib/wire.mjs';

// `first` and `second` answer as told, by default the first one never.
async function start(t, lines, { first = () => {}, second = (x) => answer(x, 'second'), formats = ['openai', 'anthropic'], ...options } = {}) {
  const one = await RawProvider.start(t, first);
  const two = await RawProvider.start(t, second);
  const gateway = await Gateway.start(t, {
    http: `
      ${provider('one', formats[0], `http://127.0.0.1:${one.port}`)}
      ${provider('two', formats[1], `http://127.0.0.1:${two.port}`)}
      llm_model m { target one/a; target two/b; ${lines} }
      llm_model alone { target one/a; ${lines} }`,
    ...options,
  });
  const ask = (stream, model = 'm') => chat(gateway, chatBody(model, { stream }), { 'x-llm-trace': '1' });
  return { gateway, one, two, ask };
}

const said = (response, stream) => (stream ? textOf(events(response.body)) : JSON.parse(response.body).choices[0].message.content);
const fails = (status) => (x) => x.end(sized(status, errorBody[x.format](status, 'No.')));
const after = (ms, then) => (x) => setTimeout(() => x.socket.destroyed || then(x), ms);

for (const stream of [false, true]) {
  const way = stream ? 'streamed' : 'whole';

  for (const lines of ['hedge 50ms;', 'hedge race;']) {
    test(`${lines} the second one is faster, ${way}`, async (t) => {
      const { ask, one, gateway } = await start(t, lines);
      const response = await ask(stream);
      assert.equal(response.status, 200, response.body);
      assert.equal(said(response, stream), 'second');
      assert.equal(response.headers['x-llm-provider'], 'two');
      assert.equal(response.headers['x-llm-attempts'], '2');
      assert.match(response.headers['x-llm-trace'], /^one\/a - \d+ms another was faster, two\/b 200 \d+ms served$/);
      await (await one.exchange(1)).closed;
      await gateway.waitForIdle();
    });

    test(`${lines} the first one is faster, ${way}`, async (t) => {
      const { ask, two, gateway } = await start(t, lines, { first: after(200, (x) => answer(x, 'first')), second: () => {} });
      const response = await ask(stream);
      assert.equal(said(response, stream), 'first');
      assert.equal(response.headers['x-llm-provider'], 'one');
      await (await two.exchange(1)).closed;
      await gateway.waitForIdle();
    });
  }

  test(`no second attempt when the first is fast, ${way}`, async (t) => {
    const { ask, two } = await start(t, 'hedge 5s;', { first: (x) => answer(x, 'first') });
    assert.equal((await ask(stream)).headers['x-llm-attempts'], '1');
    assert.equal(two.exchanges.length, 0);
  });

  test(`the one fails while the other goes on, ${way}`, async (t) => {
    const slow = after(300, (x) => answer(x, 'slow'));
    const a = await start(t, 'hedge race;', { first: fails(503), second: slow });
    assert.equal(said(await a.ask(stream), stream), 'slow');
    const b = await start(t, 'hedge race;', { first: slow, second: fails(503) });
    const response = await b.ask(stream);
    assert.equal(said(response, stream), 'slow');
    assert.equal(response.headers['x-llm-provider'], 'one');
  });

  test(`both fail: the more telling error, ${way}`, async (t) => {
    for (const [first, second] of [[429, 500], [500, 429]]) {
      const { ask } = await start(t, 'hedge race;', { first: after(20, fails(first)), second: after(100, fails(second)) });
      const response = await ask(stream);
      assert.equal(response.status, 429);
      assert.equal(response.headers['x-llm-attempts'], '2');
    }
  });

  test(`the only target twice, ${way}`, async (t) => {
    let n = 0;
    const { ask, one } = await start(t, 'hedge 50ms;', { first: (x) => (n++ ? answer(x, 'again') : null) });
    assert.equal(said(await ask(stream, 'alone'), stream), 'again');
    await (await one.exchange(1)).closed;
  });
}

test('both fail at once, before nginx comes to either', async (t) => {
  const good = await RawProvider.start(t, (x) => answer(x, 'good'));
  const gateway = await Gateway.start(t, {
    allowedAlerts: [/connect\(\) to unix:\/nowhere/],
    http: `
      ${provider('one', 'openai', 'http://unix:/nowhere/one.sock')}
      ${provider('two', 'openai', 'http://unix:/nowhere/two.sock')}
      ${provider('good', 'openai', `http://127.0.0.1:${good.port}`)}
      llm_model nobody { target one/a; target two/b; hedge race; }
      llm_model m { target one/a; target two/b; target good/c; hedge race; }`,
  });
  for (const stream of [false, true]) {
    assert.equal((await chat(gateway, chatBody('nobody', { stream }))).status, 502);
    assert.equal(said(await chat(gateway, chatBody('m', { stream })), stream), 'good');
  }
  await gateway.waitForIdle();
});

test('once a token has come there is no second attempt, and no token of another', async (t) => {
  const slowly = async (x) => {
    const { opening, content, ending } = streamOf[x.format](['one ', 'two ', 'three']);
    await x.write(streamHead() + [...opening, content[0]].map(chunk).join(''));
    await new Promise((done) => setTimeout(done, 300));
    await x.write([...content.slice(1), ...ending].map(chunk).join('') + LAST_CHUNK);
  };
  const { ask, two } = await start(t, 'hedge 100ms;', { first: slowly });
  assert.equal(said(await ask(true), true), 'one two three');
  assert.equal(two.exchanges.length, 0);
});

test('the share is capped, over all workers', async (t) => {
  const { gateway, two } = await start(t, 'hedge race max=20%;', { first: after(30, (x) => answer(x, 'first')), second: () => {}, workers: 2, listen: 'reuseport' });
  for (let i = 0; i < 50; i++) assert.equal((await chat(gateway, chatBody('m'), { connection: 'close' })).status, 200);
  assert.ok(two.exchanges.length >= 8 && two.exchanges.length <= 10, `${two.exchanges.length} of 50`);
});

test('p95: only once it is known what is slow', async (t) => {
  let hang = false;
  const { ask, two } = await start(t, 'hedge p95;', { first: (x) => (hang ? null : answer(x, 'first')) });
  for (let i = 0; i < 20; i++) await ask(true);
  assert.equal(two.exchanges.length, 0);
  hang = true;
  assert.equal(said(await ask(true), true), 'second');
});

test('a client that goes away takes both with it', async (t) => {
  const { gateway, one, two } = await start(t, 'hedge race;', { second: () => {} });
  for (const stream of [false, true]) {
    const wire = await Wire.connect(t, gateway.port);
    const n = one.exchanges.length + 1;
    await wire.send(post(chatBody('m', { stream })));
    const both = [await one.exchange(n), await two.exchange(n)];
    wire.reset();
    await Promise.all(both.map((x) => x.closed));
    await gateway.waitForIdle();
  }
});

// Two speeds: one answer in ten takes ten times as long.
test('the slowest answers get faster, at the stated cost', async (t) => {
  const SLOW = 1500;
  const run = async (lines) => {
    let n = 0;
    const mixed = (x) => (n++ % 10 === 9 ? after(SLOW, (y) => answer(y, 'slow'))(x) : answer(x, 'fast'));
    const { ask, one, two } = await start(t, lines, { first: mixed, second: (x) => answer(x, 'fast') });
    const times = [];
    for (let i = 0; i < 60; i++) {
      const began = performance.now();
      assert.equal((await ask(true)).status, 200);
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    return { p99: times[59], slow: times.filter((ms) => ms >= SLOW).length, extra: two.exchanges.length, sent: one.exchanges.length };
  };
  const plain = await run('');
  assert.equal(plain.slow, 6);
  const hedged = await run('hedge 100ms max=20%;');
  assert.ok(hedged.slow <= 1, `${hedged.slow} slow ones are left`);
  assert.ok(hedged.extra <= 12, `${hedged.extra} more requests`);
});
