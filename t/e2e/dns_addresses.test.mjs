// llm_server: kinds of addresses and of answers, and what stands beside it in
// the block.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Dns } from '../mock/dns.mjs';
import { chat } from './lib/http.mjs';
import { ask, askTimes, comesFrom, hasIpv6, ONE, request, SIX, start, startPlaces, TWO } from './lib/places.mjs';
import { until } from './lib/until.mjs';

const ipv6 = await hasIpv6();
const skip = ipv6 ? false : 'this machine has no ::1';
const all = [ONE, TWO, SIX];

// Most of them wait for time to pass.
describe('addresses of llm_server', { concurrency: 4 }, () => {
  const answers = [
    ['several IPv4 addresses', { A: [ONE, TWO] }, [ONE, TWO]],
    ['IPv4 and IPv6', { A: [ONE, TWO], AAAA: [SIX] }, all, skip],
    ['IPv6 alone', { AAAA: [SIX] }, [SIX], skip],
    ['an error for AAAA', { A: [ONE], AAAA: 'SERVFAIL' }, [ONE]],
    ['AAAA does not exist', { A: [ONE], AAAA: 'NXDOMAIN' }, [ONE]],
    ['AAAA is refused', { A: [ONE], AAAA: 'REFUSED' }, [ONE]],
  ];
  for (const [name, record, expected, skipped] of answers) {
    test(name, { skip: skipped }, async (t) => {
      const places = await startPlaces(t, ...(ipv6 ? all : [ONE, TWO]));
      const dns = await Dns.start(t, { 'api.test': record });
      const gateway = await start(t, dns, `llm_server api.test:${places.port};`);
      const got = await askTimes(gateway, 2 * expected.length);
      assert.deepEqual(got, [...expected, ...expected].sort());
      assert.deepEqual([...new Set(dns.queries)].sort(), ['A api.test', 'AAAA api.test']);
    });
  }

  test('ipv6=off asks for A alone and uses it alone', async (t) => {
    const places = await startPlaces(t, ONE);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE], AAAA: [SIX] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} ipv6=off valid=1s;`);
    assert.deepEqual(await askTimes(gateway, 4), Array(4).fill(ONE));
    await dns.asked('A api.test', 2);
    assert.deepEqual(await askTimes(gateway, 4), Array(4).fill(ONE));
    assert.deepEqual([...new Set(dns.queries)], ['A api.test']);
  });

  test('ipv6=off is of one name, not of the block', { skip }, async (t) => {
    const places = await startPlaces(t, ...all);
    const dns = await Dns.start(t, { 'a.test': { A: [ONE], AAAA: [SIX] }, 'b.test': { A: [TWO], AAAA: [SIX] } });
    const gateway = await start(t, dns, `llm_server a.test:${places.port} ipv6=off; llm_server b.test:${places.port};`);
    await comesFrom(gateway, ONE);
    await comesFrom(gateway, SIX);
    assert.deepEqual(await askTimes(gateway, 6), [ONE, ONE, TWO, TWO, SIX, SIX]);
    assert.deepEqual([...new Set(dns.queries)].sort(), ['A a.test', 'A b.test', 'AAAA b.test']);
  });

  test('a name that is another one', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { CNAME: 'edge.test' }, 'edge.test': { A: [ONE] } });
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s;`);
    assert.equal(await ask(gateway), ONE);
    dns.records['api.test'] = { CNAME: 'other.test' };
    dns.records['other.test'] = { A: [TWO] };
    await comesFrom(gateway, TWO);
  });

  test('several names and plain servers share the block', async (t) => {
    const places = await startPlaces(t, ONE, TWO, '127.0.0.3', '127.0.0.4');
    const dns = await Dns.start(t, { 'a.test': { A: [ONE] }, 'b.test': { A: [TWO] } });
    const { port } = places;
    const gateway = await start(t, dns, `
      llm_server a.test:${port}; server 127.0.0.3:${port}; llm_server b.test:${port}; llm_server 127.0.0.4:${port};`);
    await comesFrom(gateway, ONE);
    await comesFrom(gateway, TWO);
    assert.deepEqual(await askTimes(gateway, 8), [ONE, ONE, TWO, TWO, '127.0.0.3', '127.0.0.3', '127.0.0.4', '127.0.0.4']);
  });

  test('a plain server does not wait for the names beside it', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    dns.hold();
    const gateway = await start(t, dns, `server ${TWO}:${places.port}; llm_server api.test:${places.port};`);
    assert.deepEqual(await askTimes(gateway, 2), [TWO, TWO]);
    assert.doesNotMatch(gateway.errorLog(), /\[error\]/);
    dns.release();
    await comesFrom(gateway, ONE);
    assert.deepEqual(await askTimes(gateway, 4), [ONE, ONE, TWO, TWO]);
  });

  test('a backup is for when the names have no address, or none that answers', async (t) => {
    const places = await startPlaces(t, ONE, TWO);
    const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
    dns.hold();
    const gateway = await start(t, dns, `llm_server api.test:${places.port} valid=1s; server ${TWO}:${places.port} backup;`);
    const first = ask(gateway);
    await Promise.race([first, dns.asked('A api.test')]);
    dns.release();
    assert.equal(await first, ONE);
    dns.records['api.test'] = { A: ['127.0.0.9'] };
    await comesFrom(gateway, TWO);
  });

  // What may stand before the llm_server line and behind it.
  const blocks = [
    ['zone', 'zone u 64k;'],
    ['least_conn', 'least_conn;'],
    ['zone and least_conn', 'zone u 64k; least_conn;'],
  ];
  for (const [name, lines] of blocks) {
    for (const order of ['before', 'behind']) {
      test(`${name} ${order} it`, async (t) => {
        const places = await startPlaces(t, ONE, TWO, '127.0.0.3');
        const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
        const server = `llm_server api.test:${places.port} valid=1s;`;
        const gateway = await start(t, dns, order === 'before' ? lines + server : server + lines);
        assert.deepEqual(await askTimes(gateway, 2), [ONE, ONE]);
        // One more than nginx has seen in its configuration.
        dns.records['api.test'] = { A: [TWO, '127.0.0.3'] };
        await comesFrom(gateway, '127.0.0.3');
        assert.deepEqual(await askTimes(gateway, 4), [TWO, TWO, '127.0.0.3', '127.0.0.3']);
      });
    }
  }

  for (const order of ['before', 'behind']) {
    test(`keepalive ${order} it: connections are used again, and over a change as well`, async (t) => {
      const places = await startPlaces(t, ONE, TWO);
      const dns = await Dns.start(t, { 'api.test': { A: [ONE] } });
      const server = `llm_server api.test:${places.port} valid=1s;`;
      const gateway = await start(t, dns, order === 'before' ? `keepalive 4; ${server}` : `${server} keepalive 4;`);
      await askTimes(gateway, 4);
      assert.equal(places[ONE].connections, 1);
      dns.records['api.test'] = { A: [ONE, TWO] };
      await comesFrom(gateway, TWO);
      await askTimes(gateway, 6);
      assert.deepEqual([places[ONE].connections, places[TWO].connections], [1, 1]);
    });
  }

  // What keeps a client where it is: by the position of an address, or by the
  // name it came from.
  const sticky = [
    ['ip_hash;', { 'api.test': { A: [ONE, TWO] }, 'b.test': { A: [ONE, TWO] } }, 1],
    ['hash $http_x_session;', { 'api.test': { A: [ONE] }, 'b.test': { A: [TWO] } }, 2],
    ['hash $http_x_session consistent;', { 'api.test': { A: [ONE] }, 'b.test': { A: [TWO] } }, 2],
    ['zone u 64k; hash $http_x_session consistent;', { 'api.test': { A: [ONE] }, 'b.test': { A: [TWO] } }, 2],
  ];
  for (const [lines, records, kinds] of sticky) {
    test(`${lines} keeps a client at its address`, async (t) => {
      const places = await startPlaces(t, ONE, TWO);
      const dns = await Dns.start(t, records);
      const gateway = await start(t, dns, `${lines} llm_server api.test:${places.port}; llm_server b.test:${places.port};`);
      const round = async () => {
        const answers = [];
        for (let session = 0; session < 24; session++) {
          const answer = await chat(gateway, request, { 'x-session': `session-${session}` });
          answers.push(JSON.parse(answer.body).choices[0].message.content);
        }
        return answers;
      };
      // A name may become known in the middle of a round.
      await until(async () => new Set(await round()).size === kinds);
      const first = await round();
      assert.deepEqual(await round(), first);
    });
  }
});
