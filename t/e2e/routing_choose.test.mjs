// `route` and the parameters of targets: which of a model's targets is asked
// first, seen from the books of the providers.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { answer, chunk, LAST_CHUNK, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { collect, userSays } from './lib/upstreams.mjs';
import { chatBody, eventually, post, Wire, within } from './lib/wire.mjs';

// Providers of these names, and a gateway whose model `m` has the given lines.
//   scripts: { name: async (exchange) => ..., before it answers }
async function start(t, names, lines, { scripts = {}, http = '', ...options } = {}) {
  const ups = {};
  const held = [];
  for (const name of names) {
    ups[name] = await RawProvider.start(t, async (x) => {
      await scripts[name]?.(x);
      if (x.socket.destroyed) return;
      if (!x.stream) return answer(x, name);
      const { opening, content, ending } = stream.openai([name]);
      await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
      if (/hold/.test(x.request.body)) await new Promise((done) => held.push(done));
      await x.write(ending.map(chunk).join('') + LAST_CHUNK);
    });
  }
  const gateway = await Gateway.start(t, {
    http: `
      ${names.map((name) => provider(name, 'openai', `http://127.0.0.1:${ups[name].port}`)).join('\n')}
      llm_model m { ${lines} }
      ${http}`,
    ...options,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  // Which provider has answered.
  const ask = async (content = 'Hi', { headers, ...more } = {}) => {
    const created = await client.chat.completions.create({ model: 'm', messages: userSays(content), ...more }, { headers });
    if (!more.stream) return created.choices[0].message.content;
    return (await collect(created)).map((c) => c.choices[0]?.delta.content ?? '').join('');
  };
  const counts = () => Object.fromEntries(names.map((name) => [name, ups[name].exchanges.length]));
  return { ups, gateway, client, ask, counts, finish: () => held.splice(0).forEach((done) => done()) };
}

// Four standard deviations around n * share.
function assertShare(count, n, share, what) {
  const deviation = Math.sqrt(n * share * (1 - share));
  assert.ok(Math.abs(count - n * share) <= 4 * deviation + 1, `${what}: ${count} of ${n}, expected about ${n * share}`);
}

// On a connection of its own, so that the kernel chooses the worker.
async function askAnyWorker(t, gateway, body = chatBody('m')) {
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(body));
  const { status, headers, body: text } = await wire.response();
  wire.reset();
  assert.equal(status, 200, text);
  return { worker: Number(headers['x-worker']), name: JSON.parse(text).choices[0].message.content };
}

const byWorker = { workers: 2, listen: 'reuseport', location: 'add_header x-worker $pid always;' };

// --- weights and priorities ---------------------------------------------------------

test('weighted: requests by weight', async (t) => {
  const { ask, counts } = await start(t, ['a', 'b', 'c'], 'route weighted; target a weight=6; target b weight=3; target c; fallback a weight=99;');
  const n = 300;
  for (let i = 0; i < n; i += 10) await Promise.all(Array.from({ length: 10 }, () => ask()));
  const { a, b, c } = counts();
  assert.equal(a + b + c, n);
  assertShare(a, n, 0.6, 'a');
  assertShare(b, n, 0.3, 'b');
  assertShare(c, n, 0.1, 'c');
});

test('weight=0: only when the others fail', async (t) => {
  const { ask, counts } = await start(t, ['a', 'b'], 'route weighted; target a weight=0; target b;', { scripts: { b: (x) => /fail/.test(x.request.body) && x.reset() } });
  for (let i = 0; i < 20; i++) assert.equal(await ask(), 'b');
  assert.equal(await ask('fail'), 'a');
  assert.equal(counts().a, 1);
});

test('random: all alike', async (t) => {
  const { ask, counts } = await start(t, ['a', 'b'], 'route random; target a weight=9; target b;');
  const n = 120;
  for (let i = 0; i < n; i += 10) await Promise.all(Array.from({ length: 10 }, () => ask()));
  assertShare(counts().a, n, 0.5, 'a');
});

test('without a route targets are asked as written, and lower priorities first', async (t) => {
  const fails = (x) => x.reset();
  const { gateway, ask, counts } = await start(t, ['a', 'b', 'c', 'd'], 'fallback d; target a priority=2; target b priority=1; target c priority=1;', { scripts: { a: fails, b: fails, c: fails } });
  assert.equal(await ask(), 'd');
  assert.deepEqual(counts(), { a: 1, b: 1, c: 1, d: 1 });
  const order = [...gateway.errorLog().matchAll(/llm: upstream "(\w)" failed/g)].map((m) => m[1]);
  assert.deepEqual(order, ['b', 'c', 'a']);
});

// --- stickiness -----------------------------------------------------------------------

test('hash of a variable: equal values go to one target, in all workers and after a reload', async (t) => {
  const names = ['a', 'b', 'c', 'd'];
  const targets = names.map((name) => `target ${name};`);
  const { gateway, ask } = await start(t, names, `route hash $http_x_session; ${targets.join(' ')}`, byWorker);
  const chosen = {};
  for (let i = 0; i < 40; i++) chosen[i] = await ask('Hi', { headers: { 'x-session': `s${i}` } });
  assert.equal(new Set(Object.values(chosen)).size, 4, 'all are used');
  for (let i = 39; i >= 0; i--) assert.equal(await ask(`text ${i}`, { headers: { 'x-session': `s${i}` } }), chosen[i]);

  // One goes: who was not there stays where it was.
  const http = gateway.options.http.replace(/target d;/, '');
  await gateway.reload({ http });
  for (let i = 0; i < 40; i++) {
    const now = await ask('Hi', { headers: { 'x-session': `s${i}` } });
    if (chosen[i] === 'd') assert.notEqual(now, 'd');
    else assert.equal(now, chosen[i]);
  }
});

test('hash without a key: a conversation stays where it began', async (t) => {
  const names = ['a', 'b', 'c', 'd'];
  const { client } = await start(t, names, `route hash; ${names.map((name) => `target ${name};`).join(' ')}`);
  const used = new Set();
  for (let i = 0; i < 30; i++) {
    const messages = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: `Question ${i}` }];
    let first;
    for (let turn = 0; turn < 3; turn++) {
      const { choices } = await client.chat.completions.create({ model: 'm', messages, temperature: turn / 2 });
      first ??= choices[0].message.content;
      assert.equal(choices[0].message.content, first, `turn ${turn}`);
      messages.push(choices[0].message, { role: 'user', content: `More of ${turn}` });
    }
    used.add(first);
  }
  assert.equal(used.size, 4);
});

test('hash without a key: prompt_cache_key comes before the conversation', async (t) => {
  const names = ['a', 'b', 'c', 'd'];
  const { ask } = await start(t, names, `route hash; ${names.map((name) => `target ${name};`).join(' ')}`);
  const first = await ask('one', { prompt_cache_key: 'k' });
  for (let i = 0; i < 10; i++) assert.equal(await ask(`text ${i}`, { prompt_cache_key: 'k' }), first);
});

// --- what workers learn ---------------------------------------------------------------

for (const streamed of [false, true]) {
  test(`latency: two workers learn together which target is slow, ${streamed ? 'streams' : 'whole answers'}`, async (t) => {
    const { gateway, counts } = await start(t, ['slow', 'fast'], 'route latency; target slow; target fast;', { ...byWorker, scripts: { slow: () => sleep(400) } });
    await eventually(() => gateway.workerPids().length === 2, 'both workers');
    const body = chatBody('m', { stream: streamed });
    const ask = async () => {
      const wire = await Wire.connect(t, gateway.port);
      await wire.send(post(body));
      const { headers } = await wire.response();
      wire.reset();
      return Number(headers['x-worker']);
    };
    // Each is measured once, whichever worker is the one to ask.
    await ask();
    await ask();
    assert.deepEqual(counts(), { slow: 1, fast: 1 });
    // After that nobody asks the slow one, the worker neither that has measured nothing.
    const workers = new Set();
    let n = 0;
    while (workers.size < 2 || n < 10) {
      workers.add(await ask());
      assert.ok(++n < 200, 'a worker that gets no connection');
    }
    assert.deepEqual(counts(), { slow: 1, fast: n + 1 });
    // Nor do those that come with a reload.
    await gateway.reload();
    for (let i = 0; i < 10; i++) await ask();
    assert.deepEqual(counts(), { slow: 1, fast: n + 11 });
  });
}

test('latency: a target that fails counts as slow', async (t) => {
  const { ask, counts } = await start(t, ['bad', 'good'], 'route latency; target bad; target good;', { scripts: { bad: (x) => x.reset() } });
  for (let i = 0; i < 12; i++) assert.equal(await ask(), 'good');
  assert.equal(counts().bad, 1);
});

test('least_busy: attempts in hand of all workers count, and those of a worker that is killed do not', async (t) => {
  const { gateway, ups, counts, finish } = await start(t, ['a', 'b'], 'route least_busy; target a; target b weight=3;', { ...byWorker, allowedAlerts: [/exited on signal 9/] });
  await eventually(() => gateway.workerPids().length === 2, 'both workers');
  const streams = [];
  const open = async () => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(chatBody('m', { stream: true, messages: userSays('hold') })));
    await wire.until(/"content":"[ab]"/);
    streams.push({ wire, worker: Number(/x-worker: (\d+)/i.exec(wire.input)[1]) });
  };
  // Whoever gets them: of 4 that are open a holds 1 and b 3.
  for (let i = 0; i < 12; i++) await open();
  assert.deepEqual(counts(), { a: 3, b: 9 });
  while (new Set(streams.map((s) => s.worker)).size < 2) await open();

  const [{ worker: victim }] = streams;
  const lost = streams.filter((s) => s.worker === victim);
  process.kill(victim, 'SIGKILL');
  for (const { wire } of lost) await within(wire.closed, 'the end of a stream of the killed worker');
  const inHand = () => ({ a: ups.a.sockets.size, b: ups.b.sockets.size });
  await eventually(() => inHand().a + inHand().b === streams.length - lost.length, 'the end of its upstream connections');
  await eventually(() => gateway.workerPids().length === 2 && !gateway.workerPids().includes(victim), 'another worker');
  await eventually(async () => (await gateway.active()) === streams.length - lost.length, 'the right count');

  // Filled up, what is open stands as 1 to 3 again.
  const { a, b } = inHand();
  const third = Math.max(a, Math.ceil(b / 3)) + 1;
  for (let i = a + b; i < 4 * third; i++) await open();
  assert.deepEqual(inHand(), { a: third, b: 3 * third });
  finish();
  for (const { wire, worker } of streams) if (worker !== victim) assert.match((await wire.response()).body, /\[DONE\]\n\n$/);
  await gateway.waitForIdle();
  for (let i = 0; i < 4; i++) await askAnyWorker(t, gateway);
});

// --- targets that come and go ------------------------------------------------------------

test('if=: a target for some requests', async (t) => {
  const { ask } = await start(t, ['a', 'b'], 'target a if=$beta; target b;', { http: 'map $http_x_beta $beta { yes 1; no 0; }' });
  assert.equal(await ask(), 'b');
  assert.equal(await ask('Hi', { headers: { 'x-beta': 'no' } }), 'b');
  assert.equal(await ask('Hi', { headers: { 'x-beta': 'yes' } }), 'a');
});

// The hour before this one to the hour after the next.
const around = (shift) => {
  const two = (n) => String((n + 48) % 24).padStart(2, '0');
  const hour = new Date().getUTCHours() + shift;
  return { open: `${two(hour - 1)}:00-${two(hour + 2)}:00`, closed: `${two(hour + 2)}:00-${two(hour - 1)}:00` };
};

test('hours=: a target for a part of the day, in any zone', async (t) => {
  for (const [shift, zone] of [[0, ''], [0, 'zone=Z'], [5, 'zone=+05:00'], [-8, 'zone=-08:00']]) {
    const { open, closed } = around(shift);
    const { ask } = await start(t, ['a', 'b', 'c'], `target a hours=${closed} ${zone}; target b hours=${open} ${zone}; target c;`);
    assert.equal(await ask(), 'b', `${open} ${zone}`);
  }
});

test('a model whose targets are all closed is not there for the moment', async (t) => {
  const { ask, gateway } = await start(t, ['a'], `target a hours=${around(0).closed}; fallback a if=$http_x_on;`);
  const error = await ask().then(() => assert.fail('it was answered'), (e) => e);
  assert.equal(error.status, 503);
  assert.equal(error.code, 'no_healthy_upstream');
  assert.match(error.message, /No upstream is open now for the model 'm'/);
  assert.equal(error.headers.get('x-should-retry'), 'false');
  assert.equal(await ask('Hi', { headers: { 'x-on': 'yes' } }), 'a');
  await gateway.waitForIdle();
});
