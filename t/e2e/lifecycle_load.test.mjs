// nginx's signals and the death of its workers while streams run, of both
// protocols and formats: what was begun is finished, to the token.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Daemon } from './lib/daemon.mjs';
import { KEY, keyLine } from './lib/gateway.mjs';
import { authorized, request } from './lib/http.mjs';
import { startLoaded } from './lib/load.mjs';
import { childrenOf, isAlive } from './lib/process.mjs';
import { eventually, within } from './lib/wire.mjs';

const OTHER = 'sk-other-1234567890';
const project = (...keys) => `llm_project test { ${keys.map((key) => keyLine(key)).join(' ')} }`;

const models = (gateway, key = KEY) => request(`${gateway.url}/models`, { headers: authorized(key), agent: false });

test('HUP every second', async (t) => {
  const { gateway, load, base } = await startLoaded(t, { project: project(KEY) });
  load.start();
  const reloads = [];
  const old = new Set(gateway.workerPids());
  for (let n = 0; n < 8; n++) {
    const next = sleep(1000);
    await gateway.reload({ http: `${base} llm_model m${n} { target openai; }`, project: project(KEY, `${OTHER}${n}`) });
    reloads.push(performance.now());
    for (const pid of gateway.workerPids()) old.add(pid);
    await next;
  }
  await load.stop();
  load.assertUnharmed();
  const survivors = load.whole.filter((s) => reloads.some((at) => s.started < at && at < s.ended));
  assert.ok(survivors.length > 20, `only ${survivors.length} streams ran over a reload`);
  assert.ok(new Set(load.whole.map((s) => s.worker)).size > 8, 'workers of few configurations have served');

  // Workers that have nothing left to do are gone; the newest configuration is in force.
  await eventually(() => gateway.workerPids().length === 2, 'the end of the old workers', 20000);
  await gateway.waitForIdle();
  assert.equal((await models(gateway, `${OTHER}7`)).status, 200);
  assert.equal((await models(gateway, `${OTHER}6`)).status, 401);
  assert.match((await models(gateway)).body, /"m7"/);
});

test('kill -9 of workers: others serve, nothing is locked, the count is right', async (t) => {
  const { gateway, load } = await startLoaded(t, { allowedAlerts: [/exited on signal 9/], project: project(KEY) });
  load.start();
  const killed = new Set();
  for (let n = 0; n < 6; n++) {
    await sleep(500);
    const [victim] = gateway.workerPids();
    process.kill(victim, 'SIGKILL');
    killed.add(victim);
    await eventually(() => gateway.workerPids().length === 2 && !gateway.workerPids().includes(victim), 'another worker');
  }
  const newest = gateway.workerPids();
  await sleep(500);
  await load.stop();

  // Only what a killed worker had in hand is lost, and it ends without a lie.
  const lost = load.broken;
  assert.ok(lost.length > 0 && load.whole.length > 0);
  for (const { mark, head, worker, reader } of lost) {
    if (head) assert.ok(killed.has(worker), `${mark} was broken by worker ${worker}`);
    assert.ok(!reader.over, `${mark} claims to be whole`);
  }
  for (const { mark } of load.whole) assert.equal(load.sent(mark), 1, `how often ${mark} was asked for`);
  assert.ok(load.whole.some((s) => newest.includes(s.worker)), 'no new worker has served');

  await gateway.waitForIdle();
  assert.equal((await models(gateway, OTHER)).status, 401);
  await gateway.reload({ project: project(KEY, OTHER) });
  assert.equal((await models(gateway, OTHER)).status, 200);
  assert.equal((await models(gateway)).status, 200);
});

test('USR2 and QUIT: a new nginx takes over, the old one finishes its streams', async (t) => {
  const { gateway, load } = await startLoaded(t, { kind: Daemon });
  load.start();
  await eventually(() => load.whole.length > 5, 'some streams');
  const workers = gateway.workerPids();
  const pid = await gateway.upgrade(t);
  const old = gateway.process.pid;
  const fresh = childrenOf(pid);
  assert.equal(fresh.length, 2);
  assert.ok(isAlive(old) && workers.every(isAlive), 'the old nginx has gone too early');

  // Until it is told to quit, the old one takes requests as well.
  const quit = performance.now();
  process.kill(old, 'SIGQUIT');
  await within(gateway.exited, 'the end of the old nginx', 30000);
  await eventually(() => load.whole.some((s) => fresh.includes(s.worker)), 'a stream of the new nginx');
  await load.stop();
  load.assertUnharmed();
  assert.ok(load.whole.some((s) => workers.includes(s.worker) && s.started < quit && quit < s.ended), 'the old nginx has finished no stream');
  await gateway.waitForIdle();

  // The new one is a whole one: it can be reloaded.
  process.kill(pid, 'SIGHUP');
  await eventually(() => childrenOf(pid).length === 2 && !childrenOf(pid).some((one) => fresh.includes(one)), 'its new workers');
  assert.equal((await models(gateway)).status, 200);
});

test('USR1: a stream that runs over it is in the new log, whole', async (t) => {
  const { gateway, load } = await startLoaded(t);
  load.start(8);
  await eventually(() => load.whole.length > 0, 'a stream');
  const renamed = performance.now();
  for (const name of ['access.log', 'error.log']) fs.renameSync(`${gateway.dir}/${name}`, `${gateway.dir}/${name}.1`);
  gateway.signal('SIGUSR1');
  await eventually(() => fs.existsSync(`${gateway.dir}/access.log`), 'a new log');
  await sleep(1000);
  await load.stop();
  const over = load.whole.filter((s) => s.started < renamed && s.ended > renamed);
  assert.ok(over.length > 3);
  assert.deepEqual(load.broken, []);
  await gateway.waitForIdle();
  const lines = (name) => fs.readFileSync(`${gateway.dir}/${name}`, 'utf8').split('\n').filter((line) => /chat\/completions/.test(line)).length;
  assert.equal(lines('access.log') + lines('access.log.1'), load.whole.length);
  assert.ok(lines('access.log') >= over.length);
});
