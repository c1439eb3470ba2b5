// nginx's `mirror` sends the request's body again, at its leisure: it must find
// the bytes that the client sent, also when the stream began long ago.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chunk, LAST_CHUNK, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { Dns } from '../mock/dns.mjs';
import { after } from './lib/after.mjs';
import { Gateway } from './lib/gateway.mjs';
import { events, textOf } from './lib/http.mjs';
import { until } from './lib/until.mjs';
import { post, Wire } from './lib/wire.mjs';

test('a mirror gets the body of a stream that runs', async (t) => {
  const bodies = [];
  const target = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      bodies.push(Buffer.concat(parts).toString());
      res.end();
    });
  });
  await new Promise((done) => target.listen(0, '127.0.0.1', done));
  after(t, () => {
    target.closeAllConnections();
    target.close();
  });

  // The mirror waits for its address until the streams have begun.
  const dns = await Dns.start(t, { 'mirror.test': { A: ['127.0.0.1'] } });
  dns.hold();
  const { opening, content, ending } = stream.openai(['hello ', 'world']);
  const up = await RawProvider.start(t, async (x) => {
    await x.write(streamHead() + chunk([...opening, ...content].join('')));
    await until(() => bodies.length === 3, 'the mirrored requests');
    await x.write(chunk(ending.join('')) + LAST_CHUNK);
  });
  const gateway = await Gateway.start(t, {
    env: { MALLOC_PERTURB_: '165' }, // what was freed does not look as it did
    location: 'mirror /mirror; client_body_buffer_size 1m;',
    server: `location = /mirror {
        internal;
        resolver 127.0.0.1:${dns.port} ipv6=off;
        set $host_of_mirror mirror.test;
        proxy_pass http://$host_of_mirror:${target.address().port};
      }`,
    http: `llm_provider up { type openai; pass http://127.0.0.1:${up.port}; key none; } llm_model m { target up; }`,
  });
  const sent = ['A', 'B', 'C'].map((c) => JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: c.repeat(20000) }] }));
  // Behind their heads and in one piece, so that nginx has each body in memory of
  // its own.
  const wires = await Promise.all(sent.map(() => Wire.connect(t, gateway.port)));
  await Promise.all(wires.map((wire, i) => wire.send(post(sent[i]).slice(0, -sent[i].length))));
  await sleep(50);
  await Promise.all(wires.map((wire, i) => wire.send(sent[i])));
  await Promise.all(wires.map((wire) => wire.until(/world/)));
  dns.release();
  for (const wire of wires) assert.equal(textOf(events((await wire.response()).body)), 'hello world');
  assert.deepEqual(bodies.sort(), sent.sort());
});
