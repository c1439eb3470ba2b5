// Puts the gateway beside plain proxy_pass: CPU time and memory of nginx's
// workers, as the kernel counts them. Called by `make bench`.
//
//   PAIRS=5   measurements of each side, in turn
//   ROWS=RE   only the rows whose name fits
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../e2e/lib/port.mjs';
import { until } from '../e2e/lib/until.mjs';
import { chat } from './bodies.mjs';
import { Side, gateway, raw, rawPath, routed } from './sides.mjs';

const bin = path.resolve(import.meta.dirname, '../../build/bench');
const pairs = Number(process.env.PAIRS ?? 5);
const wanted = new RegExp(process.env.ROWS ?? '', 'i');
// nginx has the first core to itself where there are more.
const peers = os.cpus().length > 1 ? `1-${os.cpus().length - 1}` : '0';

const KB = 1024;
const MB = 1024 * KB;
const TOKENS = 10000;
const SLICES = 10; // of one measurement
const OPENED = 400; // streams a second, where many are held open
const stream = (orders) => chat(KB, { stream: true, orders });

// `must`: the ratio to plain proxy_pass that is not to be passed.
const requests = [
  { name: '1 KB chat, same dialect', dialect: 'openai', body: chat(KB), count: 12000, must: 1.6 },
  { name: '1 KB chat, translated', dialect: 'anthropic', body: chat(KB), count: 12000, must: 2.0 },
  { name: '8 KB of tools, translated', dialect: 'anthropic', body: chat(8 * KB, { tools: 11 }), count: 8000, must: 2.5 },
  { name: '32 KB chat, same dialect', dialect: 'openai', body: chat(32 * KB), count: 6000, must: 1.6 },
  { name: '32 KB chat, translated', dialect: 'anthropic', body: chat(32 * KB), count: 6000, must: 1.9 },
  { name: '1 MB chat, same dialect', dialect: 'openai', body: chat(MB, { turn: 16 * KB }), count: 600, must: 1.6 },
  { name: '1 MB chat, translated', dialect: 'anthropic', body: chat(MB, { turn: 16 * KB }), count: 600, must: 1.9 },
];
const streams = [
  { name: 'saturated stream, same dialect', dialect: 'openai', must: 1.35 },
  { name: 'saturated stream, translated', dialect: 'anthropic', must: 1.5 },
].map((row) => ({ ...row, body: stream(`[[tokens=${TOKENS}]]`), count: 40, tokens: TOKENS, connections: 4 }));

const work = fs.mkdtempSync(path.join(bin, 'run-'));
let wrong = 0; // requests that failed, tokens that were lost, doubled or out of order

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const round = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2));

function print(name, unit, reference, ours, ratios, must) {
  const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  const ratio = median(ratios).toFixed(2);
  const over = must && ratio > must ? '  over' : '';
  const cells = [name.padEnd(42), round(reference).padStart(8), round(ours).padStart(8), ` ${unit.padEnd(10)}`];
  console.log(`${cells.join(' ')} ${ratio.padStart(5)}x  (${spread})  must ${must ?? '-'}${over}`);
}

function bodyFile(body, model) {
  const file = path.join(work, 'body.json');
  fs.writeFileSync(file, body.replace('MODEL', model));
  return file;
}

// Starts the load generator; `on` is called with each line that it prints.
function load(args, { on = () => {}, rate = 0 } = {}) {
  const child = spawn('taskset', ['-c', peers, path.join(bin, 'load'), ...args.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, RATE: String(rate) },
  });
  let rest = '';
  let last = '';
  child.stdout.on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      last = line;
      on(line);
    }
  });
  return new Promise((done, failed) => {
    child.once('exit', () => (last.startsWith('{') ? done(JSON.parse(last)) : failed(new Error('the load generator stopped'))));
  });
}

const pathOf = (side, row) => (side.name === 'raw' ? rawPath(row.dialect, Boolean(row.tokens)) : '/v1/chat/completions');

// CPU microseconds per request, or per 1000 tokens, of one measurement.
async function measure(side, row, count, rate = 0) {
  const file = bodyFile(row.body, row.dialect);
  const before = side.cpu();
  const result = await load([side.port, pathOf(side, row), file, row.connections ?? 32, count, row.tokens ?? 1], { rate });
  const used = side.cpu() - before;
  wrong += result.failed + count * (row.tokens ?? 1) - result.tokens;
  return used / (row.tokens ? result.tokens / 1000 : count);
}

// A pair: both sides in slices, by turns. A machine that others share changes its
// pace within seconds, and then does so for both.
async function measurePair(reference, ours, row, rate) {
  const pair = { reference: 0, ours: 0 };
  for (let i = 0; i < SLICES; i++) {
    const count = Math.ceil(row.count / SLICES);
    pair.reference += (await measure(reference, row, count, rate)) / SLICES;
    pair.ours += (await measure(ours, row, count, rate)) / SLICES;
  }
  return pair;
}

// Requests come to both sides at the rate that keeps ours busy for half of the
// time. As fast as each of them can, they would not do the same work: what wakes a
// peer that has nothing to do costs the kernel as much as a small request, and only
// the slower side has such peers.
async function compare(reference, ours, row, unit) {
  await measure(reference, row, Math.ceil(row.count / SLICES));
  const busy = await measure(ours, row, Math.ceil(row.count / SLICES));
  const rate = row.tokens ? 0 : Math.ceil(1e6 / busy / 2);
  const found = [];
  for (let i = 0; i < pairs; i++) found.push(await measurePair(reference, ours, row, rate));
  const of = (side) => median(found.map((pair) => pair[side]));
  print(row.name, unit, of('reference'), of('ours'), found.map((pair) => pair.ours / pair.reference), row.must);
}

