// A target that fails is left alone by all workers, and found to be well again
// by one request.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, errorBody, LAST_CHUNK, RawProvider, sized, stream, streamHead } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { frame, Gateway } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { until } from './lib/until.mjs';
import { chatBody, post, Wire } from './lib/wire.mjs';

// A provider whose health the test says, and a good one behind it.
async function start(t, { breaker = 'cooldown=1h', model = 'target first; target second;', ...options } = {}) {
  const state = { fail: fails(500) };
  const first = await RawProvider.start(t, (x) => (state.fail ? state.fail(x) : answer(x, 'first')));
  const second = await RawProvider.start(t, (x) => answer(x, 'second'));
  const gateway = await Gateway.start(t, {
    listen: 'reuseport',
    location: 'add_header x-worker $pid always;',
    http: () => `
      ${provider('first', 'openai', `http://127.0.0.1:${first.port}`, `breaker ${breaker};`)}
      ${provider('second', 'openai', `http://127.0.0.1:${second.port}`)}
      llm_model m { ${model} }
      llm_model alone { target first/m; }
      llm_model elsewhere { target first/another; target second; }`,
    ...options,
  });
  // Each on a connection of its own.
  const ask = (name = 'm') => chat(gateway, chatBody(name), { connection: 'close' });
  // How many requests of `n` have come to the first one.
  const reach = async (n, name) => {
    const before = first.exchanges.length;
    for (let i = 0; i < n; i++) await ask(name);
    return first.exchanges.length - before;
  };
  return { gateway, state, first, second, ask, reach };
}

const fails = (status) => (x) => x.end(sized(status, errorBody[x.format](status, 'No.')));

for (const workers of [1, 2, 4]) {
  test(`opens after three failures, for all of ${workers} workers`, async (t) => {
    const { gateway, ask, reach } = await start(t, { workers });
    const seen = new Set();
    let reached = 0;
    // The kernel spreads connections: each worker has its turn.
    for (let i = 0; i < 400 && (i < 20 || seen.size < workers); i++) {
      reached += await reach(1);
      seen.add((await ask()).headers['x-worker']);
    }
    assert.ok(reached <= 3, `${reached} requests`);
    assert.equal(seen.size, workers);
    assert.match(gateway.errorLog(), /llm: breaker of upstream "first", model "m" is open for 3600000 ms/);
  });
}

test('what the provider says of a request is no failure of its', async (t) => {
  const { state, reach } = await start(t);
  for (const status of [400, 404, 413, 422]) {
    state.fail = fails(status);
    assert.equal(await reach(4), 4, status);
  }
});

test('a success breaks the row', async (t) => {
  const { state, reach } = await start(t);
  for (let i = 0; i < 3; i++) {
    state.fail = fails(500);
    assert.equal(await reach(2), 2);
    state.fail = null;
    assert.equal(await reach(1), 1);
  }
});

test('by the share of failures', async (t) => {
  const { state, reach } = await start(t, { breaker: 'failures=0 ratio=50% requests=10 cooldown=1h' });
  for (let i = 0; i < 4; i++) {
    for (const fail of [fails(503), null]) {
      state.fail = fail;
      assert.equal(await reach(1), 1);
    }
  }
  state.fail = fails(503);
  assert.equal(await reach(5), 2);
});

test('each model has its own', async (t) => {
  const { state, reach } = await start(t);
  assert.equal(await reach(5), 3);
  state.fail = null;
  assert.equal(await reach(5), 0);
  assert.equal(await reach(5, 'elsewhere'), 5);
});

test('none is well: asked nevertheless, which closes it', async (t) => {
  const { gateway, state, reach, ask } = await start(t);
  assert.equal(await reach(5, 'alone'), 5, 'there is no other');
  assert.equal(await reach(3), 0);
  state.fail = null;
  assert.equal((await ask('alone')).status, 200);
  assert.match(gateway.errorLog(), /llm: no target is well, upstream "first" is asked nevertheless/);
  assert.match(gateway.errorLog(), /llm: breaker of upstream "first", model "m" is closed/);
  assert.equal(await reach(3), 3);
});

test('survives a reload, which can switch it off', async (t) => {
  const { gateway, reach, first } = await start(t);
  assert.equal(await reach(5), 3);
  await gateway.reload();
  assert.equal(await reach(5), 0);
  const http = gateway.options.http;
  await gateway.reload({ http: () => http().replace('breaker cooldown=1h', 'breaker off') });
  assert.equal(await reach(5), 5);
  assert.equal(first.exchanges.length, 8);
});

test('without a zone a worker has its own', async (t) => {
  const first = await RawProvider.start(t, fails(500));
  const second = await RawProvider.start(t, (x) => answer(x, 'second'));
  const gateway = await Gateway.start(t, {
    configure: ({ dir, port }) =>
      frame({
        dir,
        http: `
          ${provider('first', 'openai', `http://127.0.0.1:${first.port}`, 'breaker cooldown=1h;')}
          ${provider('second', 'openai', `http://127.0.0.1:${second.port}`)}
          llm_model m { target first; target second; }
          server { listen 127.0.0.1:${port}; location /v1/ { llm_gateway on; llm_auth off; } }`,
      }),
  });
  for (let i = 0; i < 8; i++) assert.equal((await chat(gateway, chatBody('m'))).status, 200);
  assert.equal(first.exchanges.length, 3);
});

// --- half-open ---------------------------------------------------------------------

// The first provider holds what comes to it, once it is told to.
async function halfOpen(t, options = {}) {
  const held = [];
  const bench = await start(t, { breaker: 'cooldown=200ms max_cooldown=200ms', ...options });
  assert.equal(await bench.reach(4), 3);
  bench.state.fail = async (x) => {
    held.push(x);
    await new Promise((done) => (x.go = done));
    if (x.status) return fails(x.status)(x);
    if (!x.stream) return answer(x, 'first');
    const { opening, content, ending } = stream.openai(['one ', 'two']);
    await x.write(streamHead() + [...opening, content[0]].map(chunk).join(''));
    await new Promise((done) => (x.end_ = done));
    return x.write([content[1], ...ending].map(chunk).join('') + LAST_CHUNK);
  };
  // Until one request is the probe.
  const probe = async (body) => {
    const wire = await until(async () => {
      const w = await Wire.connect(t, bench.gateway.port);
      const before = held.length + bench.second.exchanges.length;
      await w.send(post(body ?? chatBody('m')));
      await until(() => held.length + bench.second.exchanges.length > before, 'the request at a provider');
      if (held.length) return w;
      await w.response();
      w.reset();
      return null;
    }, 'the cooldown');
    return { wire, x: held.at(-1) };
  };
  return { ...bench, held, probe };
}

test('one probe, and all the others pass over the target', async (t) => {
  const { probe, reach, state, gateway, held } = await halfOpen(t, { workers: 2 });
  const { wire, x } = await probe();
  assert.equal(await reach(20), 0);
  assert.equal(held.length, 1);
  state.fail = null;
  x.go();
  assert.equal((await wire.response()).status, 200);
  await gateway.waitForLog(/breaker of upstream "first", model "m" is closed/);
  assert.equal(await reach(3), 3);
});

test('a probe that fails opens it again', async (t) => {
  const { probe, reach, gateway } = await halfOpen(t, { breaker: 'cooldown=200ms max_cooldown=1h' });
  const { wire, x } = await probe();
  x.status = 500;
  x.go();
  assert.equal((await wire.response()).status, 200, 'the second one serves');
  await gateway.waitForLog(/model "m" is open for 400 ms/);
  assert.equal(await reach(1), 0);
});

test('the first token of a probe is enough', async (t) => {
  const { probe, reach, state } = await halfOpen(t);
  const { wire, x } = await probe(chatBody('m', { stream: true }));
  x.go();
  await wire.until(/one /);
  state.fail = null;
  assert.equal(await reach(3), 3);
  x.end_();
  await wire.until(/\[DONE\]/);
});

test('a probe whose client goes away is given back', async (t) => {
  const { probe, held, state } = await halfOpen(t);
  const { wire, x } = await probe();
  wire.reset();
  await x.closed;
  held.length = 0;
  const again = await probe();
  state.fail = null;
  again.x.go();
  assert.equal((await again.wire.response()).status, 200);
});

test('a probe whose worker is killed is given back', async (t) => {
  const { probe, held, state, gateway } = await halfOpen(t, {
    workers: 2,
    allowedAlerts: [/exited on signal 9/],
  });
  const { x } = await probe();
  for (const pid of gateway.workerPids()) process.kill(pid, 'SIGKILL');
  await x.closed;
  held.length = 0;
  const again = await probe();
  state.fail = null;
  again.x.go();
  assert.equal((await again.wire.response()).status, 200);
});

test('a probe goes on over a reload, and still there is one', async (t) => {
  const { probe, reach, state, gateway, held } = await halfOpen(t);
  const { wire, x } = await probe();
  await gateway.reload();
  assert.equal(await reach(5), 0);
  assert.equal(held.length, 1);
  state.fail = null;
  x.go();
  assert.equal((await wire.response()).status, 200);
  await until(async () => (await reach(1)) === 1, 'the breaker to close');
});
