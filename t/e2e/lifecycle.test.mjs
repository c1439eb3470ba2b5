// nginx's signals: reload, quit, reopening of logs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import test from 'node:test';
import { after } from './lib/after.mjs';
import { answer, chunk, LAST_CHUNK, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway, isOpen, KEY, keyLine } from './lib/gateway.mjs';
import { authorized, events, request, textOf } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { isAlive } from './lib/process.mjs';
import { chatBody, eventually, Http2, post, Wire, within } from './lib/wire.mjs';

const KEYS = { old: 'sk-old-1234567890', new: 'sk-new-1234567890' };
const project = (...keys) => `llm_project test { ${keys.map((key) => keyLine(key)).join(' ')} }`;

// Providers that stop in the middle until finish() is called: `slow` after its
// first token or half of its answer, `good` not at all.
async function start(t, options = {}) {
  const clear2 = await freePort();
  const held = [];
  const up = await RawProvider.start(t, async (x) => {
    if (x.name === 'good') return answer(x, 'good');
    const { opening, content, ending } = stream[x.format](['one ', 'two']);
    const bytes = sized(200, whole[x.format]('one two'));
    await x.write(x.stream ? streamHead() + [...opening, content[0]].map(chunk).join('') : bytes.slice(0, -20));
    await new Promise((done) => held.push(done));
    await x.write(x.stream ? [content[1], ...ending].map(chunk).join('') + LAST_CHUNK : bytes.slice(-20));
  });
  const models = (names) => names.map((name) => `llm_model ${name} { target ${name.replace(/^new-/, '')}; }`).join('\n');
  const names = FORMATS.flatMap((f) => [`good-${f}`, `slow-${f}`]);
  const http = (more = []) => `
    ${names.map((name) => provider(name, name.split('-')[1], `http://127.0.0.1:${up.port}/${name.split('-')[0]}`)).join('\n')}
    ${models([...names, ...more])}`;
  const gateway = await Gateway.start(t, { http: http(), server: `listen 127.0.0.1:${clear2} http2;`, ...options });
  return { gateway, up, clear2, http, finish: () => held.splice(0).forEach((done) => done()) };
}

// A stream of which the first token has come; `end` gives its text.
async function openStream(t, { gateway, clear2 }, model, { http2 = false, key = KEY } = {}) {
  const body = chatBody(model, { stream: true });
  if (http2) {
    const client = await Http2.connect(t, clear2);
    const call = client.request(body, { authorization: `Bearer ${key}` });
    await within(call.first, 'the first token');
    return { end: async () => (await within(call.done, 'the end of the stream')).text };
  }
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(body, { authorization: `Bearer ${key}` }));
  await wire.until(/one /);
  return { wire, end: async () => (await wire.response()).body };
}

function assertWhole(text) {
  const chunks = events(text);
  assert.equal(textOf(chunks), 'one two');
  assert.equal(chunks.at(-1), '[DONE]');
}

// On a connection of its own: an idle one may be closed by the worker that quits.
const ask = (gateway, model = 'good-openai', key = KEY) =>
  request(`${gateway.url}/chat/completions`, { method: 'POST', headers: authorized(key), body: chatBody(model), agent: false });

// When this is over, nothing new reaches the old workers.
async function reload(gateway, options) {
  const old = gateway.workerPids();
  await gateway.reload(options);
  for (const pid of old) await gateway.waitForLog(new RegExp(`${pid}#${pid}: gracefully shutting down`));
}

// --- reload -------------------------------------------------------------------------

for (const format of FORMATS) {
  for (const http2 of [false, true]) {
    test(`reload: a stream ends whole on the old worker, ${format}, ${http2 ? 'HTTP/2' : 'HTTP/1.1'}`, async (t) => {
      const setup = await start(t);
      const { gateway, http, finish } = setup;
      const [old] = gateway.workerPids();
      const running = await openStream(t, setup, `slow-${format}`, { http2 });
      await reload(gateway, { http: http(['new-good-openai']) });
      assert.equal((await ask(gateway, 'new-good-openai')).status, 200);
      assert.ok(isAlive(old), 'the old worker has left its stream');
      // The count is everybody's, whoever is asked.
      assert.equal(await gateway.active(), 1);

      finish();
      assertWhole(await running.end());
      await eventually(() => !isAlive(old), 'the end of the old worker');
      assert.equal(await gateway.active(), 0);
      assert.equal((await ask(gateway)).status, 200);
    });
  }
}