// Kilobytes per stream when each of `count` streams has seen as many tokens as
// each of `marks` says.
async function held(mock, name, conf, { dialect, count, size = KB, marks = [1] }) {
  const side = await Side.start(work, name, conf, mock);
  const last = marks.at(-1) + 1;
  const body = chat(size, { stream: true, turn: 16 * KB, orders: `[[tokens=${last} stops=${marks.join(',')}]]` });
  const row = { dialect, tokens: last };
  const file = bodyFile(body, dialect);
  // What a worker allocates once is not a stream's.
  const warm = bodyFile(chat(KB, { stream: true, orders: '[[tokens=10]]' }), dialect);
  await load([side.port, pathOf(side, row), warm, 1, 100, 10]);
  fs.writeFileSync(file, body.replace('MODEL', dialect));

  const empty = side.memory();
  const kilobytes = [];
  const on = (line) => {
    if (!line.startsWith('at ')) return;
    kilobytes.push((side.memory() - empty) / count);
    http.get({ port: mock, path: '/go', agent: false }, (res) => res.resume());
  };
  const result = await load([side.port, pathOf(side, row), file, count, count, last, ...marks], { on, rate: OPENED });
  wrong += result.failed;
  await side.stop();
  return kilobytes;
}

const sides = { raw, gateway };

async function holdPairs(mock, options) {
  const found = { raw: [], gateway: [] };
  for (let i = 0; i < pairs; i++) {
    for (const name of Object.keys(sides)) found[name].push(await held(mock, name, sides[name], options));
  }
  return found;
}

async function compareMemory(mock) {
  for (const dialect of ['openai', 'anthropic']) {
    const kind = dialect === 'openai' ? 'same dialect' : 'translated';
    for (const count of [1000, 5000]) {
      const name = `${count} open streams, ${kind}`;
      if (!wanted.test(name)) continue;
      const found = await holdPairs(mock, { dialect, count });
      const ratios = found.gateway.map(([ours], i) => ours / found.raw[i][0]);
      print(name, 'KB each', median(found.raw.flat()), median(found.gateway.flat()), ratios, 1.5);
    }

    const prompts = `1000 open streams after 1 MB, ${kind}`;
    if (wanted.test(prompts)) {
      const small = [];
      const large = [];
      for (let i = 0; i < pairs; i++) {
        small.push((await held(mock, 'gateway', gateway, { dialect, count: 1000 }))[0]);
        large.push((await held(mock, 'gateway', gateway, { dialect, count: 1000, size: MB }))[0]);
      }
      print(prompts, 'KB, 1K/1M', median(small), median(large), large.map((value, i) => value / small[i]), 1.1);
    }

    const growth = `growth from token 100 to 10000, ${kind}`;
    if (wanted.test(growth)) {
      const found = await held(mock, 'gateway', gateway, { dialect, count: 100, marks: [100, 10000] });
      console.log(`${growth.padEnd(42)} ${(found[1] - found[0]).toFixed(2)} KB a stream  must <= 1`);
    }
  }
}

async function compareWorkers(mock) {
  const row = { ...requests[0], name: '2 workers beside 1, 1 KB chat', must: 1.1 };
  if (!wanted.test(row.name)) return;
  const cores = `0-${os.cpus().length - 1}`;
  const one = await Side.start(work, 'one', gateway, mock, { workers: 1, cores });
  const two = await Side.start(work, 'two', gateway, mock, { workers: 2, cores });
  await compare(one, two, row, 'us/request');
  await one.stop();
  await two.stop();
}

async function compareRoutes(mock) {
  for (const { name, ...row } of requests.filter((r) => /same dialect/.test(r.name))) {
    const compared = { ...row, name: `5 targets beside 1, ${name.split(',')[0]}`, must: 1.02 };
    if (!wanted.test(compared.name)) continue;
    const one = await Side.start(work, 'one', gateway, mock);
    const five = await Side.start(work, 'five', routed, mock);
    await compare(one, five, compared, 'us/request');
    await one.stop();
    await five.stop();
  }
}

async function compareCpu(mock) {
  const rows = [...requests, ...streams].filter((row) => wanted.test(row.name));
  if (rows.length === 0) return;
  const reference = await Side.start(work, 'raw', raw, mock);
  const ours = await Side.start(work, 'gateway', gateway, mock);
  for (const row of rows) await compare(reference, ours, row, row.tokens ? 'us/1000tok' : 'us/request');
  await reference.stop();
  await ours.stop();
}

const port = await freePort();
const mock = spawn('taskset', ['-c', peers, path.join(bin, 'mock'), String(port)], { stdio: 'inherit' });
await until(() => new Promise((done) => http.get({ port, path: '/go', agent: false }, () => done(true)).on('error', () => done(false))), 'the mock');
console.log(`${''.padEnd(42)} ${'proxy'.padStart(8)} ${'gateway'.padStart(8)}   median of ${pairs} pairs (lowest to highest)`);
try {
  await compareCpu(port);
  await compareWorkers(port);
  await compareRoutes(port);
  await compareMemory(port);
} finally {
  mock.kill();
  fs.rmSync(work, { recursive: true });
}
console.log(`lost, doubled or reordered tokens and failed requests: ${wrong}`);
process.exitCode = wrong === 0 ? 0 : 1;
