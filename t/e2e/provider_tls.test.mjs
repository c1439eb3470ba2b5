// TLS to providers: who they must prove to be, what they are told about whom
// the gateway wants, and that connections live and die as without it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { answer, chunk, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { Dns } from '../mock/dns.mjs';
import { authority } from './lib/certs.mjs';
import { ask, assertBroken, assertError, assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway, tempDir } from './lib/gateway.mjs';
import { chatBody, post, Wire, within } from './lib/wire.mjs';

const root = authority('root');
const other = authority('other');
const middle = root.below('middle');
const deep = middle.below('lower').below('lowest');

const dir = tempDir('certs');
const file = (name, text) => {
  fs.writeFileSync(path.join(dir, name), text);
  return path.join(dir, name);
};
const files = {
  root: file('root.pem', root.cert),
  other: file('other.pem', other.cert),
  both: file('both.pem', other.cert + root.cert),
};
const trust = (name) => `ssl_trusted_certificate ${files[name]};`;

// A provider behind TLS that notes each connection's SNI, and whether an older
// session was taken up.
async function serve(t, pem, script = (x) => answer(x, 'Hi'), options = {}) {
  const up = await RawProvider.start(t, script, { secure: { ...pem, ...options } });
  up.names = [];
  up.resumed = [];
  up.server.on('secureConnection', (socket) => {
    up.names.push(socket.servername);
    up.resumed.push(socket.isSessionReused());
  });
  return up;
}

const at = (up) => `https://127.0.0.1:${up.port}/v1`;
const BAD = { status: 502, type: 'upstream_error', code: 'upstream_error' };

const api = 'api.right.test';
const bare = ({ cert, key }) => ({ key, cert: cert.slice(0, cert.indexOf('-----BEGIN', 1)) });
// [name, certificate, lines of llm_provider, what the log says when it is refused]
const identities = [
  ['of a known authority', root.issue([api]), trust('root')],
  ['of one of several authorities', root.issue([api]), trust('both')],
  ['of an authority below the known one', middle.issue([api]), trust('root')],
  ['a wildcard', root.issue(['*.right.test']), trust('root')],
  ['several names', root.issue(['other.test', api]), trust('root')],
  ['a chain as deep as it may be', deep.issue([api]), `${trust('root')} ssl_verify_depth 3;`],
  ['of another name, not verified', root.issue(['wrong.test']), 'ssl_verify off;'],
  ['of an unknown authority, not verified', other.issue([api]), 'ssl_verify off;'],
  ['that has run out, not verified', root.issue([api], { days: -1 }), 'ssl_verify off;'],
  ['of an unknown authority', other.issue([api]), trust('root'), /unable to get local issuer certificate|unable to verify the first certificate/],
  ['of a known authority, but of nobody the system knows', root.issue([api]), '', /unable to get local issuer certificate|unable to verify the first certificate/],
  ['a wildcard for another level', root.issue(['*.test']), trust('root'), /certificate does not match "api\.right\.test"/],
  ['of another name', root.issue(['wrong.test']), trust('root'), /certificate does not match "api\.right\.test"/],
  ['that has run out', root.issue([api], { days: -1 }), trust('root'), /certificate has expired/],
  ['without the authorities in between', bare(middle.issue([api])), trust('root'), /unable to get local issuer certificate|unable to verify the first certificate/],
  ['a chain deeper than it may be', deep.issue([api]), `${trust('root')} ssl_verify_depth 1;`, /certificate chain too long|unable to get (local )?issuer certificate/],
];

