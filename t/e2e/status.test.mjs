// llm_status: what the workers together know of targets.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, errorBody, RawProvider, sized, streamHead } from '../mock/raw.mjs';
import { run } from './lib/conf.mjs';
import { keyOf, provider } from './lib/faulty.mjs';
import { frame, Gateway, keyLine } from './lib/gateway.mjs';
import { chat, request } from './lib/http.mjs';
import { until } from './lib/until.mjs';
import { chatBody, post, Wire } from './lib/wire.mjs';

const fails = (status) => (x) => x.end(sized(status, errorBody[x.format](status, 'No.')));

// `first` does what the test says, `second` is good.
async function start(t, options = {}) {
  const state = { act: null };
  const first = await RawProvider.start(t, (x) => (state.act ? state.act(x) : answer(x, 'first')));
  const second = await RawProvider.start(t, (x) => answer(x, 'second'));
  const gateway = await Gateway.start(t, {
    listen: 'reuseport',
    server: 'location = /status { llm_status; }',
    secrets: ['second-key-of-first'],
    http: () => `
      ${provider('first', 'openai', `http://127.0.0.1:${first.port}`, 'breaker cooldown=1h; key second-key-of-first;')}
      ${provider('second', 'openai', `http://127.0.0.1:${second.port}`)}
      llm_provider off { type openai; pass http://127.0.0.1:${second.port}; key env:NOBODY_HAS_SET_THIS if_set; }
      llm_model m { target first; target second; fallback off/x; }`,
    ...options,
  });
  const get = (query = '', headers = {}, method = 'GET') =>
    request(`http://127.0.0.1:${gateway.port}/status${query}`, { method, headers, agent: false });
  const status = async () => JSON.parse((await get()).body);
  const target = async (name = 'first') => (await status()).targets.find((row) => row.provider === name);
  // Each on a connection of its own: every worker has its turn.
  const ask = (n = 1) => Promise.all(Array.from({ length: n }, () => chat(gateway, chatBody('m'), { connection: 'close' })));
  return { gateway, state, first, get, status, target, ask };
}

for (const workers of [1, 2, 4]) {
  test(`${workers} workers: answers and failures are all counted, in one place`, async (t) => {
    const { state, status, target, ask } = await start(t, { workers });
    assert.deepEqual((await status()).targets, []);
    await ask(20);
    const well = await target();
    assert.deepEqual(well.attempts, { answered: 20 });
    assert.equal(well.model, 'm');
    assert.equal(well.in_flight, 0);
    assert.deepEqual(well.breaker, { state: 'closed', failures: 0, openings: 0 });
    assert.ok(well.whole_answer >= 0 && well.whole_answer < 10, JSON.stringify(well));

    state.act = fails(500);
    for (let i = 0; i < 5; i++) await ask();
    const ill = await target();
    assert.deepEqual(ill.attempts, { answered: 20, server_error: 3 });
    assert.equal(ill.breaker.state, 'open');
    assert.equal(ill.breaker.openings, 1);
    assert.ok(ill.breaker.retry_in > 3500 && ill.breaker.retry_in <= 3600, JSON.stringify(ill));
    assert.deepEqual((await target('second')).attempts, { answered: 5 });
  });
}

test('a reload forgets nothing, a killed worker no more than what it did', async (t) => {
  const { gateway, state, target, ask } = await start(t, { workers: 2, allowedAlerts: [/exited on signal 9/] });
  await ask(6);
  const old = gateway.workerPids();
  await gateway.reload();
  await until(() => !gateway.workerPids().some((pid) => old.includes(pid)));
  await ask(4);
  assert.deepEqual((await target()).attempts, { answered: 10 });
  const killed = gateway.workerPids();
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  await until(() => gateway.workerPids().filter((pid) => !killed.includes(pid)).length === 2);
  state.act = fails(500);
  await ask();
  assert.deepEqual((await target()).attempts, { answered: 10, server_error: 1 });
});

test('what is in hand, and what was given up', async (t) => {
  const { gateway, state, status, target } = await start(t);
  state.act = (x) => x.write(streamHead());
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m', { stream: true })));
  await until(async () => (await target())?.in_flight === 1);
  assert.equal((await status()).active_requests, 1);
  wire.socket.destroy();
  await until(async () => (await target()).in_flight === 0);
  assert.deepEqual((await target()).attempts, { given_up: 1 });
});

test('keys by their number, with what they are at, and never themselves', async (t) => {
  const { state, status, get, ask } = await start(t);
  const keys = async () => (await status()).providers.find(({ name }) => name === 'first').keys;
  assert.deepEqual(await keys(), [{ state: 'ready', ready_in: 0 }, { state: 'ready', ready_in: 0 }]);
  state.act = (x) => (x.request.headers.authorization.endsWith(keyOf('first')) ? fails(401)(x) : answer(x, 'first'));
  await ask();
  const [refused, good] = await keys();
  assert.equal(refused.state, 'refused');
  assert.ok(refused.ready_in > 50 && refused.ready_in <= 60, JSON.stringify(refused));
  assert.deepEqual(good, { state: 'ready', ready_in: 0 });
  for (const format of ['json', 'text']) {
    const { body } = await get(`?format=${format}`);
    for (const secret of [keyOf('first'), 'second-key-of-first', 'sk-']) assert.ok(!body.includes(secret), `${format}: ${body}`);
  }
});

test('models and providers as they are configured', async (t) => {
  const { status } = await start(t);
  const { providers, models, all_workers: all } = await status();
  assert.equal(all, true);
  assert.deepEqual(providers.map(({ name, type, disabled }) => [name, type, disabled]), [['first', 'openai', false], ['second', 'openai', false], ['off', 'openai', true]]);
  assert.deepEqual(models, [
    {
      model: 'm',
      route: 'order',
      targets: [
        { provider: 'first', fallback: false, disabled: false },
        { provider: 'second', fallback: false, disabled: false },
        { provider: 'off', model: 'x', fallback: true, disabled: true },
      ],
    },
  ]);
});

test('JSON for monitoring, a page for people', async (t) => {
  const { get, ask } = await start(t);
  await ask();
  for (const [query, headers, type] of [
    ['', {}, 'application/json'],
    ['', { accept: '*/*' }, 'application/json'],
    ['', { accept: 'text/html,application/xhtml+xml' }, 'text/plain'],
    ['?format=json', { accept: 'text/html' }, 'application/json'],
    ['?format=text', {}, 'text/plain'],
  ]) {
    const { status, headers: said, body } = await get(query, headers);
    assert.equal(status, 200);
    assert.equal(said['content-type'], type);
    assert.equal(said['cache-control'], 'no-store');
    if (type === 'text/plain') assert.match(body, /^first\/m +closed +0\.000 +0 +- +\d+\.\d{3} +answered=1$/m);
    const head = await get(query, headers, 'HEAD');
    assert.equal(head.headers['content-length'], String(Buffer.byteLength(body)));
    assert.equal(head.body, '');
  }
  for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await get('', {}, method)).status, 405);
});

test('without a zone a worker tells what it knows itself', async (t) => {
  const mock = await RawProvider.start(t, (x) => answer(x, 'first'));
  const gateway = await Gateway.start(t, {
    configure: ({ dir, port }) =>
      frame({
        dir,
        http: `
          ${provider('first', 'openai', `http://127.0.0.1:${mock.port}`)}
          llm_model m { target first; }
          server {
            listen 127.0.0.1:${port};
            location /v1/ { llm_gateway on; llm_auth off; }
            location /status { llm_status; }
          }`,
      }),
  });
  await chat(gateway, chatBody('m'));
  const { body } = await request(`http://127.0.0.1:${gateway.port}/status`, { agent: false });
  const { all_workers: all, targets } = JSON.parse(body);
  assert.equal(all, false);
  assert.deepEqual(targets.map(({ attempts }) => attempts), [{ answered: 1 }]);
});

test('configuration', () => {
  const conf = (location) => run({ http: `llm_zone z 1m; llm_project p { ${keyLine()} } server { location / { ${location} } }` });
  assert.ok(conf('llm_status;').ok);
  assert.match(conf('llm_status; llm_status;').output, /"llm_status" directive is duplicate/);
  assert.match(conf('llm_status on;').output, /invalid number of arguments in "llm_status" directive/);
  assert.match(conf('llm_status; proxy_pass http://127.0.0.1:1;').output, /"llm_status" cannot share its location with proxy_pass or another content handler in .*:\d+/);
  assert.match(conf('llm_sandbox openai; llm_status;').output, /"llm_status" directive cannot share its location with another content handler/);
});
