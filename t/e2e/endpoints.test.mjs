// Where the endpoints are, and what they take.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';
import { Gateway, KEY } from './lib/gateway.mjs';
import { authorized, request } from './lib/http.mjs';
import { withSandbox } from './lib/sandbox.mjs';

const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] });
const errorOf = (answer) => JSON.parse(answer.body).error;

// One server for each location, told apart by the host name.
const locations = {
  root: ['location / { llm_gateway on; }', { '/chat/completions': 1, '/v1/chat/completions': 1, '/v1/v1/chat/completions': 0, '/x/v1/chat/completions': 0, '/v1': 0, '/': 0 }],
  v1: ['location /v1/ { llm_gateway on; }', { '/v1/chat/completions': 1, '/v1/v1/chat/completions': 1, '/v1/chat/completions/': 0, '/v1/Chat/completions': 0, '/v1/chat': 0, '/v1/': 0 }],
  slashless: ['location /v1 { llm_gateway on; }', { '/v1/chat/completions': 1, '/v1x/chat/completions': 0, '/v1': 0 }],
  ai: ['location /ai/ { llm_gateway on; }', { '/ai/chat/completions': 1, '/ai/v1/chat/completions': 1, '/ai/v2/chat/completions': 0 }],
  aiv1: ['location /ai/v1/ { llm_gateway on; }', { '/ai/v1/chat/completions': 1, '/ai/v1/completions': 0 }],
  strong: ['location ^~ /ai { llm_gateway on; }', { '/ai/chat/completions': 1, '/ai/v1/chat/completions': 1 }],
  exact: ['location = /v1/chat/completions { llm_gateway on; }', { '/v1/chat/completions': 1 }],
  exactbare: ['location = /chat/completions { llm_gateway on; }', { '/chat/completions': 1 }],
  exactdeep: ['location = /team/v1/chat/completions { llm_gateway on; }', { '/team/v1/chat/completions': 1 }],
  regex: ['location ~ ^/[a-z]+/v1/ { llm_gateway on; }', { '/team/v1/chat/completions': 1, '/team/v1/other': 0 }],
  regexany: ['location ~* chat { llm_gateway on; }', { '/v1/chat/completions': 1, '/a/b/v1/chat/completions': 1, '/v1/chat': 0 }],
  nested: ['location /v1/ { llm_gateway on; location = /v1/chat/completions { llm_max_depth 9; } location ~ models { llm_headers off; } }', { '/v1/chat/completions': 1 }],
  within: ['location /ai/ { location /ai/v1/ { llm_gateway on; } }', { '/ai/v1/chat/completions': 1 }],
  rewritten: ['location /openai/ { rewrite ^/openai/deployments/[^/]+/(.*)$ /v1/$1 last; } location /v1/ { llm_gateway on; }', { '/openai/deployments/x/chat/completions': 1, '/openai/deployments/x/other': 0 }],
  inside: ['location /in/ { rewrite ^/in/(.*)$ /v1/$1 break; llm_gateway on; }', { '/in/chat/completions': 1 }],
  conditional: ['location /v1/ { llm_gateway on; if ($arg_a) { set $b 1; } }', { '/v1/chat/completions?a=1': 1, '/v1/chat/completions': 1 }],
  tried: ['location / { try_files /nothing @gateway; } location @gateway { llm_gateway on; }', { '/v1/chat/completions': 1, '/ai/v1/chat/completions': 1 }],
};

const written = { '/v1//chat/completions': 1, '/v1/chat/%63ompletions': 1, '/v1/x/../chat/completions': 1, '/v1/chat/completions?api-version=1': 1, '/v1/chat%2Fcompletions': 1, '/v1/chat/completions;x=1': 0 };

