// llm_server: addresses come from DNS while nginx runs.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Dns } from '../mock/dns.mjs';
import { Gateway } from './lib/gateway.mjs';
import { authorized, chat, events, textOf } from './lib/http.mjs';
import { ask, askTimes, comesFrom, ONE, request, start, startPlaces, TWO } from './lib/places.mjs';
import { until } from './lib/until.mjs';

// Most of them wait for time to pass.
describe('llm_server', { concurrency: 4 }, () => {
  test('the first request after the start waits for the first answer', async (t) => {
    const places = await startPlaces(t, ONE);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    dns.hold();
    const gateway = await start(t, dns, `llm_server api.test:${places.port};`);
    const answer = ask(gateway);
    await Promise.race([answer, until(async () => (await gateway.active()) === 1)]);
    dns.release();
    assert.equal(await answer, ONE);
  });

  test('several waiting requests are all served, and one that is given up is forgotten', async (t) => {
    const places = await startPlaces(t, ONE);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    dns.hold();
    const gateway = await start(t, dns, `llm_server api.test:${places.port};`);
    const answers = Array.from({ length: 5 }, () => ask(gateway));
    const abort = new AbortController();
    const gone = fetch(`${gateway.url}/chat/completions`, {
      method: 'POST',
      headers: authorized(),
      body: JSON.stringify(request),
      signal: abort.signal,
    });
    await until(async () => (await gateway.active()) === 6);
    abort.abort();
    await assert.rejects(gone, { name: 'AbortError' });
    await until(async () => (await gateway.active()) === 5);
    dns.release();
    assert.deepEqual(await Promise.all(answers), Array(5).fill(ONE));
    assert.equal(places[ONE].requests, 5);
  });

  test('a name that fails while another is still asked for keeps requests waiting, and the worker alive', async (t) => {
    const places = await startPlaces(t, ONE);
    const dns = await Dns.start(t, { 'late.test': { A: [ONE] } });
    dns.hold();
    const gateway = await start(t, dns, `llm_server never.test:${places.port}; llm_server late.test:${places.port};`);
    const answer = ask(gateway);
    await Promise.race([answer, until(async () => (await gateway.active()) === 1)]);
    await until(() => {
      dns.release('never.test');
      return /"never.test" cannot be resolved/.test(gateway.errorLog());
    });
    assert.equal(await gateway.active(), 1);
    dns.release();
    assert.equal(await answer, ONE);
  });

  test('a changed address is followed', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`);
    assert.deepEqual(await askTimes(gateway, 3), [ONE, ONE, ONE]);
    dns.records['api.test'] = { A: [TWO] };
    await comesFrom(gateway, TWO);
    assert.deepEqual(await askTimes(gateway, 3), [TWO, TWO, TWO]);
  });

  test('an address that is added and one that is taken away', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`);
    await comesFrom(gateway, ONE);
    dns.records['api.test'] = { A: [TWO, ONE] };
    await comesFrom(gateway, TWO);
    assert.deepEqual(await askTimes(gateway, 6), [ONE, ONE, ONE, TWO, TWO, TWO]);
    dns.records['api.test'] = { A: [TWO] };
    await until(async () => (await askTimes(gateway, 2)).join() === `${TWO},${TWO}`);
  });

  test('an answer in another order changes nothing', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE, TWO] } });
    // Idle connections belong to an address, so that new ones would be counted.
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s; keepalive 8;`);
    assert.deepEqual(await askTimes(gateway, 4), [ONE, ONE, TWO, TWO]);
    const seen = dns.queries.length;
    dns.records['api.test'] = { A: [TWO, ONE] };
    await dns.asked('A api.test', 2, seen);
    assert.deepEqual(await askTimes(gateway, 4), [ONE, ONE, TWO, TWO]);
    assert.deepEqual([places[ONE].connections, places[TWO].connections], [1, 1]);
  });

  test('a stream that runs survives the change', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`);
    const stream = chat(gateway, { ...request, stream: true });
    await until(() => places[ONE].open.length === 1);
    dns.records['api.test'] = { A: [TWO] };
    await comesFrom(gateway, TWO);
    assert.equal(await gateway.active(), 1);
    places[ONE].finish();
    const chunks = events((await stream).body);
    assert.equal(textOf(chunks), `${ONE} to the end`);
    assert.equal(chunks.at(-1), '[DONE]');
  });

  test('a worker that a reload starts asks anew', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1h;`);
    assert.deepEqual(await askTimes(gateway, 2), [ONE, ONE]);
    dns.records['api.test'] = { A: [TWO] };
    const before = dns.queries.length;
    await gateway.reload();
    await dns.asked('A api.test', 1, before);
    await comesFrom(gateway, TWO);
  });

  test('every worker asks for itself', async (t) => {
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    await start(t, dns, 'llm_server api.test;', { workers: 3 });
    await dns.asked('A api.test', 3);
  });

  test('proxy_pass to the same block', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`, {
      server: 'location /plain/ { proxy_pass http://u/; }',
    });
    const plain = async () => {
      const answer = await fetch(`http://127.0.0.1:${gateway.port}/plain/`);
      return (await answer.json()).choices[0].message.content;
    };
    await comesFrom(gateway, ONE);
    assert.equal(await plain(), ONE);
    dns.records['api.test'] = { A: [TWO] };
    await comesFrom(gateway, TWO);
    assert.equal(await plain(), TWO);
  });

  test('a host in pass is looked up as well', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE, TWO] } });
    const gateway = await Gateway.start(t, {
      http: `
        resolver ${ONE}:${dns.port};
        llm_provider p { type openai; pass http://api.test:${places.port}; key none; }
        llm_model m { target p; }`,
    });
    assert.deepEqual(await askTimes(gateway, 4), [ONE, ONE, TWO, TWO]);
  });

  test('the block may come after the provider', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] }, 'other.test': { A: [TWO] } });
    const gateway = await Gateway.start(t, {
      http: `
        llm_provider p { type openai; pass http://u; host api.test; key none; }
        llm_model m { target p; }
        upstream u { llm_server api.test:${places.port}; llm_server other.test:${places.port}; }
        resolver ${ONE}:${dns.port};`,
    });
    await comesFrom(gateway, ONE);
    await comesFrom(gateway, TWO);
    assert.deepEqual(await askTimes(gateway, 4), [ONE, ONE, TWO, TWO]);
    assert.ok(!dns.queries.includes('A u'), 'the name of the block is no host');
  });

  test('one name at two ports, and a name in capitals', async (t) => {
    const first = await startPlaces(t, ONE);
    const second = await startPlaces(t, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE, TWO] } });
    const gateway = await start(t, dns, `llm_server API.test:${first.port}; server 127.0.0.3:1 backup;`, {
      more: `
        upstream w { llm_server api.test:${second.port}; }
        llm_provider q { type openai; pass http://w; key none; }
        llm_model n { target q; }`,
    });
    // What is refused on the other address is tried on the next one.
    assert.equal(await ask(gateway), ONE);
    assert.equal(await ask(gateway, 'n'), TWO);
  });

  test('a name without llm_server but with a disabled provider is not asked for', async (t) => {
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    await start(t, dns, 'llm_server api.test;', {
      more: `
        upstream off { llm_server off.test; }
        llm_provider off { type openai; pass http://off; key env:LLM_TEST_MISSING if_set; }`,
    });
    await dns.asked('A api.test');
    assert.ok(!dns.queries.some((q) => q.endsWith('off.test')));
  });
});
