// $llm_project and $llm_key_id come from the headers alone, so that every part
// of nginx can use them; what needs the body is empty until it is there.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gateway, keyLine } from './lib/gateway.mjs';
import { authorized, get, request } from './lib/http.mjs';
import { withSandbox } from './lib/sandbox.mjs';
import { answer, startStub } from './lib/stub.mjs';
import { until } from './lib/until.mjs';

const project = `
  llm_project red { ${keyLine('sk-r1', 'id=r1')} ${keyLine('sk-r2', 'id=r2')} }
  llm_project blue { ${keyLine('sk-b', 'id=b')} }`;
const body = (more) => JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }], ...more });
const post = (gateway, key, { path = '/v1', ...more } = {}) =>
  request(`http://127.0.0.1:${gateway.port}${path}/chat/completions`, { method: 'POST', headers: authorized(key), body: body(more) });

test('limit_req by key, by project, and not at all without a key', async (t) => {
  const gateway = await Gateway.start(t, {
    project,
    http: withSandbox({
      http: `
        limit_req_zone $llm_key_id zone=keys:1m rate=1r/m;
        limit_req_zone $llm_project zone=projects:1m rate=1r/m;
        limit_req_status 429;`,
    }),
    server: `
      location /key/ { llm_gateway on; limit_req zone=keys; }
      location /project/ { llm_gateway on; limit_req zone=projects; }`,
  });
  const statuses = async (path, ...keys) => {
    const out = [];
    for (const key of keys) out.push((await post(gateway, key, { path })).status);
    return out;
  };
  assert.deepEqual(await statuses('/key/v1', 'sk-r1', 'sk-r1', 'sk-r2', 'sk-r2', 'sk-b'), [200, 429, 200, 429, 200]);
  assert.deepEqual(await statuses('/project/v1', 'sk-r1', 'sk-r2', 'sk-b', 'sk-b'), [200, 429, 200, 429]);
  assert.deepEqual(await statuses('/key/v1', 'wrong', 'wrong', ''), [401, 401, 401]);

  const limited = await post(gateway, 'sk-r1', { path: '/key/v1' });
  const { error } = JSON.parse(limited.body);
  assert.deepEqual([error.type, error.code], ['rate_limit_error', 'rate_limit_exceeded']);
  assert.ok(limited.headers['x-request-id']);
});

// Places where a variable is asked for in another phase.
const places = {
  'the rewrite phase of the server': ['set $who "$llm_project $llm_key_id";', 'return 200 "$who";'],
  'the rewrite phase of the location': ['', 'set $who "$llm_project $llm_key_id"; return 200 "$who";'],
  'a condition': ['', 'if ($llm_project = red) { return 200 "red $llm_key_id"; } return 200 "$llm_project $llm_key_id";'],
  'a map': ['', 'return 200 "$tier $llm_key_id";'],
  'the access phase': ['', 'auth_request /_auth; auth_request_set $who $sent_http_x_who; try_files /none /_who;'],
  'a header': ['', 'add_header x-who "$llm_project $llm_key_id" always; return 200 "$sent_http_x_who";'],
};
test('phases', async (t) => {
  const files = Object.entries(places).map(([, [server, location]], i) => ({ server, location, name: `p${i}.test` }));
  const gateway = await Gateway.start(t, {
    project,
    listen: 'default_server',
    http: (gateway) => `
      map $llm_project $tier { red red; blue blue; default ""; }
      ${files
        .map(
          ({ server, location, name }) => `server {
            listen 127.0.0.1:${gateway.port}; server_name ${name}; default_type text/plain; ${server}
            location / { ${location} }
            location = /_auth { internal; add_header x-who "$llm_project $llm_key_id"; return 204; }
            location = /_who { internal; return 200 "$llm_project $llm_key_id"; }
          }`,
        )
        .join('\n')}`,
  });
  for (const [i, name] of Object.keys(places).entries()) {
    await t.test(name, async () => {
      for (const [key, who] of [['sk-r1', 'red r1'], ['sk-r2', 'red r2'], ['sk-b', 'blue b'], ['sk-x', ' ']]) {
        const answer = await get(`http://127.0.0.1:${gateway.port}/`, { authorization: `Bearer ${key}`, host: `p${i}.test` });
        const said = answer.headers['x-who'] ?? answer.body;
        assert.equal(said.trim(), who.trim(), key);
      }
    });
  }
});

test('the access phase of the gateway: auth_request sees who asks, and its refusal is an OpenAI error', async (t) => {
  const gateway = await Gateway.start(t, {
    project,
    http: withSandbox(),
    server: `
      location = /_auth { internal; if ($llm_project = blue) { return 403; } if ($llm_project = "") { return 401; } return 204; }
      location /checked/ { llm_gateway on; auth_request /_auth; }`,
  });
  const ask = (key) => post(gateway, key, { path: '/checked/v1' });
  assert.equal((await ask('sk-r1')).status, 200);
  for (const [key, status, type, code] of [
    ['sk-b', 403, 'permission_error', 'access_denied'],
    ['sk-x', 401, 'invalid_request_error', 'invalid_api_key'],
  ]) {
    const answer = await ask(key);
    assert.equal(answer.status, status);
    const { error } = JSON.parse(answer.body);
    assert.deepEqual([error.type, error.code], [type, code]);
  }
});

test('the name asked for is empty before the body, and there in the headers of the answer', async (t) => {
  const gateway = await Gateway.start(t, {
    project,
    http: withSandbox(),
    server: 'set $before "<$llm_request_model$llm_stream$llm_attempts$llm_provider>"; add_header x-before $before; add_header x-after "$llm_request_model $llm_stream $llm_project $llm_provider $llm_model $llm_attempts $llm_fallback";',
  });
  for (const stream of [false, true]) {
    const answer = await post(gateway, 'sk-b', { stream });
    assert.equal(answer.headers['x-before'], '<>');
    assert.equal(answer.headers['x-after'], `m ${stream ? 1 : 0} blue openai m 1 0`);
  }
});

test('in a location without the gateway they know the caller and nothing else', async (t) => {
  const gateway = await Gateway.start(t, {
    project,
    server: 'location /plain { default_type text/plain; return 200 "$llm_project:$llm_key_id:$llm_error:$llm_model:$llm_attempts:$llm_prompt_tokens:$llm_active_requests"; }',
  });
  const plain = async (headers) => (await get(`http://127.0.0.1:${gateway.port}/plain`, headers)).body;
  assert.equal(await plain(authorized('sk-b')), 'blue:b:::::0');
  assert.equal(await plain(authorized('sk-x')), '::::::0');
  assert.equal(await plain({}), '::::::0');
});

test('the number of requests in hand', async (t) => {
  const held = [];
  const stub = await startStub(t, { m: (res, body) => held.push(() => answer(res, body)) });
  const gateway = await Gateway.start(t, {
    project,
    http: `llm_provider p { type openai; pass http://127.0.0.1:${stub.port}; key none; } llm_model m { target p; }`,
  });
  const answers = [false, true, false].map((stream) => post(gateway, 'sk-b', { stream }));
  await until(() => held.length === 3);
  assert.equal(await gateway.active(), 3);
  held.pop()();
  await until(async () => (await gateway.active()) === 2);
  for (const end of held) end();
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
  await gateway.waitForIdle();
});
