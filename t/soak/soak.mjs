// A mixed load for a while, and what must be left of it: nothing. Every answer
// carries the nonce of its request, so that one which carries another's fails.
//   node t/soak/soak.mjs SECONDS [RESULT]     SOAK_SEED=n for other choices
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gateway } from '../e2e/lib/gateway.mjs';
import { freePort } from '../e2e/lib/port.mjs';
import { descriptorsOf, sparing } from '../e2e/lib/process.mjs';
import { Random } from '../e2e/lib/random.mjs';
import { eventually, memoryOf, within } from '../e2e/lib/wire.mjs';
import { httpFor, NONCE, startProviders } from './providers.mjs';
import { sdkClients, sdkKinds } from './sdk.mjs';
import { wireKinds } from './wire.mjs';

const CLIENTS = 64;
const GROWTH = 2048; // kilobytes of a worker between two quiet moments
// What is freed goes back to the kernel, so that what is not freed shows.
const ALLOCATOR = { MALLOC_TRIM_THRESHOLD_: '4096', MALLOC_TOP_PAD_: '4096', MALLOC_MMAP_THRESHOLD_: '65536' };
const seconds = Number(process.argv[2] ?? 60);
const result = process.argv[3];

const kinds = [...sdkKinds, ...wireKinds].map(([name, weight, run]) => ({ name, weight, run, count: 0, failures: 0 }));
const checks = []; // { name, error }

async function check(name, run) {
  const error = await Promise.resolve().then(run).then(() => null, (error) => error);
  checks.push({ name, error });
}

// What the libraries of the tests take a test for.
const steps = [];
const t = { after: (step) => steps.push(step) };

async function start() {
  const providers = await startProviders(t);
  const http2Port = await freePort();
  const gateway = await Gateway.start(t, {
    workers: 2,
    env: { ...ALLOCATOR, ...sparing },
    http: httpFor(providers),
    server: `listen 127.0.0.1:${http2Port} http2;`,
    main: 'worker_rlimit_nofile 8192;',
  });
  await gateway.active();
  const random = new Random(Number(process.env.SOAK_SEED ?? 1));
  const soak = { gateway, http2Port, providers, random, ...sdkClients(t, gateway), requests: 0, running: 0 };
  soak.nonce = () => {
    soak.requests++;
    return `N${crypto.randomBytes(6).toString('hex')}`;
  };
  soak.workers = gateway.workerPids();
  soak.descriptors = soak.workers.map(descriptorsOf);
  return soak;
}

function pick(random) {
  let n = random.below(kinds.reduce((sum, { weight }) => sum + weight, 0));
  return kinds.find(({ weight }) => (n -= weight) < 0);
}

async function client(soak, until) {
  while (Date.now() < until) {
    const kind = pick(soak.random);
    soak.running++;
    try {
      await within(kind.run(soak, soak.nonce()), kind.name, 60000);
    } catch (error) {
      if (kind.failures++ < 3) console.log(`soak: ${kind.name}: ${error.stack}`);
    }
    kind.count++;
    soak.running--;
  }
}

const load = (soak, ms) => Promise.all(Array.from({ length: CLIENTS }, () => client(soak, Date.now() + ms)));

// Waits until nothing is left of the load and gives each worker's memory. The
// SDK keeps its connections for some seconds.
async function quiet({ gateway, workers, descriptors, providers }) {
  await gateway.waitForIdle(20000);
  providers.letGo();
  const left = () => workers.map((pid, i) => descriptorsOf(pid) - descriptors[i]);
  await eventually(() => left().every((n) => n <= 0), () => `the end of all descriptors: ${left()} are left`, 20000);
  return workers.map(memoryOf);
}

function progress(soak, started) {
  const now = Math.round((Date.now() - started) / 1000);
  const memory = soak.workers.map((pid) => (memoryOf(pid) / 1024).toFixed(1)).join(' + ');
  const failures = kinds.reduce((sum, kind) => sum + kind.failures, 0);
  console.log(`soak: ${now} of ${seconds} s, ${soak.requests} requests, ${soak.running} clients at work, ${memory} MB, ` +
    `${soak.workers.map(descriptorsOf).join(' + ')} descriptors, ${failures} failures`);
}

async function run(soak) {
  const started = Date.now();
  const ticker = setInterval(() => progress(soak, started), 5000);
  try {
    const warmUp = 1000 * Math.max(10, seconds / 4);
    await load(soak, warmUp);
    const before = await quiet(soak);
    await load(soak, Math.max(0, 1000 * seconds - (Date.now() - started)));
    await check('no request and no descriptor is left', async () => {
      soak.after = await quiet(soak);
    });
    await check('memory is flat', () => {
      console.log(`soak: resident after warm-up ${before} kB, at the end ${soak.after} kB`);
      soak.after.forEach((kB, i) => assert.ok(kB - before[i] < GROWTH, `a worker has grown by ${kB - before[i]} kB`));
    });
    await check('no worker was replaced', () => assert.deepEqual(soak.gateway.workerPids(), soak.workers));
    await check('the log holds nothing of a request', () => assert.doesNotMatch(soak.gateway.errorLog(), NONCE));
  } finally {
    clearInterval(ticker);
  }
}

const soak = await start();
await check('the load', () => run(soak));
while (steps.length) await check('the error log, the mocks and the schema', steps.pop());

for (const { name, count, failures } of kinds) console.log(`soak: ${String(count).padStart(7)} ${name}${failures ? `, ${failures} FAILED` : ''}`);
const failed = checks.filter(({ error }) => error);
for (const { name, error } of failed) console.log(`soak: FAILED: ${name}: ${error.stack}`);
const bad = kinds.filter(({ count, failures }) => failures > 0 || count === 0);
for (const { name, count } of bad) console.log(`soak: FAILED: ${name}${count === 0 ? ': never came up' : ''}`);
const summary = { passed: kinds.length + checks.length - bad.length - failed.length, failed: bad.length + failed.length, skipped: 0, skips: [] };
console.log(`soak: ${soak.requests} requests in ${seconds} s: ${summary.passed} passed, ${summary.failed} failed`);
if (result) fs.writeFileSync(result, JSON.stringify(summary));
process.exit(summary.failed === 0 ? 0 : 1);
