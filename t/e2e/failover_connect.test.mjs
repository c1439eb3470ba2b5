// Providers that no connection can be made to: nobody listens, nobody accepts,
// or TLS does not prove who it is.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startBlackhole } from '../mock/faults.mjs';
import { answer, RawProvider } from '../mock/raw.mjs';
import { authority, selfSigned } from './lib/certs.mjs';
import { ask, assertError, assertNothingLeaks, assertServed, FORMATS, GOOD, other, startFaulty } from './lib/faulty.mjs';
import { tempDir } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';

const BAD = { status: 502, type: 'upstream_error', code: 'upstream_error' };
const LATE = { status: 504, type: 'timeout_error', code: 'timeout' };

async function startRows(t) {
  const right = selfSigned('right.test');
  const wrong = selfSigned('wrong.test');
  const dir = tempDir('certs');
  const file = (name, text) => {
    fs.writeFileSync(path.join(dir, name), text);
    return path.join(dir, name);
  };
  const rightFile = file('right.pem', right.cert);
  const wrongFile = file('wrong.pem', wrong.cert);

  const serve = (secure) => RawProvider.start(t, (x) => answer(x, 'never to be seen'), { secure });
  const rightServer = await serve(right);
  const wrongServer = await serve(wrong);
  const issued = await serve(authority('somebody').issue(['right.test']));
  const plain = await RawProvider.start(t, () => {}, { connected: (socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')) });
  const demanding = await serve({ ...right, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' });
  const old = await serve({ ...right, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  const mute = await RawProvider.start(t, () => {}, { connected: () => true });
  const cut = await RawProvider.start(t, () => {}, { connected: (socket) => socket.on('data', () => socket.resetAndDestroy()) });

  const trust = (file) => `host right.test; ssl_trusted_certificate ${file};`;
  const https = (provider) => `https://127.0.0.1:${provider.port}`;
  const servers = [rightServer, wrongServer, issued, plain, demanding, old, mute, cut];
  const rows = [
    { name: 'refused', pass: `http://127.0.0.1:${await freePort()}`, outcome: BAD, log: /Connection refused/ },
    { name: 'refused-tls', pass: `https://127.0.0.1:${await freePort()}`, conf: trust(rightFile), outcome: BAD, log: /Connection refused/ },
    { name: 'no-socket', pass: `http://unix:${dir}/nobody.sock:/v1`, outcome: BAD, log: /No such file or directory/ },
    { name: 'blackhole', pass: `http://127.0.0.1:${await startBlackhole(t)}`, conf: 'connect_timeout 300ms;', outcome: LATE, log: /timed out/ },
    { name: 'wrong-name', pass: https(wrongServer), conf: trust(wrongFile), outcome: BAD, log: /certificate does not match "right.test"/ },
    { name: 'unknown-ca', pass: https(rightServer), conf: trust(wrongFile), outcome: BAD, log: /self.signed certificate/ },
    { name: 'issued-by-unknown-ca', pass: https(issued), conf: trust(rightFile), outcome: BAD, log: /unable to verify the first certificate/ },
    { name: 'no-tls-there', pass: https(plain), conf: trust(rightFile), outcome: BAD, log: /TLS handshake failed/ },
    { name: 'old-tls', pass: https(old), conf: trust(rightFile), outcome: BAD, log: /TLS handshake failed/ },
    { name: 'wants-certificate', pass: https(demanding), conf: trust(rightFile), outcome: BAD, log: /SSL_do_handshake\(\) failed/ },
    { name: 'mute-tls', pass: https(mute), conf: `${trust(rightFile)} connect_timeout 300ms;`, outcome: LATE, log: /timed out/ },
    { name: 'reset-in-handshake', pass: https(cut), conf: trust(rightFile), outcome: BAD, log: /TLS handshake failed|Connection reset/ },
  ];
  return { rows, servers };
}

test('a provider that cannot be connected to', async (t) => {
  const { rows, servers } = await startRows(t);
  const { gateway, good } = await startFaulty(t, rows, { allowedAlerts: [/connect\(\) to unix:.*nobody\.sock failed/] });

  for (const row of rows) {
    for (const format of FORMATS) {
      for (const stream of [true, false]) {
        const name = `${row.name}-${format}`;
        const kind = stream ? 'streamed' : 'whole';

        await t.test(`${row.name}, ${format}, ${kind}, first target`, async () => {
          const asked = good.exchanges.length;
          const answer = await ask(gateway, `first-${name}`, { stream });
          assertServed(answer, { stream, text: GOOD[other[format]], provider: `good-${other[format]}`, attempts: 2 });
          assert.equal(good.exchanges.length, asked + 1);
        });

        await t.test(`${row.name}, ${format}, ${kind}, last target`, async () => {
          const logged = gateway.errorLog().length;
          const answer = await ask(gateway, `last-${name}`, { stream });
          assertError(answer, { ...row.outcome, attempts: 1 });
          const log = gateway.errorLog().slice(logged);
          assert.match(log, row.log);
          assert.match(log, new RegExp(`llm: upstream "${name}" failed: `));
          assertNothingLeaks(answer);
        });
      }
    }
  }

  await t.test('no request was sent to any of them', () => {
    assert.deepEqual(servers.flatMap((server) => server.requests), []);
  });
});
