// Requests that are none, or two at once: paths, framing, headers, keys. Each
// is told so in OpenAI's words where nginx can answer at all, nothing of it
// reaches a provider, and the next request is fine.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chunk } from '../mock/raw.mjs';
import { FORMATS } from './lib/faulty.mjs';
import { assertRefused, startTarget } from './lib/hostile.mjs';
import { KEY } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, Http2, post, Wire, within } from './lib/wire.mjs';

const chunked = { 'content-length': null, 'transfer-encoding': 'chunked' };
const inChunks = (body) => `${chunk(body)}0\r\n\r\n`;
const good = chatBody('openai');
const many = (n, name = 'x-a') => Object.fromEntries(Array.from({ length: n }, (_, i) => [`${name}${i}`, 'x'.repeat(10)]));
// A request that would be served if somebody took it for one.
const smuggled = post(chatBody('anthropic'));

async function once(t, target, text) {
  const wire = await Wire.connect(t, target.port);
  await wire.send(Buffer.from(text, 'latin1'));
  const response = await wire.response();
  wire.socket.destroy();
  return response;
}

// --- framing ----------------------------------------------------------------------

// [name, request, status]
const framings = [
  ['a length and chunks', post(inChunks(good), { 'transfer-encoding': 'chunked' }), 400],
  ['chunks and a length that says less', post(inChunks(good), { ...chunked, 'Content-Length': 3 }), 400],
  ['chunks and a request behind them', post(`0\r\n\r\n${smuggled}`, { 'transfer-encoding': 'chunked' }), 400],
  ['two lengths', post(good, { 'Content-Length': 5 }), 400],
  ['the same length twice', post(good, { 'Content-Length': good.length }), 400],
  ['a list of lengths', post(good, { 'content-length': `${good.length}, ${good.length}` }), 400],
  ['a negative length', post(good, { 'content-length': -5 }), 400],
  ['a length with a sign', post(good, { 'content-length': `+${good.length}` }), 400],
  ['a hexadecimal length', post(good, { 'content-length': `0x${good.length.toString(16)}` }), 400],
  ['a length beyond numbers', post(good, { 'content-length': '9'.repeat(40) }), 400],
  ['two codings', post(inChunks(good), { ...chunked, 'Transfer-Encoding': 'chunked' }), 400],
  ['a list of codings', post(inChunks(good), { ...chunked, 'transfer-encoding': 'gzip, chunked' }), 501],
  ['an unknown coding', post(inChunks(good), { ...chunked, 'transfer-encoding': 'xchunked' }), 501],
  ['chunks in HTTP/1.0', post(inChunks(good), chunked, { version: '1.0' }), 400],
];

// --- heads ------------------------------------------------------------------------

const heads = [
  ['no host', post(good, { host: null }), 400],
  ['two hosts', post(good, { Host: 'other.test' }), 400],
  ['a host that is none', post(good, { host: 'a/b' }), 400],
  ['a NUL in a header', post(good, { 'x-a': 'a\0b' }), 400],
  ['a blank in a name', post(good, { 'x a': 'b' }), 400],
  ['a folded header', post(good, { 'x-a': 'b\r\n c' }), 400],
  ['a header without a name', post(good, { '': 'b' }), 400],
  ['thousands of headers', post(good, many(3000)), 400],
  ['a huge header', post(good, { 'x-a': 'x'.repeat(100000) }), 400],
  ['a path that is too long', post(good, {}, { path: `/v1/${'a'.repeat(100000)}` }), 414],
  ['HTTP/2 on the first line', post(good, {}, { version: '2.0' }), 505],
  ['HTTP/9', post(good, {}, { version: '9' }), 505],
  ['TRACE', post(good, {}, { method: 'TRACE' }), 405],
  ['CONNECT', post(good, {}, { method: 'CONNECT' }), 405],
];

// --- keys -------------------------------------------------------------------------

