// Clients' keys: what is one, what is told to those who have none, and when.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { request } from './lib/http.mjs';
import { withSandbox } from './lib/sandbox.mjs';
import { until } from './lib/until.mjs';

const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
const LONG = 'k'.repeat(512); // the longest that is one
const none = 'No API key was given. Send it in the header "Authorization: Bearer KEY".';
const wrong = 'The API key is not valid.';

const rows = [
  ['the key', { authorization: `Bearer ${KEY}` }],
  ['the scheme in other letters', { authorization: `bEARER ${KEY}` }],
  ['blanks around the key', { authorization: `Bearer   ${KEY}  ` }],
  ['the longest key', { authorization: `Bearer ${LONG}` }],
  ['no header', {}, none],
  ['an empty header', { authorization: '' }, none],
  ['the scheme alone', { authorization: 'Bearer' }, none],
  ['the scheme and blanks', { authorization: 'Bearer   ' }, none],
  ['no scheme', { authorization: KEY }, none],
  ['another scheme', { authorization: `Basic ${Buffer.from(`${KEY}:`).toString('base64')}` }, none],
  ['another scheme with the key', { authorization: `Token ${KEY}` }, none],
  ['no blank behind the scheme', { authorization: `Bearer${KEY}` }, none],
  ['another key', { authorization: 'Bearer sk-test-1234567891' }, wrong],
  ['the key in other letters', { authorization: `Bearer ${KEY.toUpperCase()}` }, wrong],
  ['the beginning of the key', { authorization: `Bearer ${KEY.slice(0, -1)}` }, wrong],
  ['more than the key', { authorization: `Bearer ${KEY}0` }, wrong],
  ['the key twice', { authorization: `Bearer ${KEY} ${KEY}` }, wrong],
  ['the key in quotes', { authorization: `Bearer "${KEY}"` }, wrong],
  ['a key that is too long', { authorization: `Bearer ${LONG}k` }, wrong],
  ['a huge key', { authorization: `Bearer ${'k'.repeat(7000)}` }, wrong],
  ['the hash of the key', { authorization: `Bearer ${keyLine(KEY).match(/[0-9a-f]{64}/)[0]}` }, wrong],
  ['the key beyond ASCII', { authorization: 'Bearer sk-\u00e9' }, wrong],
  ['x-api-key', { 'x-api-key': KEY }, none],
  ['api-key', { 'api-key': KEY }, none],
  ['proxy-authorization', { 'proxy-authorization': `Bearer ${KEY}` }, none],
  ['x-authorization', { 'x-authorization': `Bearer ${KEY}` }, none],
  ['a cookie', { cookie: `authorization=Bearer ${KEY}` }, none],
  ['the wrong key, and the right one elsewhere', { authorization: 'Bearer x', 'x-api-key': KEY }, wrong],
];
test('keys', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox(), project: `llm_project test { ${keyLine()} ${keyLine(LONG)} }` });
  for (const [name, headers, message] of rows) {
    await t.test(name, async () => {
      for (const [method, path] of [['POST', '/chat/completions'], ['GET', '/models'], ['GET', '/models/m'], ['DELETE', '/nosuch']]) {
        const post = method === 'POST';
        const answer = await request(gateway.url + path, {
          method,
          headers: { ...headers, ...(post && { 'content-type': 'application/json' }) },
          body: post ? body : undefined,
        });
        if (!message) {
          assert.equal(answer.status, path === '/nosuch' ? 404 : 200, answer.body);
          continue;
        }
        assert.equal(answer.status, 401, path);
        assert.equal(answer.headers['content-type'], 'application/json');
        assert.ok(answer.headers['x-request-id']);
        assert.deepEqual(JSON.parse(answer.body), { error: { message, type: 'invalid_request_error', param: null, code: 'invalid_api_key' } });
      }
    });
  }
});

test('a key in the URI is none', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox() });
  for (const query of [`key=${KEY}`, `api_key=${KEY}`, `authorization=Bearer%20${KEY}`]) {
    assert.equal((await request(`${gateway.url}/models?${query}`)).status, 401);
  }
});

// Requests whose body never comes.
const heads = {
  'a length': 'content-length: 1000\r\n',
  'a length that is too large': 'content-length: 99999999999\r\n',
  'chunks': 'transfer-encoding: chunked\r\n',
  'a question whether to send it': 'content-length: 1000\r\nexpect: 100-continue\r\n',
};
const refusals = [
  ['a wrong key', '/v1/chat/completions', 'Bearer sk-wrong', 'application/json', 401],
  ['no such endpoint', '/v1/nosuch', `Bearer ${KEY}`, 'application/json', 404],
  ['a wrong type', '/v1/chat/completions', `Bearer ${KEY}`, 'text/plain', 415],
];
test('refusals do not wait for the body', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox(), server: 'client_max_body_size 0;' });
  for (const [name, path, authorization, type, status] of refusals) {
    for (const [what, head] of Object.entries(heads)) {
      await t.test(`${name}: ${what}`, async () => {
        const socket = net.connect(gateway.port, '127.0.0.1');
        let text = '';
        socket.on('data', (part) => (text += part));
        socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-type: ${type}\r\n${head}\r\n`);
        await until(() => text.endsWith('}'));
        // nginx says 100 to every question, also when it is going to throw the body away.
        assert.match(text, new RegExp(`^(HTTP/1\\.1 100 Continue\\r\\n\\r\\n)?HTTP/1\\.1 ${status} `));
        socket.destroy();
      });
    }
  }
});

test('the body of a good request is asked for', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox() });
  const socket = net.connect(gateway.port, '127.0.0.1');
  let text = '';
  socket.on('data', (part) => (text += part));
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\nconnection: close\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`);
  await until(() => text === 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write(body);
  await new Promise((done) => socket.once('close', done));
  assert.match(text, /HTTP\/1\.1 200 OK/);
});

test('keys change with a reload, and not before', async (t) => {
  const project = (...keys) => `llm_project test { ${keys.map((k) => keyLine(k)).join(' ')} }`;
  const gateway = await Gateway.start(t, { http: withSandbox(), project: project('sk-a', 'sk-b') });
  // The old worker may still take what comes right after the signal.
  const settles = (key, status) => until(async () => (await request(`${gateway.url}/models`, { headers: { authorization: `Bearer ${key}` } })).status === status, `${status} for ${key}`);
  await settles('sk-a', 200);
  await settles('sk-c', 401);
  await gateway.reload({ project: project('sk-b', 'sk-c') });
  await settles('sk-a', 401);
  await settles('sk-b', 200);
  await settles('sk-c', 200);
  await gateway.reload({ project: project('sk-a') });
  await settles('sk-c', 401);
  await settles('sk-a', 200);
});

test('a key that moves to another project, and its id with it', async (t) => {
  const gateway = await Gateway.start(t, {
    http: withSandbox(),
    server: 'add_header x-who "$llm_project $llm_key_id";',
    project: `llm_project red { ${keyLine(KEY, 'id=r')} }`,
  });
  const who = async () => (await request(`${gateway.url}/models`, { headers: { authorization: `Bearer ${KEY}` } })).headers['x-who'];
  assert.equal(await who(), 'red r');
  await gateway.reload({ project: `llm_project blue { ${keyLine(KEY, 'id=b')} } llm_project red { ${keyLine('other')} }` });
  await until(async () => (await who()) === 'blue b');
});
