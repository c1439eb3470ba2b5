// llm_server: DNS that is not there, says no, dies or never answers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Dns } from '../mock/dns.mjs';
import { Gateway } from './lib/gateway.mjs';
import { chat, events, get, authorized, textOf } from './lib/http.mjs';
import { ask, askTimes, comesFrom, ONE, request, start, startPlaces, TWO } from './lib/places.mjs';
import { freePort } from './lib/port.mjs';
import { until } from './lib/until.mjs';

const upstreamError = (answer) => {
  assert.equal(answer.status, 502);
  assert.deepEqual(JSON.parse(answer.body).error, { message: 'The upstream could not be reached.', type: 'upstream_error', param: null, code: 'upstream_error' });
};

// Most of them wait for time to pass.
describe('DNS that fails', { concurrency: 4 }, () => {
  test('nginx starts and serves what needs no DNS', async (t) => {
    const places = await startPlaces(t, ONE);
    const gateway = await start(t, { port: await freePort() }, 'llm_server api.test;', {
      more: `
        llm_provider q { type openai; pass http://${ONE}:${places.port}; key none; }
        llm_model n { target q; }`,
    });
    assert.equal(await ask(gateway, 'n'), ONE);
    const models = await get(`${gateway.url}/models`, authorized());
    assert.deepEqual(JSON.parse(models.body).data.map((m) => m.id), ['m', 'n']);
  });

  for (const [name, record] of [
    ['does not exist', 'NXDOMAIN'],
    ['has no address', {}],
    ['is refused', 'REFUSED'],
    ['cannot be served', 'SERVFAIL'],
    ['has nothing behind its alias', { CNAME: 'nothing.test' }],
  ]) {
    test(`a name that ${name} from the beginning is a failed attempt, until it is healed`, async (t) => {
      const places = await startPlaces(t, ONE);
      const dns = await Dns.start(t, { 'api.test': record });
      const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`);
      upstreamError(await ask(gateway));
      const log = gateway.errorLog();
      assert.match(log, /\[error\] .* llm: upstream "u": "api\.test" cannot be resolved: .* \(0 addresses known\)/);
      assert.match(log, /\[error\] .* llm: no address of upstream "u" is known: DNS has not answered/);
      assert.match(log, /\[error\] .* llm: upstream "p" failed: no response/);
      dns.records['api.test'] = { A: [ONE] };
      await comesFrom(gateway, ONE);
      assert.deepEqual(await askTimes(gateway, 2), [ONE, ONE]);
    });
  }

  test('the next target answers, whole and streamed', async (t) => {
    const places = await startPlaces(t, TWO);
    const dns = await Dns.start(t);
    const gateway = await start(t, dns, 'llm_server api.test;', {
      target: 'target p; target q;',
      more: `llm_provider q { type openai; pass http://${TWO}:${places.port}; key none; }`,
    });
    const whole = await chat(gateway, request);
    assert.equal(JSON.parse(whole.body).choices[0].message.content, TWO);
    assert.equal(whole.headers['x-llm-attempts'], '2');
    const stream = chat(gateway, { ...request, stream: true });
    await until(() => places[TWO].open.length === 1);
    places[TWO].finish();
    assert.equal(textOf(events((await stream).body)), `${TWO} to the end`);
  });

  for (const [name, record] of [
    ['the name is gone', 'NXDOMAIN'],
    ['the name has no address any more', {}],
    ['the server fails', 'SERVFAIL'],
    ['the server is silent', 'SILENCE'],
  ]) {
    test(`the last good addresses are kept: ${name}`, async (t) => {
      const places = await startPlaces(t, ONE, TWO);
      const dns = await Dns.start(t, { 'api.test': { A: [ONE, TWO] } });
      const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`);
      assert.deepEqual(await askTimes(gateway, 2), [ONE, TWO]);
      dns.records['api.test'] = record;
      await gateway.waitForLog(/"api\.test" cannot be resolved: .* \(2 addresses known\)/, 30000);
      assert.deepEqual(await askTimes(gateway, 4), [ONE, ONE, TWO, TWO]);
      dns.records['api.test'] = { A: [TWO] };
      await until(async () => (await askTimes(gateway, 2)).join() === `${TWO},${TWO}`, 'the new address');
    });
  }

  test('the last good addresses are kept: the server is dead, and comes back', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`);
    assert.equal(await ask(gateway), ONE);
    await dns.stop();
    await gateway.waitForLog(/"api\.test" cannot be resolved: .* \(1 addresses known\)/, 30000);
    assert.deepEqual(await askTimes(gateway, 2), [ONE, ONE]);
    await Dns.start(t, { 'api.test': { A: [TWO] } }, { port: dns.port });
    await comesFrom(gateway, TWO);
  });

  test('AAAA that nobody answers for: A is used', async (t) => {
    const places = await startPlaces(t, ONE);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE], AAAA: 'SILENCE' } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port};`);
    assert.equal(await ask(gateway), ONE);
    assert.ok(dns.queries.includes('AAAA api.test'));
  });

  test('a server that never answers: the request fails in the end', async (t) => {
    const dns = await Dns.start(t, { 'api.test': 'SILENCE' });
    const gateway = await start(t, dns, 'llm_server api.test valid=1h;');
    upstreamError(await ask(gateway));
    assert.match(gateway.errorLog(), /"api\.test" cannot be resolved: Operation timed out \(0 addresses known\)/);
  });

  test('a worker that is told to quit waits for no answer that nobody waits for', async (t) => {
    const dns = await Dns.start(t, { 'api.test': 'SILENCE' });
    const gateway = await start(t, dns, 'llm_server api.test;');
    await dns.asked('A api.test');
    gateway.signal('SIGQUIT');
    await gateway.exited;
    // The resolver asks again after five seconds.
    assert.deepEqual(dns.queries.toSorted(), ['A api.test', 'AAAA api.test']);
  });

  test('a worker that is told to quit still serves a request that waits', async (t) => {
    const places = await startPlaces(t, ONE);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    dns.hold();
    const gateway = await start(t, dns, `llm_server api.test:${places.port};`);
    const answer = ask(gateway);
    await until(async () => (await gateway.active()) === 1);
    gateway.signal('SIGQUIT');
    await gateway.waitForLog(/gracefully shutting down/);
    dns.release();
    assert.equal(await answer, ONE);
    await gateway.exited;
  });

  test('a reload while a request waits', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    dns.hold();
    const gateway = await start(t, dns, `llm_server api.test:${places.port};`);
    const answer = ask(gateway);
    await until(async () => (await gateway.active()) === 1);
    await gateway.reload();
    dns.release();
    assert.equal(await answer, ONE);
    await comesFrom(gateway, ONE);
  });
});