const bearer = (key) => post(good, { authorization: `Bearer ${key}` });
const keys = [
  ['no key', post(good, { authorization: null }), 401],
  ['an empty key', bearer(''), 401],
  ['a key with a NUL', bearer(`${KEY}\0`), 400],
  ['two keys', post(good, { Authorization: `Bearer ${KEY}` }), 400],
  ['a key of a thousand bytes', bearer('k'.repeat(1000)), 401],
  ['a key as long as a header may be', bearer('k'.repeat(8000)), 401],
  ['a key that is longer', bearer('k'.repeat(9000)), 400],
  ['a key of a megabyte', bearer('k'.repeat(1 << 20)), 400],
  ['a key beyond ASCII', bearer('\xff\xfe'), 401],
  ['a key that is a format', bearer('%n%s%V'), 401],
];

for (const [what, rows] of Object.entries({ framings, heads, keys })) {
  test(`hostile ${what}`, async (t) => {
    const target = await startTarget(t);
    for (const [name, text, status] of rows) {
      await t.test(name, async (t) => {
        const before = target.up.exchanges.length;
        const response = await once(t, target, text);
        assertRefused(response, status, { code: status === 401 ? 'invalid_api_key' : status === 405 ? 'method_not_allowed' : null });
        assert.equal(target.up.exchanges.length, before, 'something was sent on');
        if (status !== 401) assert.equal(response.headers.connection, 'close');
        await target.survives();
      });
    }
    await target.letsGo();
  });
}

// --- paths ------------------------------------------------------------------------

// [path, status]: 200 is the same endpoint in other words, by nginx's rules.
const paths = [
  ['/v1/%2e%2e/v1/chat/completions', 200],
  ['/v1/../v1/chat/completions', 200],
  ['//v1//chat//completions', 200],
  ['/v1/./chat/completions', 200],
  ['/v1/chat%2Fcompletions', 200],
  ['/v1/%63hat/completions', 200],
  ['/v1/chat/completions?a=%00&..%2f', 200],
  ['/v1/chat/completions#..', 200],
  ['http://other.test/v1/chat/completions', 200],
  ['/v1/chat/completions%00', 400],
  ['/v1/%00/chat/completions', 400],
  ['/v1/chat/completions%', 400],
  ['/v1/%zz', 400],
  ['/v1/../../v1/chat/completions', 400],
  ['/v1/%2e%2e/%2e%2e/v1/chat/completions', 400],
  ['/v1/chat/completions;x', 404],
  ['/v1/CHAT/completions', 404],
  ['/v1/chat/completions/', 404],
  ['/v1/chat/completions/..', 404],
  ['/v1/chat\\completions', 404],
  ['/v1/%252e%252e/chat/completions', 404],
  ['/v1/chat/completions%0d%0ax-evil:%201', 404],
  ['/v1/\xc0\xae\xc0\xae/v1/chat/completions', 404],
  ['/v1/v1/../chat/completions/.', 404],
];
test('hostile paths', async (t) => {
  const target = await startTarget(t);
  for (const [path, status] of paths) {
    await t.test(path, async (t) => {
      const before = target.up.exchanges.length;
      const response = await once(t, target, post(good, {}, { path }));
      if (status === 200) assert.equal(response.status, 200, response.body);
      else assertRefused(response, status, { code: status === 404 ? 'not_found' : null });
      const sent = target.up.requests.slice(before);
      // Whatever the client wrote, the provider is asked at its own path.
      assert.deepEqual(sent.map((r) => r.path), status === 200 ? ['/good/chat/completions'] : []);
      assert.ok(!JSON.stringify(response.headers).includes('evil'));
      await target.survives();
    });
  }
  for (const id of ['%00', '..%2f..%2fetc%2fpasswd', 'a%0d%0ax-evil:%201', '%ff%fe', 'x'.repeat(2000)]) {
    await t.test(`GET /v1/models/${id.slice(0, 40)}`, async (t) => {
      const response = await once(t, target, post('', { 'content-length': null }, { method: 'GET', path: `/v1/models/${id}` }));
      assert.ok([400, 404].includes(response.status), response.body);
      // Above the location nothing is the gateway's.
      if (!id.startsWith('..')) assertRefused(response, response.status);
      assert.equal(response.headers['x-evil'], undefined);
      await target.survives();
    });
  }
  await target.letsGo();
});

