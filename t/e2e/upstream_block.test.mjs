// Several servers in one upstream block: nginx's balancer finds one that takes
// the connection; a request that has been sent is paid for and not sent again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { answer, errorBody, RawProvider, sized } from '../mock/raw.mjs';
import { authority } from './lib/certs.mjs';
import { ask, assertError, assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway, tempDir } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';

const BAD = { status: 502, type: 'upstream_error', code: 'upstream_error' };

// `servers`: lines of the block for two providers' ports. The model `m` has the
// block alone, `two` something behind it.
async function start(t, servers, { format = 'openai', scripts = [], secure = [], conf = '', scheme = 'http' } = {}) {
  const one = await RawProvider.start(t, scripts[0] ?? ((x) => answer(x, 'Hi')), { secure: secure[0] });
  const two = await RawProvider.start(t, scripts[1] ?? ((x) => answer(x, 'Hi')), { secure: secure[1] });
  const behind = await RawProvider.start(t, (x) => answer(x, 'behind'));
  const dead = await freePort();
  const gateway = await Gateway.start(t, {
    http: `
      upstream block { ${servers({ one: `127.0.0.1:${one.port}`, two: `127.0.0.1:${two.port}`, dead: `127.0.0.1:${dead}` })} }
      ${provider('up', format, `${scheme}://block/v1`, `host up.test; ${conf}`)}
      ${provider('behind', 'openai', `http://127.0.0.1:${behind.port}/v1`)}
      llm_model m { target up; }
      llm_model two { target up; fallback behind; }`,
  });
  return { gateway, one, two, behind };
}

const served = (answered, stream, text = 'Hi', name = 'up', attempts = 1) => assertServed(answered, { stream, text, provider: name, attempts });

for (const format of FORMATS) {
  for (const streamed of [false, true]) {
    const kind = `${streamed ? 'streamed' : 'whole'}, ${format}`;

    test(`requests go to all servers in turn, ${kind}`, async (t) => {
      const { gateway, one, two } = await start(t, (s) => `server ${s.one}; server ${s.two};`, { format });
      for (let i = 0; i < 4; i++) served(await ask(gateway, 'm', { stream: streamed }), streamed);
      assert.deepEqual([one.requests.length, two.requests.length], [2, 2]);
    });

    test(`a server that is down costs no attempt, ${kind}`, async (t) => {
      for (const lines of [(s) => `server ${s.dead}; server ${s.one};`, (s) => `server ${s.dead} max_fails=0; server ${s.dead} max_fails=0 weight=5; server ${s.one};`, (s) => `server ${s.dead}; server ${s.one} backup;`]) {
        const { gateway, one } = await start(t, lines, { format });
        for (let i = 0; i < 3; i++) served(await ask(gateway, 'two', { stream: streamed }), streamed);
        assert.equal(one.requests.length, 3);
      }
    });

    test(`a request that one has read is not sent to another, ${kind}`, async (t) => {
      const deaths = { closed: (x) => x.end(), reset: (x) => x.reset(), 'half a head': (x) => x.end('HTTP/1.1 200 O'), '500': (x) => x.write(sized(500, errorBody[x.format](500, 'no'))), '429': (x) => x.write(sized(429, errorBody[x.format](429, 'no'))) };
      for (const [how, die] of Object.entries(deaths)) {
        const { gateway, one, two, behind } = await start(t, (s) => `server ${s.one}; server ${s.two};`, { format, scripts: [die, die] });
        served(await ask(gateway, 'two', { stream: streamed }), streamed, 'behind', 'behind', 2);
        assert.equal(one.requests.length + two.requests.length, 1, how);
        assert.equal(behind.requests.length, 1);
      }
    });

    test(`all are down, and nginx knows it, ${kind}`, async (t) => {
      const { gateway } = await start(t, (s) => `server ${s.dead} fail_timeout=1h; server ${s.dead} fail_timeout=1h;`, { format });
      for (let i = 0; i < 3; i++) {
        assertError(await ask(gateway, 'm', { stream: streamed }), { ...BAD, attempts: 1 });
        served(await ask(gateway, 'two', { stream: streamed }), streamed, 'behind', 'behind', 2);
      }
      assert.match(gateway.errorLog(), /no live upstreams/);
      assert.match(gateway.errorLog(), /llm: upstream "up" failed: /);
    });
  }
}

test('max_conns: what does not fit goes to the next target', async (t) => {
  let goOn;
  const full = new Promise((done) => (goOn = done));
  const { gateway, one } = await start(t, (s) => `server ${s.one} max_conns=1;`, { scripts: [async (x) => {
    await full;
    await answer(x, 'Hi');
  }] });
  const first = ask(gateway, 'two');
  await one.exchange(1);
  served(await ask(gateway, 'two'), false, 'behind', 'behind', 2);
  goOn();
  served(await first, false);
  served(await ask(gateway, 'two'), false);
});

test('TLS: a server that is somebody else is passed over, with nothing sent to it', async (t) => {
  const root = authority();
  const dir = tempDir('certs');
  fs.writeFileSync(path.join(dir, 'root.pem'), root.cert);
  for (const streamed of [false, true]) {
    const { gateway, one, two } = await start(t, (s) => `server ${s.one}; server ${s.two};`, {
      scheme: 'https',
      secure: [root.issue(['other.test']), root.issue(['up.test'])],
      conf: `ssl_trusted_certificate ${dir}/root.pem;`,
    });
    for (let i = 0; i < 3; i++) served(await ask(gateway, 'm', { stream: streamed }), streamed);
    assert.deepEqual([one.requests.length, two.requests.length], [0, 3]);
    assert.match(gateway.errorLog(), /certificate does not match "up\.test"/);
  }
});

// [before the servers, behind them]
const methods = [['least_conn;'], ['ip_hash;'], ['hash $llm_key_id consistent;'], ['random two;'], ['zone block 64k;'], ['zone block 64k; least_conn;', 'keepalive 2;']];
for (const [before, behind = ''] of methods) {
  test(`with "${before} ${behind}"`, async (t) => {
    const { gateway, one, two } = await start(t, (s) => `${before} server ${s.one}; server ${s.two}; ${behind}`);
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(gateway, 'm', { stream: i % 2 === 1 })));
    answers.forEach((answered, i) => served(answered, i % 2 === 1));
    assert.equal(one.requests.length + two.requests.length, 12);
  });
}
