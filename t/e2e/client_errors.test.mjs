// Errors that nginx itself answers in a location of the gateway have the form
// clients expect; what an operator has written is left alone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { answer, RawProvider } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, keyLine } from './lib/gateway.mjs';
import { request } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, Http2, post, Wire, within } from './lib/wire.mjs';

const KEYS = { one: 'sk-one-1234567890', two: 'sk-two-1234567890' };

// `location`: of the gateway; `server`: other locations and directives.
async function start(t, { location = '', server = '', http = '' } = {}) {
  const up = await RawProvider.start(t, (x) => answer(x, 'Hi'));
  const gateway = await Gateway.start(t, {
    project: `llm_project test { ${keyLine()} ${keyLine(KEYS.one, 'id=one')} ${keyLine(KEYS.two, 'id=two')} }`,
    location,
    server,
    http: (gateway) => `
      ${provider('up', 'openai', `http://127.0.0.1:${up.port}/v1`)}
      llm_model m { target up; }
      ${typeof http === 'function' ? http(gateway) : http}`,
  });
  const ask = async (more = {}, body = chatBody('m')) => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(body, more.headers, more));
    return wire.response({ method: more.method });
  };
  return { gateway, up, ask };
}

const bearer = (key) => ({ headers: { authorization: `Bearer ${key}` } });

function assertErrorObject(response, status, type, code) {
  assert.equal(response.status, status, response.body);
  assert.equal(response.headers['content-type'], 'application/json');
  assert.ok(response.headers['x-request-id'], 'x-request-id');
  const body = JSON.parse(response.body);
  assert.deepEqual(Object.keys(body), ['error']);
  assert.deepEqual(Object.keys(body.error), ['message', 'type', 'param', 'code']);
  assert.equal(body.error.type, type);
  assert.equal(body.error.code, code);
}

const assertServed = (response) => {
  assert.equal(response.status, 200, response.body);
  assert.equal(JSON.parse(response.body).choices[0].message.content, 'Hi');
};

// --- nginx's own errors ---------------------------------------------------------------

const LIMIT = 'limit_req_zone $llm_key_id zone=keys:1m rate=1r/m;';

for (const [status, set, type] of [
  [429, 'limit_req_status 429;', 'rate_limit_error'],
  [503, '', 'rate_limit_error'],
]) {
  test(`limit_req by $llm_key_id: ${status}`, async (t) => {
    const { ask, up } = await start(t, { http: LIMIT, location: `limit_req zone=keys; ${set}` });
    assertServed(await ask(bearer(KEYS.one)));
    assertErrorObject(await ask(bearer(KEYS.one)), status, type, 'rate_limit_exceeded');
    assertServed(await ask(bearer(KEYS.two)));
    assertErrorObject(await ask(bearer(KEYS.two)), status, type, 'rate_limit_exceeded');
    assert.equal(up.exchanges.length, 2);
    // Without a key there is no bucket to be taken from.
    for (let i = 0; i < 2; i++) assertErrorObject(await ask(bearer('nobody')), 401, 'invalid_request_error', 'invalid_api_key');
  });
}

const auth = (verdict) => `location = /auth { internal; return ${verdict}; }`;

for (const [verdict, status, type, code] of [
  [401, 401, 'invalid_request_error', 'invalid_api_key'],
  [403, 403, 'permission_error', 'access_denied'],
  [500, 500, 'server_error', 'internal_error'],
]) {
  test(`auth_request that answers ${verdict}`, async (t) => {
    const { ask, up } = await start(t, { location: 'auth_request /auth;', server: auth(verdict) });
    assertErrorObject(await ask(), status, type, code);
    assert.equal(up.exchanges.length, 0);
  });
}

for (const verdict of [200, 204]) {
  test(`auth_request that answers ${verdict}: the gateway answers, and still wants a key`, async (t) => {
    const { ask, up } = await start(t, { location: 'auth_request /auth;', server: auth(verdict) });
    for (let i = 0; i < 3; i++) assertServed(await ask());
    assertErrorObject(await ask(bearer('nobody')), 401, 'invalid_request_error', 'invalid_api_key');
    assert.equal(up.exchanges.length, 3);
  });
}

test('auth_request by a server of its own, which knows the key', async (t) => {
  const judge = await RawProvider.start(t, (x) => x.write(`HTTP/1.1 ${x.request.headers['x-key-id'] === 'one' ? 200 : 403} X\r\ncontent-length: 0\r\n\r\n`));
  const { ask, up } = await start(t, {
    location: 'auth_request /auth;',
    server: `location = /auth {
      internal;
      proxy_pass http://127.0.0.1:${judge.port}/chat/completions;
      proxy_pass_request_body off; proxy_set_header content-length "";
      proxy_set_header authorization "";
      proxy_set_header x-key-id $llm_key_id;
    }`,
  });
  assertServed(await ask(bearer(KEYS.one)));
  assertErrorObject(await ask(bearer(KEYS.two)), 403, 'permission_error', 'access_denied');
  assert.deepEqual(judge.requests.map((r) => r.headers['x-key-id']), ['one', 'two']);
  assert.equal(up.exchanges.length, 1);
});

const plainErrors = [
  ['deny all', 'deny all;', 403, 'permission_error', 'access_denied'],
  ['return 403', 'return 403;', 403, 'permission_error', 'access_denied'],
  ['return 429', 'return 429;', 429, 'rate_limit_error', 'rate_limit_exceeded'],
  ['return 503', 'return 503;', 503, 'rate_limit_error', 'rate_limit_exceeded'],
  ['return 418', 'return 418;', 418, 'invalid_request_error', null],
  ['limit_except', 'limit_except GET { deny all; }', 403, 'permission_error', 'access_denied'],
  ['client_max_body_size', 'client_max_body_size 10; llm_max_body 10;', 413, 'invalid_request_error', 'request_too_large'],
];
for (const [name, location, status, type, code] of plainErrors) {
  test(`${name}: an error object`, async (t) => {
    const port = await freePort();
    const { ask, gateway, up } = await start(t, { location, server: `listen 127.0.0.1:${port} http2;` });
    assertErrorObject(await ask(), status, type, code);

    const client = await Http2.connect(t, port);
    const call = client.request(chatBody('m'));
    const head = await within(call.head, 'the head');
    await within(call.done, 'the end');
    assertErrorObject({ status: head[':status'], headers: head, body: call.text }, status, type, code);

    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post('', { 'content-length': null }, { method: 'HEAD' }));
    assert.ok((await wire.response({ method: 'HEAD' })).status >= 400);
    await wire.send(post('', { 'content-length': null }, { method: 'GET', path: '/' }));
    assert.match(await wire.line(), /^HTTP\/1\.1 404 /, 'a body behind the answer to HEAD');
    assert.equal(up.exchanges.length, 0);
  });
}

test('the access log names the error', async (t) => {
  const { ask, gateway } = await start(t, {
    location: 'deny all;',
    http: (gateway) => `log_format e "$status $llm_error"; access_log ${gateway.dir}/errors.log e;`,
  });
  await ask();
  await gateway.accessLog(1); // written with the other log
  assert.equal(fs.readFileSync(`${gateway.dir}/errors.log`, 'utf8'), '403 access_denied\n');
});

// --- the operator's own ---------------------------------------------------------------

const own = [
  ['error_page to a location', 'deny all; error_page 403 /sorry;', 'location = /sorry { internal; default_type text/plain; return 200 "sorry"; }', 403, 'sorry'],
  ['error_page with a status', 'deny all; error_page 403 =402 /sorry;', 'location = /sorry { internal; default_type text/plain; return 200 "sorry"; }', 402, 'sorry'],
  ['error_page to a named location', 'deny all; error_page 403 = @sorry;', 'location @sorry { default_type text/plain; return 200 "sorry"; }', 200, 'sorry'],
  ['error_page for 413', 'client_max_body_size 10; llm_max_body 10; error_page 413 @big;', 'location @big { default_type text/plain; return 413 "big"; }', 413, 'big'],
  ['return with a text', 'default_type text/plain; return 403 "go away";', '', 403, 'go away'],
  ['return 200 with a text', 'default_type text/plain; return 200 "closed";', '', 200, 'closed'],
];
for (const [name, location, server, status, text] of own) {
  test(`${name} is left alone`, async (t) => {
    const { ask, up } = await start(t, { location, server });
    const response = await ask();
    assert.equal(response.status, status);
    assert.equal(response.body, text);
    assert.equal(response.headers['content-type'], 'text/plain');
    assert.equal(up.exchanges.length, 0);
  });
}

test('error_page that sends elsewhere is left alone', async (t) => {
  const { ask } = await start(t, { location: 'deny all; error_page 403 https://sorry.test/why;' });
  const response = await ask();
  assert.equal(response.status, 302);
  assert.equal(response.headers.location, 'https://sorry.test/why');
  assert.match(response.body, /^<html>/);
});

test('locations without the gateway keep nginx\'s pages', async (t) => {
  const { ask } = await start(t, { server: 'location /other/ { deny all; }' });
  for (const [path, status] of [['/other/x', 403], ['/nowhere', 404]]) {
    const response = await ask({ method: 'GET', path }, '');
    assert.equal(response.status, status);
    assert.match(response.headers['content-type'], /^text\/html/);
  }
});

test('a nested location with proxy_pass keeps it, and its errors', async (t) => {
  const files = await RawProvider.start(t, (x) => {
    const status = x.request.path.endsWith('/missing') ? 404 : 200;
    return x.write(`HTTP/1.1 ${status} X\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nfiles`);
  });
  const dead = await freePort();
  const { ask, up } = await start(t, {
    location: `
      location /v1/files/ { proxy_pass http://127.0.0.1:${files.port}; }
      location /v1/dead/ { proxy_pass http://127.0.0.1:${dead}; }
      location /v1/more/ { }`,
  });
  for (const [path, status, body] of [['/v1/files/a', 200, 'files'], ['/v1/files/missing', 404, 'files']]) {
    const response = await ask({ path, headers: { authorization: null } }, '{}');
    assert.equal(response.status, status);
    assert.equal(response.body, body);
  }
  const dead502 = await ask({ path: '/v1/dead/' }, '{}');
  assert.equal(dead502.status, 502);
  assert.match(dead502.body, /^<html>/);
  assertServed(await ask());
  // A nested one without a handler is the gateway's.
  assertErrorObject(await ask({ path: '/v1/more/x' }), 404, 'invalid_request_error', 'not_found');
  assert.equal(up.exchanges.length, 1);
});

// --- CORS -------------------------------------------------------------------------------

test('CORS: preflights by `if`, add_header always on all answers', async (t) => {
  const allow = 'add_header access-control-allow-origin $http_origin always;';
  const { ask, gateway, up } = await start(t, {
    location: `
      if ($request_method = OPTIONS) {
        ${allow}
        add_header access-control-allow-headers "authorization, content-type" always;
        add_header access-control-max-age 600 always;
        return 204;
      }
      ${allow}`,
  });
  const origin = 'https://app.test';
  const preflight = await ask({ method: 'OPTIONS', headers: { origin, authorization: null, 'content-length': null } }, '');
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], origin);
  assert.equal(preflight.headers['access-control-allow-headers'], 'authorization, content-type');

  const cases = [
    ['an answer', {}, chatBody('m'), 200],
    ['a stream', {}, chatBody('m', { stream: true }), 200],
    ['an unknown model', {}, chatBody('nobody'), 404],
    ['a wrong key', { authorization: 'Bearer wrong' }, chatBody('m'), 401],
    ['a broken body', {}, '{', 400],
  ];
  for (const [name, headers, body, status] of cases) {
    const response = await ask({ headers: { origin, ...headers } }, body);
    assert.equal(response.status, status, name);
    assert.equal(response.headers['access-control-allow-origin'], origin, name);
  }
  const models = await request(`${gateway.url}/models`, { headers: { origin, authorization: 'Bearer wrong' } });
  assert.equal(models.headers['access-control-allow-origin'], origin);
  assert.equal(up.exchanges.length, 2);
});

test('an `if` that returns nothing leaves the gateway in place', async (t) => {
  const { ask } = await start(t, { location: 'if ($http_x_debug) { add_header x-debug on; }' });
  const response = await ask({ headers: { 'x-debug': '1' } });
  assertServed(response);
  assert.equal(response.headers['x-debug'], 'on');
  assertServed(await ask());
});