test('certificates', async (t) => {
  const rows = await Promise.all(identities.map(async ([name, pem, conf, refused], i) => ({ name, up: await serve(t, pem), conf, refused, id: `p${i}` })));
  const good = await RawProvider.start(t, (x) => answer(x, 'behind'));
  const gateway = await Gateway.start(t, {
    http: `
      ${provider('good', 'openai', `http://127.0.0.1:${good.port}/v1`)}
      ${rows.flatMap(({ up, conf, id }) => FORMATS.map((f) => `
        ${provider(`${id}-${f}`, f, at(up), `host ${api}; ${conf}`)}
        llm_model ${id}-${f} { target ${id}-${f}; }
        llm_model ${id}-${f}-or-good { target ${id}-${f}; fallback good; }`)).join('\n')}`,
  });
  for (const { name, up, refused, id } of rows) {
    for (const format of FORMATS) {
      for (const streamed of [false, true]) {
        await t.test(`${name}, ${format}, ${streamed ? 'streamed' : 'whole'}`, async () => {
          const logged = gateway.errorLog().length;
          const answered = await ask(gateway, `${id}-${format}`, { stream: streamed });
          if (!refused) {
            assertServed(answered, { stream: streamed, text: 'Hi', provider: `${id}-${format}`, attempts: 1 });
            assert.equal(up.names.at(-1), api);
            assert.equal(up.requests.at(-1).headers.host, api);
            return;
          }
          assertError(answered, { ...BAD, attempts: 1 });
          const log = gateway.errorLog().slice(logged);
          assert.match(log, refused);
          assert.match(log, new RegExp(`llm: upstream "${id}-${format}" failed: `));
          const instead = await ask(gateway, `${id}-${format}-or-good`, { stream: streamed });
          assertServed(instead, { stream: streamed, text: 'behind', provider: 'good', attempts: 2 });
          assert.equal(up.requests.length, 0, 'a request, and with it the key, went to a stranger');
        });
      }
    }
  }
});

test('the authorities of the system are the default', async (t) => {
  const up = await serve(t, root.issue([api]));
  const gateway = await Gateway.start(t, {
    env: { SSL_CERT_FILE: files.both },
    http: `${provider('up', 'openai', at(up), `host ${api};`)} llm_model m { target up; }`,
  });
  assertServed(await ask(gateway, 'm'), { stream: false, text: 'Hi', provider: 'up', attempts: 1 });
});

test('a certificate of the gateway\'s own', async (t) => {
  const mine = root.issue(['gateway.test']);
  const foreign = other.issue(['gateway.test']);
  const up = await serve(t, root.issue([api]), undefined, { ca: root.cert, requestCert: true, rejectUnauthorized: true });
  const own = (name, pem) => `ssl_certificate ${file(`${name}.pem`, pem.cert)}; ssl_certificate_key ${file(`${name}.key`, pem.key)};`;
  const gateway = await Gateway.start(t, {
    http: `
      ${provider('shown', 'openai', at(up), `host ${api}; ${trust('root')} ${own('mine', mine)}`)}
      llm_model shown { target shown; }
      upstream apart { server 127.0.0.1:${up.port}; }
      ${provider('foreign', 'openai', 'https://apart/v1', `host ${api}; ${trust('root')} ${own('foreign', foreign)}`)}
      llm_model foreign { target foreign; }`,
  });
  for (const streamed of [false, true]) {
    assertServed(await ask(gateway, 'shown', { stream: streamed }), { stream: streamed, text: 'Hi', provider: 'shown', attempts: 1 });
    assertError(await ask(gateway, 'foreign', { stream: streamed }), { ...BAD, attempts: 1 });
  }
  assert.equal(up.requests.length, 2);
});

test('connections and sessions are used again', async (t) => {
  const up = await serve(t, root.issue([api]), async (x) => {
    await answer(x, 'Hi');
    if (x.request.number === 3) x.end();
  });
  const gateway = await Gateway.start(t, {
    http: `
      upstream pool { server 127.0.0.1:${up.port}; keepalive 4; }
      ${provider('up', 'openai', 'https://pool/v1', `host ${api}; ${trust('root')}`)}
      llm_model m { target up; }`,
  });
  for (let i = 0; i < 6; i++) {
    assertServed(await ask(gateway, 'm', { stream: i % 2 === 1 }), { stream: i % 2 === 1, text: 'Hi', provider: 'up', attempts: 1 });
    if (up.requests.at(-1).number === 3) await up.exchanges.at(-1).closed;
  }
  assert.deepEqual(up.requests.map((r) => [r.connection, r.number]), [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]]);
  assert.deepEqual(up.resumed, [false, true]);
});

test('a reused connection that is dead costs nothing', async (t) => {
  const up = await serve(t, root.issue([api]), (x) => (x.request.number > 1 ? x.socket.destroy() : answer(x, 'alive')));
  const gateway = await Gateway.start(t, {
    http: `
      upstream pool { server 127.0.0.1:${up.port}; keepalive 4; }
      ${provider('up', 'openai', 'https://pool/v1', `host ${api}; ${trust('root')}`)}
      llm_model m { target up; }`,
  });
  for (const streamed of [false, true]) {
    assertServed(await ask(gateway, 'm', { stream: streamed }), { stream: streamed, text: 'alive', provider: 'up', attempts: 1 });
  }
  assert.deepEqual(up.requests.map((r) => [r.connection, r.number]), [[1, 1], [1, 2], [2, 1]]);
});

const firstToken = (x) => {
  const { opening, content } = stream[x.format](['Hello']);
  return x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
};

for (const format of FORMATS) {
  for (const [how, cut] of [['in TLS\'s own way', (x) => x.end()], ['without a word', (x) => x.socket.destroy()]]) {
    test(`a stream that is cut ${how}, ${format}`, async (t) => {
      const up = await serve(t, root.issue([api]), async (x) => {
        await firstToken(x);
        await x.provider.goOn;
        cut(x);
      });
      const gateway = await Gateway.start(t, {
        http: `${provider('up', format, at(up), `host ${api}; ${trust('root')}`)} llm_model m { target up; }`,
      });
      let goOn;
      up.goOn = new Promise((done) => (goOn = done));
      assertBroken(await ask(gateway, 'm', { stream: true, onContent: goOn }), { text: 'Hello', type: 'upstream_error', code: 'stream_interrupted' });
    });
  }

  test(`the client goes away: the connection is closed at once, ${format}`, async (t) => {
    const up = await serve(t, root.issue([api]), (x) => (x.stream ? firstToken(x) : undefined));
    const gateway = await Gateway.start(t, {
      http: `${provider('up', format, at(up), `host ${api}; ${trust('root')}`)} llm_model m { target up; }`,
    });
    for (const streamed of [true, false]) {
      const wire = await Wire.connect(t, gateway.port);
      const already = up.exchanges.length;
      await wire.send(post(chatBody('m', { stream: streamed })));
      const exchange = await up.exchange(already + 1);
      if (streamed) await wire.until(/Hello/);
      wire.reset();
      await within(exchange.closed, 'the end of the upstream connection');
      await gateway.waitForIdle();
    }
  });
}

// Two names at one address, as behind a CDN: each is asked for by its name and
// proves it, and no connection of one is used for the other.
test('llm_server: the name that is looked up is the one that is asked for and verified', async (t) => {
  const names = ['one.test', 'two.test'];
  const up = await serve(t, root.issue(names));
  const wrong = await serve(t, root.issue(['one.test']));
  const dns = await Dns.start(t, { 'one.test': { A: ['127.0.0.1'] }, 'two.test': { A: ['127.0.0.1'] } });
  const gateway = await Gateway.start(t, {
    http: `
      resolver 127.0.0.1:${dns.port};
      upstream one { llm_server one.test:${up.port}; keepalive 4; }
      upstream two { llm_server two.test:${up.port}; keepalive 4; }
      upstream wrong { llm_server two.test:${wrong.port}; keepalive 4; }
      ${[...names, 'wrong.'].map((name) => name.split('.')[0]).map((name) => `
        ${provider(name, 'openai', `https://${name}/v1`, trust('root'))}
        llm_model ${name} { target ${name}; }`).join('\n')}`,
  });
  for (const name of ['one', 'two', 'one', 'two']) {
    assertServed(await ask(gateway, name), { stream: false, text: 'Hi', provider: name, attempts: 1 });
  }
  assert.deepEqual(up.names, names);
  assert.deepEqual(up.requests.map((r) => r.headers.host), [...names, ...names].map((name) => `${name}:${up.port}`));
  assertError(await ask(gateway, 'wrong'), { ...BAD, attempts: 1 });
  assert.match(gateway.errorLog(), /certificate does not match "two\.test"/);
  assert.equal(wrong.requests.length, 0);
});
