// The shared zone and what can happen to it: another size, a worker that dies
// with its lock in the hand, processes of nginx that are no workers.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { answer, chunk, LAST_CHUNK, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { check, Gateway, KEY, keyLine, tempDir } from './lib/gateway.mjs';
import { authorized, request } from './lib/http.mjs';
import { startLoaded } from './lib/load.mjs';
import { isAlive, sanitized } from './lib/process.mjs';
import { chatBody, eventually, post, Wire, within } from './lib/wire.mjs';

const KEYS = { old: 'sk-old-1234567890', new: 'sk-new-1234567890' };
const project = (...keys) => `llm_project test { ${keys.map((key) => keyLine(key)).join(' ')} }`;

// On a connection of its own: which worker gets it is the kernel's choice.
const ask = (gateway, key = KEY) =>
  within(request(`${gateway.url}/chat/completions`, { method: 'POST', headers: authorized(key), body: chatBody('m'), agent: false }), 'an answer');

async function start(t, options = {}) {
  const held = [];
  const up = await RawProvider.start(t, async (x) => {
    if (!x.stream) return answer(x, 'Hi');
    const { opening, content, ending } = stream.openai(['one ', 'two']);
    await x.write(streamHead() + [...opening, content[0]].map(chunk).join(''));
    await new Promise((done) => held.push(done));
    await x.write([content[1], ...ending].map(chunk).join('') + LAST_CHUNK);
  });
  const { http = '', kind = Gateway, ...rest } = options;
  const gateway = await kind.start(t, {
    http: `${provider('up', 'openai', `http://127.0.0.1:${up.port}`)} llm_model m { target up; } ${http}`,
    location: 'add_header x-worker $pid always;',
    ...rest,
  });
  return { gateway, up, finish: () => held.splice(0).forEach((done) => done()) };
}

// Of an answer that has come, another worker may hear a moment later.
const counts = (gateway, n) => eventually(async () => (await gateway.active()) === n, `a count of ${n}`);

async function openStream(t, gateway) {
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('m', { stream: true })));
  await wire.until(/one /);
  return async () => assert.match((await wire.response()).body, /"content":"two".*\[DONE\]\n\n$/s);
}

// --- another size -----------------------------------------------------------------

test('a zone of another size begins anew: keys are those of the configuration, counts begin at 0', async (t) => {
  const { gateway, finish } = await start(t, { project: project(KEY, KEYS.old) });
  const [old] = gateway.workerPids();
  const running = await openStream(t, gateway);
  await counts(gateway, 1);

  await gateway.reload({ zone: 'gateway 1m', project: project(KEY, KEYS.new) });
  assert.equal((await ask(gateway, KEYS.new)).status, 200);
  assert.equal((await ask(gateway, KEYS.old)).status, 401);
  // The stream is the old zone's, and so is its count.
  assert.ok(isAlive(old));
  await counts(gateway, 0);

  finish();
  await running();
  await eventually(() => !isAlive(old), 'the end of the old worker');
  await counts(gateway, 0);
  const another = await openStream(t, gateway);
  await counts(gateway, 1);
  finish();
  await another();
  await gateway.waitForIdle();
});

test('a zone of the same size is kept: the count goes on, of old and new workers', async (t) => {
  const { gateway, finish } = await start(t);
  const running = await openStream(t, gateway);
  await gateway.reload({ project: project(KEY, KEYS.new) });
  const another = await openStream(t, gateway);
  await counts(gateway, 2);
  finish();
  await running();
  await another();
  await gateway.waitForIdle();
});

test('a zone of another name begins anew as well', async (t) => {
  const { gateway, finish } = await start(t);
  const running = await openStream(t, gateway);
  await gateway.reload({ zone: 'another 8m' });
  assert.equal((await ask(gateway)).status, 200);
  await counts(gateway, 0);
  finish();
  await running();
});

test('a zone that is resized again and again under streams', async (t) => {
  const { gateway, load } = await startLoaded(t);
  load.start();
  for (const size of ['1m', '16m', '64k', '8m']) {
    await gateway.reload({ zone: `gateway ${size}` });
    await eventually(() => load.whole.length > 4, 'some streams');
  }
  await load.stop();
  load.assertUnharmed(10);
  await eventually(() => gateway.workerPids().length === 2, 'the end of the old workers', 20000);
  await gateway.waitForIdle();
});

test('a size that is too small for the keys: the reload fails, the old zone stays', async (t) => {
  const many = (n) => project(KEY, ...Array.from({ length: n }, (_, i) => `sk-many-${i}`));
  const { gateway, finish } = await start(t, { project: many(500), allowedAlerts: [/too small for 501 client keys|\[alert\] .*shared memory/] });
  const running = await openStream(t, gateway);
  Object.assign(gateway.options, { zone: 'gateway 64k' });
  fs.writeFileSync(gateway.file, gateway.conf());
  gateway.signal('SIGHUP');
  await gateway.waitForLog(/llm_zone "gateway" of 65536 bytes is too small for 501 client keys/);
  assert.equal((await ask(gateway, 'sk-many-499')).status, 200);
  await counts(gateway, 1);
  finish();
  await running();
});