test('reload: a whole answer is waited for, too', async (t) => {
  const { gateway, up, http, finish } = await start(t);
  const running = ask(gateway, 'slow-anthropic');
  await up.exchange(1);
  await reload(gateway, { http: http(['new-good-openai']) });
  assert.equal((await ask(gateway, 'new-good-openai')).status, 200);
  finish();
  const { status, body } = await running;
  assert.equal(status, 200);
  assert.equal(JSON.parse(body).choices[0].message.content, 'one two');
});

test('reload: keys that were changed are in force', async (t) => {
  const setup = await start(t, { project: project(KEY, KEYS.old) });
  const { gateway, finish } = setup;
  assert.equal((await ask(gateway, 'good-openai', KEYS.old)).status, 200);
  assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 401);
  const running = await openStream(t, setup, 'slow-openai', { key: KEYS.old });

  await reload(gateway, { project: project(KEY, KEYS.new) });
  assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 200);
  for (let i = 0; i < 10; i++) {
    assert.equal((await ask(gateway, 'good-openai', KEYS.old)).status, 401);
    assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 200);
    assert.equal((await ask(gateway)).status, 200);
  }
  // What was allowed when it began goes on.
  finish();
  assertWhole(await running.end());

  // And back: a key that was away is no worse for it.
  await reload(gateway, { project: project(KEY, KEYS.old) });
  assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 401);
  assert.equal((await ask(gateway, 'good-openai', KEYS.old)).status, 200);
});

test('reload: a key that moves to another project has the rights of that one', async (t) => {
  const projects = (a, b) => `
    llm_project a { ${keyLine(a)} models good-openai; }
    llm_project b { ${keyLine(b)} models good-anthropic; }`;
  const { gateway } = await start(t, { project: projects(KEYS.old, KEYS.new) });
  assert.equal((await ask(gateway, 'good-openai', KEYS.old)).status, 200);
  assert.equal((await ask(gateway, 'good-anthropic', KEYS.old)).status, 403);
  await reload(gateway, { project: projects(KEYS.new, KEYS.old) });
  assert.equal((await ask(gateway, 'good-openai', KEYS.old)).status, 403);
  assert.equal((await ask(gateway, 'good-anthropic', KEYS.old)).status, 200);
  assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 200);
});

test('reload: many in a row, under requests', async (t) => {
  const { gateway, http } = await start(t);
  let over = false;
  const statuses = [];
  const client = async () => {
    while (!over) statuses.push((await ask(gateway)).status);
  };
  const clients = [client(), client()];
  for (let i = 0; i < 5; i++) await reload(gateway, { http: http([`new-good-openai`].slice(i % 2)), project: project(KEY, `${KEYS.old}${i}`) });
  assert.equal((await ask(gateway, 'good-openai', `${KEYS.old}4`)).status, 200);
  over = true;
  await Promise.all(clients);
  assert.deepEqual([...new Set(statuses)], [200]);
  for (let i = 0; i < 4; i++) assert.equal((await ask(gateway, 'good-openai', `${KEYS.old}${i}`)).status, 401);
});

// --- a reload that fails --------------------------------------------------------------

const bad = [
  ['a directive that nobody knows', { location: 'llm_nonsense on;' }, /unknown directive "llm_nonsense"/],
  ['a target that is not there', { location: '', more: 'llm_model x { target nobody; }' }, /unknown llm_provider "nobody"/],
  ['another size of the zone', { more: 'llm_zone gateway 4m;' }, /llm_zone" directive is duplicate/],
];
for (const [name, { more = '', ...options }, message] of bad) {
  test(`a reload with ${name} changes nothing`, async (t) => {
    const setup = await start(t, { allowedAlerts: [/\[emerg\]/] });
    const { gateway, http, finish } = setup;
    const running = await openStream(t, setup, 'slow-openai');
    const [worker] = gateway.workerPids();
    Object.assign(gateway.options, { ...options, http: http() + more, project: project(KEY, KEYS.new) });
    fs.writeFileSync(gateway.file, gateway.conf());
    gateway.signal('SIGHUP');
    await gateway.waitForLog(message);
    assert.equal((await ask(gateway)).status, 200);
    assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 401);
    finish();
    assertWhole(await running.end());
    assert.deepEqual(gateway.workerPids(), [worker]);

    await reload(gateway, { location: '', http: http(), project: project(KEY, KEYS.new) });
    assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 200);
  });
}

