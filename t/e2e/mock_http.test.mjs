// The base of all mocks: what it keeps of requests, whom it answers, and that
// it fails the test in which something was left over or went wrong.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import test from 'node:test';
import { Mock, pieces } from '../mock/http.mjs';
import { selfSigned } from './lib/certs.mjs';
import { request } from './lib/http.mjs';

const say = (text) => (req, response) => response.end(text);

// A stand-in for the test that a mock is to fail.
async function inside(run) {
  const hooks = [];
  const mock = await Mock.start({ after: (hook) => hooks.push(hook) });
  try {
    await run(mock);
  } finally {
    for (const hook of hooks) await hook();
  }
}

test('a request as it was sent', async (t) => {
  const mock = await Mock.start(t);
  mock.next(say('ok'));
  const body = Buffer.from('{"a": "\u{1f30d}"} ');
  await request(`${mock.url}/a/b?c=d`, { method: 'POST', headers: { 'X-One': '1', 'x-one': '2' }, body });
  const { method, url, path, headers, rawHeaders, json, text, closed } = mock.last;
  assert.deepEqual(
    { method, url, path, json, text },
    { method: 'POST', url: '/a/b?c=d', path: '/a/b', json: { a: '🌍' }, text: body.toString() },
  );
  assert.deepEqual(mock.last.body, body);
  assert.ok(headers['x-one']);
  assert.ok(rawHeaders.some(([name]) => name.toLowerCase() === 'x-one'));
  assert.equal(await closed, 'done');
});

test('the queue, then the fallback', async (t) => {
  const mock = await Mock.start(t);
  mock.next(say('one'), say('two'));
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await request(mock.url));
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body.slice(0, 3)]),
    [
      [200, 'one'],
      [200, 'two'],
      [404, '{"e'],
    ],
  );
});

test('connections are counted', async (t) => {
  const mock = await Mock.start(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < 3; i++) await request(mock.url, { agent });
  assert.equal(mock.connections, 1);
  await request(mock.url, { agent: new http.Agent() });
  assert.equal(mock.connections, 2);
  agent.destroy();
});

test('waiting for a request, and for the client to go away', async (t) => {
  const mock = await Mock.start(t);
  mock.next(() => new Promise(() => {}));
  const req = http.get(mock.url);
  req.on('error', () => {});
  const { closed } = await mock.request(1);
  req.destroy();
  assert.equal(await closed, 'aborted');
  await assert.rejects(mock.request(2, 10), /request 2 never came/);
});

test('https', async (t) => {
  const tls = selfSigned('localhost');
  const mock = await Mock.start(t, { tls });
  mock.next(say('secret'));
  const text = await new Promise((done, fail) => {
    const options = { host: '127.0.0.1', port: mock.port, servername: 'localhost', ca: tls.cert };
    https.get(options, (res) => res.on('data', (data) => done(data.toString()))).on('error', fail);
  });
  assert.equal(text, 'secret');
  assert.match(mock.url, /^https:/);
});

test('what nobody came for fails the test', async () => {
  await assert.rejects(
    inside((mock) => mock.next(say('one'))),
    /answers that nobody came for/,
  );
});

test('what goes wrong in an answer fails the test', async () => {
  const run = inside(async (mock) => {
    mock.next(() => {
      throw new Error('oh');
    });
    await assert.rejects(request(mock.url));
  });
  await assert.rejects(run, /what went wrong in the mock/);
});

test('pieces of a text', () => {
  assert.deepEqual(pieces('a🌍bc', 2), ['a🌍', 'bc']);
  assert.deepEqual(pieces('a🌍b', 1, true), ['a', '\ud83c', '\udf0d', 'b']);
  assert.deepEqual(pieces(''), []);
});
