// Several workers, and workers that die.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, LAST_CHUNK, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { chatBody, eventually, post, Wire, within } from './lib/wire.mjs';

const KEYS = { old: 'sk-old-1234567890', new: 'sk-new-1234567890' };
const project = (...keys) => `llm_project test { ${keys.map((key) => keyLine(key)).join(' ')} }`;

// Every answer names the worker it came from. The kernel spreads connections.
async function start(t, workers, options = {}) {
  const held = [];
  const up = await RawProvider.start(t, async (x) => {
    if (!x.stream) return answer(x, 'Hi');
    const { opening, content, ending } = stream.openai(['one ', 'two']);
    await x.write(streamHead() + [...opening, content[0]].map(chunk).join(''));
    await new Promise((done) => held.push(done));
    await x.write([content[1], ...ending].map(chunk).join('') + LAST_CHUNK);
  });
  const gateway = await Gateway.start(t, {
    workers,
    listen: 'reuseport',
    location: 'add_header x-worker $pid always;',
    http: `
      ${provider('up', 'openai', `http://127.0.0.1:${up.port}`)}
      llm_model m { target up; }`,
    ...options,
  });
  return { gateway, up, finish: () => held.splice(0).forEach((done) => done()) };
}

// One request on a connection of its own.
async function ask(t, gateway, key = KEY) {
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m'), { authorization: `Bearer ${key}` }));
  const response = await wire.response();
  wire.reset();
  return { status: response.status, worker: Number(response.headers['x-worker']) };
}

async function openStream(t, gateway) {
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m', { stream: true })));
  await wire.until(/one /);
  return { wire, worker: Number(/x-worker: (\d+)/i.exec(wire.input)[1]) };
}

const isWhole = (body) => /"content":"two"/.test(body) && /\[DONE\]\n\n$/.test(body);

// Asks until every worker has answered, and each time the same.
async function askAll(t, gateway, key, status) {
  const workers = new Set(gateway.workerPids());
  const asked = new Set();
  for (let i = 0; asked.size < workers.size; i++) {
    assert.ok(i < 2000, 'a worker that gets no connection');
    const answer = await ask(t, gateway, key);
    assert.equal(answer.status, status, `worker ${answer.worker}`);
    asked.add(answer.worker);
  }
  assert.deepEqual([...asked].sort(), [...workers].sort());
}

for (const workers of [2, 4]) {
  test(`${workers} workers know the same keys`, async (t) => {
    const { gateway } = await start(t, workers, { project: project(KEY, KEYS.old) });
    await eventually(() => gateway.workerPids().length === workers, 'all workers');
    const before = gateway.workerPids();
    await askAll(t, gateway, KEYS.old, 200);
    await askAll(t, gateway, KEYS.new, 401);

    await gateway.reload({ project: project(KEY, KEYS.new) });
    await eventually(() => {
      const now = gateway.workerPids();
      return now.length === workers && !now.some((pid) => before.includes(pid));
    }, 'new workers alone');
    await askAll(t, gateway, KEYS.new, 200);
    await askAll(t, gateway, KEYS.old, 401);
  });

  test(`${workers} workers count their requests together`, async (t) => {
    const { gateway, finish } = await start(t, workers);
    const streams = [];
    while (new Set(streams.map((s) => s.worker)).size < workers) streams.push(await openStream(t, gateway));
    for (let i = 0; i < 4 * workers; i++) assert.equal(await gateway.active(), streams.length);
    finish();
    for (const { wire } of streams) assert.ok(isWhole((await wire.response()).body));
    await gateway.waitForIdle();
  });
}

for (const workers of [1, 2]) {
  test(`a worker that is killed is replaced, its requests are not counted any more, ${workers} worker(s)`, async (t) => {
    const { gateway, up, finish } = await start(t, workers, { allowedAlerts: [/exited on signal 9/] });
    const streams = [];
    while (new Set(streams.map((s) => s.worker)).size < workers) streams.push(await openStream(t, gateway));
    const [{ worker: victim }] = streams;
    const [lost, rest] = [streams.filter((s) => s.worker === victim), streams.filter((s) => s.worker !== victim)];
    assert.equal(await gateway.active(), streams.length);

    process.kill(victim, 'SIGKILL');
    for (const { wire } of lost) await within(wire.closed, 'the end of a stream of the killed worker');
    await up.until(() => up.sockets.size === rest.length, 'the end of its upstream connections');
    await eventually(() => gateway.workerPids().length === workers && !gateway.workerPids().includes(victim), 'another worker');
    await eventually(async () => (await gateway.active()) === rest.length, 'the right count');
    await askAll(t, gateway, KEY, 200);
    await askAll(t, gateway, KEYS.new, 401);

    finish();
    for (const { wire } of rest) assert.ok(isWhole((await wire.response()).body), 'a stream of the other worker');
    await gateway.waitForIdle();
  });
}

test('workers that are killed again and again', async (t) => {
  const { gateway, up } = await start(t, 2, { allowedAlerts: [/exited on signal 9/] });
  for (let round = 0; round < 5; round++) {
    const { wire, worker } = await openStream(t, gateway);
    process.kill(worker, 'SIGKILL');
    await within(wire.closed, 'the end of the stream');
    await eventually(() => gateway.workerPids().length === 2 && !gateway.workerPids().includes(worker), 'another worker');
    await eventually(async () => (await gateway.active()) === 0, 'the count to go back');
  }
  await askAll(t, gateway, KEY, 200);
  await up.until(() => up.sockets.size === 0, 'the end of all upstream connections');
});

test('a worker that is killed during a reload', async (t) => {
  const { gateway, finish } = await start(t, 1, { allowedAlerts: [/exited on signal 9/], project: project(KEY, KEYS.old) });
  const { wire, worker } = await openStream(t, gateway);
  await gateway.reload({ project: project(KEY, KEYS.new) });
  await eventually(() => gateway.workerPids().length === 2, 'both workers');
  process.kill(worker, 'SIGKILL');
  await within(wire.closed, 'the end of the stream');
  await eventually(() => gateway.workerPids().length === 1, 'the end of the old worker');
  await gateway.waitForIdle();
  await askAll(t, gateway, KEYS.new, 200);
  await askAll(t, gateway, KEYS.old, 401);
  finish();
});