test('locations', async (t) => {
  const servers = (gateway) =>
    Object.entries(locations)
      .map(([name, [text]]) => `server { listen 127.0.0.1:${gateway.port}; server_name ${name}.test; ${text} }`)
      .join('\n');
  const gateway = await Gateway.start(t, { listen: 'default_server', http: withSandbox({ http: servers }) });
  const post = (name, path) =>
    request(`http://127.0.0.1:${gateway.port}${path}`, { method: 'POST', headers: { ...authorized(), host: `${name}.test` }, body });
  for (const [name, [text, paths]] of Object.entries({ ...locations, written: ['a path in other words', written] })) {
    await t.test(text, async () => {
      for (const [path, there] of Object.entries(paths)) {
        const answer = await post(name === 'written' ? 'v1' : name, path);
        assert.equal(answer.status, there ? 200 : 404, `${path}: ${answer.body}`);
        if (!there) assert.equal(errorOf(answer).code, 'not_found', path);
      }
    });
  }
});

// [method, path, status, Allow]
const methods = [
  ...['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].map((method) => [method, '/chat/completions', 405, 'POST']),
  ...['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].flatMap((method) => [
    [method, '/models', 405, 'GET, HEAD'],
    [method, '/models/m', 405, 'GET, HEAD'],
  ]),
  ['GET', '/models', 200],
  ['POST', '/nosuch', 404],
  ['GET', '/nosuch', 404],
  ['POST', '/completions', 404],
  ['POST', '/embeddings', 404],
  ['POST', '/responses', 404],
  ['GET', '/models/', 404],
  ['GET', '/modelsx', 404],
];
test('methods', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox() });
  for (const [method, path, status, allow] of methods) {
    await t.test(`${method} ${path}`, async () => {
      const answer = await request(gateway.url + path, { method, headers: authorized() });
      assert.equal(answer.status, status);
      assert.equal(answer.headers.allow, allow);
      if (method === 'HEAD') return assert.equal(answer.body, '');
      if (status === 200) return;
      const error = errorOf(answer);
      assert.deepEqual([error.type, error.code], ['invalid_request_error', status === 405 ? 'method_not_allowed' : 'not_found']);
      assert.equal(error.message, status === 405 ? `This endpoint does not take the method ${method}.` : 'There is no such endpoint.');
    });
  }
});

const types = [
  ['application/json', 200],
  ['application/json; charset=utf-8', 200],
  ['APPLICATION/JSON ;charset=UTF-8', 200],
  ['application/vnd.api+json', 200],
  [undefined, 200],
  ['text/plain', 415],
  ['text/json', 415],
  ['application/x-www-form-urlencoded', 415],
  ['multipart/form-data; boundary=x', 415],
  ['application/jsonx', 415],
  ['application/json, text/plain', 415],
  ['', 415],
];
test('content types', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox() });
  for (const [type, status] of types) {
    await t.test(String(type), async () => {
      const headers = { authorization: `Bearer ${KEY}`, ...(type === undefined ? {} : { 'content-type': type }) };
      const answer = await request(`${gateway.url}/chat/completions`, { method: 'POST', headers, body });
      assert.equal(answer.status, status, answer.body);
      if (status === 415) assert.equal(errorOf(answer).code, 'unsupported_media_type');
    });
  }
});

test('a request that is refused does not cost its connection', async (t) => {
  const gateway = await Gateway.start(t, { http: withSandbox() });
  const socket = net.connect(gateway.port, '127.0.0.1');
  let text = '';
  socket.on('data', (part) => (text += part));
  const post = (path, type, key = KEY) =>
    socket.write(`POST /v1${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  post('/nosuch', 'application/json');
  post('/chat/completions', 'text/plain');
  post('/chat/completions', 'application/json', 'sk-wrong');
  post('/chat/completions', 'application/json');
  socket.write('GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  await new Promise((done) => socket.once('close', done));
  assert.deepEqual(text.match(/HTTP\/1\.1 \d+/g), ['404', '415', '401', '200', '401'].map((s) => `HTTP/1.1 ${s}`));
});