test('a reload that fails after the zone has been read leaves the old keys in force', async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  after(t, () => taken.close());
  const setup = await start(t, { project: project(KEY, KEYS.old), allowedAlerts: [/bind\(\)|still could not bind/] });
  const { gateway } = setup;
  const { server } = gateway.options;
  Object.assign(gateway.options, { server: `${server} listen 127.0.0.1:${taken.address().port};`, project: project(KEY, KEYS.new) });
  fs.writeFileSync(gateway.file, gateway.conf());
  for (let i = 0; i < 2; i++) {
    const logged = gateway.errorLog().length;
    gateway.signal('SIGHUP');
    await eventually(() => /still could not bind/.test(gateway.errorLog().slice(logged)), 'the reload to fail');
    assert.equal((await ask(gateway)).status, 200);
    assert.equal((await ask(gateway, 'good-openai', KEYS.old)).status, 200);
    assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 401);
  }
  await reload(gateway, { server });
  assert.equal((await ask(gateway, 'good-openai', KEYS.new)).status, 200);
  assert.equal((await ask(gateway, 'good-openai', KEYS.old)).status, 401);
});

// --- quit, terminate, reopen ----------------------------------------------------------

test('QUIT: streams and answers are finished, nothing new is taken', async (t) => {
  const setup = await start(t);
  const { gateway, up, finish } = setup;
  const running = [];
  for (const http2 of [false, true]) running.push(await openStream(t, setup, 'slow-openai', { http2 }));
  const answer = ask(gateway, 'slow-anthropic');
  await up.exchange(3);
  gateway.signal('SIGQUIT');
  await eventually(async () => !(await isOpen(gateway.port)), 'the port to be closed');
  finish();
  for (const one of running) assertWhole(await one.end());
  assert.equal((await answer).status, 200);
  await within(gateway.exited, 'the end of nginx');
  assert.equal(gateway.process.exitCode, 0);
});

test('QUIT: a worker that resolves names does not wait for the next look-up', async (t) => {
  const up = await RawProvider.start(t, (x) => answer(x, 'Hi'));
  const gateway = await Gateway.start(t, {
    http: `
      resolver 127.0.0.1:${await freePort()};
      upstream api { server 127.0.0.1:${up.port}; llm_server api.test:1 valid=1h; }
      ${provider('up', 'openai', 'http://api/v1', 'host up.test;')}
      llm_model m { target up; }`,
  });
  assert.equal((await ask(gateway, 'm')).status, 200);
  gateway.signal('SIGQUIT');
  await within(gateway.exited, 'the end of nginx', 20000);
});

test('TERM: streams are cut off, and nothing is left', async (t) => {
  const setup = await start(t);
  const { gateway, up } = setup;
  const running = await openStream(t, setup, 'slow-openai');
  gateway.signal('SIGTERM');
  await within(gateway.exited, 'the end of nginx');
  await within(running.wire.closed, 'the end of the stream');
  await within(up.exchanges[0].closed, 'the end of the upstream connection');
});

test('USR1: logs are opened anew', async (t) => {
  const { gateway } = await start(t);
  await ask(gateway, 'nobody');
  await gateway.accessLog(1);
  const log = (name) => `${gateway.dir}/${name}`;
  for (const name of ['error.log', 'access.log']) fs.renameSync(log(name), log(`${name}.1`));
  gateway.signal('SIGUSR1');
  await eventually(() => fs.existsSync(log('error.log')) && fs.existsSync(log('access.log')), 'new logs');
  // The worker does it after the master.
  await eventually(async () => {
    await ask(gateway);
    return fs.statSync(log('access.log')).size > 0;
  }, 'a line in the new log');
  assert.match(fs.readFileSync(log('access.log'), 'utf8'), /chat\/completions/);
});