// Where the path does not lead to the gateway, nginx's pages stay as they are.
test('whose the error page is, before nginx has found the location', async (t) => {
  const odd = await freePort();
  const target = await startTarget(t, {
    server: 'location /v1/files/ { return 204; } location = /v1/exact { return 204; } location /w { llm_gateway on; location /w/x/ { proxy_pass http://127.0.0.1:1; } } location /static/ { return 204; }',
    http: `server { listen 127.0.0.1:${odd}; location = /only { llm_gateway on; } location ~ ^/r/ { llm_gateway on; } location / { return 204; } }`,
  });
  const rows = [
    ['/v1/chat/completions', true], ['/v1/', true], ['/v1/file', true], ['/v1/exactly', true], ['/w', true], ['/w/y', true], ['/wx', true], ['/v1/files', true],
    ['/v1/files/x', false], ['/v1/exact', false], ['/w/x/', false], ['/static/x', false], ['/v1', false], ['/', false], ['/v', false], ['/zzz', false],
  ];
  const check = async (port, path, ours) => {
    const response = await once(t, { port }, post(good, { 'Content-Length': 5 }, { path }));
    if (ours) return assertRefused(response, 400, { code: null });
    assert.equal(response.status, 400);
    assert.match(response.headers['content-type'], /^text\/html/, path);
  };
  for (const [path, ours] of rows) await check(target.port, path, ours);
  for (const [path, ours] of [['/only', true], ['/only/', false], ['/onl', false], ['/r/x', false]]) await check(odd, path, ours);
  await target.survives();
});

test('an error_page of the server is the operator\'s, too', async (t) => {
  const target = await startTarget(t, { server: 'error_page 400 /sorry; location = /sorry { internal; default_type text/plain; return 200 "sorry"; }' });
  const response = await once(t, target, post(good, { 'Content-Length': 5 }));
  assert.equal(response.body, 'sorry');
});

// --- a body where none is expected ------------------------------------------------

test('GET with a body', async (t) => {
  const target = await startTarget(t);
  const wire = await Wire.connect(t, target.port);
  for (const [path, status] of [['/v1/models', 200], ['/v1/models/openai', 200], ['/v1/chat/completions', 405], ['/v1/nothing', 404]]) {
    for (const text of [post(smuggled, {}, { method: 'GET', path }), post(inChunks(smuggled), chunked, { method: 'GET', path }), post('x'.repeat(300000), {}, { method: 'GET', path })]) {
      await wire.send(text);
      const response = await wire.response();
      assert.equal(response.status, status, response.body);
      if (status !== 200) assertRefused(response, status);
    }
  }
  // What lay in the bodies was no request.
  await wire.send(post(good));
  assert.equal((await wire.response()).status, 200);
  assert.equal(target.up.exchanges.filter((x) => x.format === 'anthropic').length, 1);
  wire.socket.destroy();
  await target.survives();
});

// --- pipelining ---------------------------------------------------------------------