// --- a worker that dies with the lock in its hand -----------------------------------

function buildKiller() {
  const dir = tempDir('killer');
  const so = path.join(dir, 'kill_inside.so');
  const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', so, path.join(import.meta.dirname, 'lib/kill_inside.c')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const flag = path.join(dir, 'armed');
  const env = { LD_PRELOAD: so, KILL_INSIDE: flag };
  // A sanitizer wants to be the first library.
  if (sanitized) env.ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`;
  return { env, file: (what) => `${flag}-${what}`, arm: (what) => fs.writeFileSync(`${flag}-${what}`, '') };
}

const KILLED = [/exited on signal 9/, /shared memory zone "gateway" was locked by/];
const count = (gateway, text) => gateway.errorLog().split(text).length - 1;
// What nginx says when it takes the lock from a dead worker.
const taken = (gateway) => count(gateway, 'shared memory zone "gateway" was locked by');

test('kill -9 inside the lookup of a key: the lock is not left behind', async (t) => {
  const killer = buildKiller();
  const { gateway } = await start(t, { workers: 2, env: killer.env, allowedAlerts: KILLED });
  for (let round = 1; round <= 5; round++) {
    killer.arm('lookup');
    await assert.rejects(ask(gateway), /socket hang up|ECONNRESET/);
    assert.ok(!fs.existsSync(killer.file('lookup')));
    await eventually(() => taken(gateway) === round && gateway.workerPids().length === 2, 'another worker');
    // Whoever had to wait for the lock would wait for ever.
    const workers = new Set();
    for (let i = 0; workers.size < 2; i++) {
      assert.ok(i < 2000, 'a worker that gets no connection');
      const { status, headers } = await ask(gateway);
      assert.equal(status, 200);
      workers.add(headers['x-worker']);
    }
    assert.equal((await ask(gateway, KEYS.new)).status, 401);
  }
  // The master takes the lock, too.
  await gateway.reload({ project: project(KEY, KEYS.new) });
  assert.equal((await ask(gateway, KEYS.new)).status, 200);
});

test('kill -9 of a worker that is just entering itself: the next one can', async (t) => {
  const killer = buildKiller();
  const { gateway } = await start(t, { workers: 2, env: killer.env, allowedAlerts: KILLED });
  assert.equal((await ask(gateway)).status, 200);
  for (let round = 1; round <= 3; round++) {
    killer.arm('claim');
    process.kill(gateway.workerPids()[0], 'SIGKILL');
    await eventually(() => count(gateway, 'exited on signal 9') === 2 * round && gateway.workerPids().length === 2, 'another worker, at the second try');
    assert.equal(taken(gateway), round, 'it has died elsewhere');
    assert.ok(!fs.existsSync(killer.file('claim')));
    for (let i = 0; i < 10; i++) assert.equal((await ask(gateway)).status, 200);
    await counts(gateway, 0);
  }
});

// --- who else runs the module's code -------------------------------------------------

test('cache processes are no workers: they take no row of the zone and serve nothing', async (t) => {
  const { gateway, finish } = await start(t, { http: 'proxy_cache_path cache keys_zone=c:1m;' });
  await eventually(() => gateway.workerPids().length >= 2, 'a worker and the cache manager');
  const running = await openStream(t, gateway);
  await counts(gateway, 1);
  for (let n = 0; n < 3; n++) await gateway.reload({ project: project(KEY, `${KEYS.new}${n}`) });
  await counts(gateway, 1);
  finish();
  await running();
  await gateway.waitForIdle();
});

test('nginx -t beside a running gateway changes nothing of it', async (t) => {
  const { gateway, finish } = await start(t, { project: project(KEY, KEYS.old) });
  const running = await openStream(t, gateway);
  const tested = gateway.conf().replace(keyLine(KEYS.old), keyLine(KEYS.new));
  for (let n = 0; n < 3; n++) assert.equal(check(tested).ok, true);
  assert.equal((await ask(gateway, KEYS.old)).status, 200);
  assert.equal((await ask(gateway, KEYS.new)).status, 401);
  await counts(gateway, 1);
  finish();
  await running();
});

class Nobody extends Gateway {
  conf() {
    return super.conf().replace('user root;', 'user nobody nogroup;');
  }
}

test("workers of another user than the master's: keys, counts, reloads", async (t) => {
  const { gateway, finish } = await start(t, { workers: 2, kind: Nobody });
  const running = await openStream(t, gateway);
  await counts(gateway, 1);
  assert.equal((await ask(gateway, KEYS.new)).status, 401);
  await gateway.reload({ project: project(KEY, KEYS.new) });
  assert.equal((await ask(gateway, KEYS.new)).status, 200);
  await counts(gateway, 1);
  finish();
  await running();
  await gateway.waitForIdle();
});