test('hundreds of requests in one write, good and bad, whole and streamed', async (t) => {
  const target = await startTarget(t);
  const wire = await Wire.connect(t, target.port);
  const kinds = [
    [(i) => post(chatBody(FORMATS[i % 2])), 200],
    [(i) => post(chatBody(FORMATS[i % 2], { stream: true })), 200],
    [() => post('{"broken'), 400],
    [() => post(good, { authorization: 'Bearer wrong' }), 401],
    [() => post(good, {}, { path: '/v1/nothing' }), 404],
    [() => post(inChunks(good), chunked), 200],
    [() => post('', { 'content-length': null }, { method: 'GET', path: '/v1/models' }), 200],
  ];
  const all = Array.from({ length: 350 }, (_, i) => kinds[i % kinds.length]);
  await wire.send(all.map(([text], i) => text(i)).join('') + post(good, { 'Content-Length': 5 }) + smuggled);
  for (const [, status] of all) {
    const response = await wire.response();
    assert.equal(response.status, status, response.body);
  }
  // The last one ends it all: nothing behind it is read.
  assertRefused(await wire.response(), 400);
  await within(wire.closed, 'the end of the connection');
  assert.equal(wire.input, '');
  await target.survives();
  await target.letsGo();
});

// --- the same over HTTP/2 -------------------------------------------------------------

const framings2 = [
  ['a length that says less', good, { 'content-length': '5' }, 400],
  ['a length that says more', good, { 'content-length': '5000' }, 400],
  ['a wrong key', good, { authorization: 'Bearer wrong' }, 401],
  ['a long key', good, { authorization: `Bearer ${'k'.repeat(7000)}` }, 401],
  ['a NUL in the path', good, { ':path': '/v1/%00' }, 400],
  ['a path above the root', good, { ':path': '/v1/../../v1/chat/completions' }, 400],
  ['a path in other letters', good, { ':path': '/v1/CHAT/completions' }, 404],
  ['GET with a body', good, { ':method': 'GET' }, 405],
];
test('hostile requests over HTTP/2', async (t) => {
  const target = await startTarget(t);
  for (const [name, body, headers, status] of framings2) {
    await t.test(name, async (t) => {
      const before = target.up.exchanges.length;
      const client = await Http2.connect(t, target.clear2);
      // By node's own rule GET has no body unless it is told otherwise.
      const stream = client.session.request({ ':method': 'POST', ':path': '/v1/chat/completions', authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers }, { endStream: false });
      stream.on('error', () => {});
      stream.setEncoding('utf8');
      let text = '';
      stream.on('data', (part) => (text += part));
      const head = new Promise((done) => stream.once('response', done));
      stream.end(body);
      const got = await within(head, 'the head');
      await within(new Promise((done) => stream.once('close', done)), 'the end');
      assertRefused({ status: got[':status'], headers: got, body: text }, status);
      client.session.destroy();
      assert.equal(target.up.exchanges.length, before, 'something was sent on');
      await target.survives();
    });
  }
  // Newer and patched versions of nginx have a cap on their number.
  await t.test('thousands of headers', async (t) => {
    const client = await Http2.connect(t, target.clear2);
    const stream = client.session.request({ ':method': 'POST', ':path': '/v1/chat/completions', authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...many(1000) });
    stream.on('error', () => {});
    const head = new Promise((done) => stream.once('response', done));
    stream.resume();
    stream.end(good);
    assert.ok([200, 400].includes((await within(head, 'the head'))[':status']));
    client.session.destroy();
    await target.survives();
  });
  // More than nginx reads of a header ends the connection: no answer is possible.
  const client = await Http2.connect(t, target.clear2);
  const closed = new Promise((done) => client.session.once('close', done));
  client.request(good, { authorization: `Bearer ${'k'.repeat(60000)}` });
  await within(closed, 'the end of the connection');
  await target.survives();
  await target.letsGo();
});

test('what no gateway can be told apart in keeps nginx\'s page', async (t) => {
  const target = await startTarget(t);
  for (const text of ['post /v1/chat/completions HTTP/1.1\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\x16\x03\x01\x02\x00\x01\r\n\r\n', 'GET ../v1/models HTTP/1.1\r\n\r\n']) {
    const response = await once(t, target, text);
    assert.equal(response.status, 400);
    assert.match(response.headers['content-type'], /^text\/html/);
    await target.survives();
  }
  await target.letsGo();
});
