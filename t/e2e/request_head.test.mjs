// The head of what goes upstream: the request line, and no header that is not
// the gateway's own, the operator's, or let through by name.
import assert from 'node:assert/strict';
import test from 'node:test';
import { KEY, keyLine } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { anthropic, forEachKind, kinds, openai, serve, userSays } from './lib/upstreams.mjs';

const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

// What a client may send with its request and nobody else is to see.
const nosy = {
  cookie: 'session=secret',
  'x-api-key': 'sk-client-secret',
  'api-key': 'sk-client-secret',
  'proxy-authorization': 'Basic c2VjcmV0',
  'openai-organization': 'org-secret',
  'anthropic-beta': 'secret',
  'x-forwarded-for': '10.0.0.1',
  'idempotency-key': 'secret',
  'x-request-id': 'secret-1',
  'accept-encoding': 'gzip',
  host: 'secret.example.com',
};

const own = {
  openai: { authorization: `Bearer ${openai.key}` },
  anthropic: { 'x-api-key': anthropic.key, 'anthropic-version': '2023-06-01' },
};

const headersOf = ({ rawHeaders }) => rawHeaders.map(([name, value]) => [name.toLowerCase(), value]).sort();

function expected({ mock, kind }, more = {}) {
  const all = {
    host: mock.address,
    'content-type': 'application/json',
    'content-length': String(mock.last.body.length),
    'accept-encoding': 'identity',
    'user-agent': 'ngx-llm-gateway',
    ...own[kind.name],
    ...more,
  };
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .sort();
}

forEachKind(test, "nothing of the SDK's headers", {}, async (t, up) => {
  const { client, model, mock } = up;
  const request = { model, messages: userSays('Hi') };
  await client.chat.completions.create(request, { headers: { ...nosy, host: undefined } });
  assert.deepEqual(headersOf(mock.last), expected(up));
  assert.ok(!JSON.stringify(mock.last.rawHeaders).includes(KEY));
});

forEachKind(test, "nothing of any client's headers", {}, async (t, up) => {
  const { gateway, model, mock } = up;
  await chat(
    gateway,
    { model, messages: userSays('Hi') },
    { ...nosy, te: 'trailers', connection: 'keep-alive, x-a', 'x-a': 'b' },
  );
  assert.deepEqual(headersOf(mock.last), expected(up));
});

forEachKind(test, 'the context of a trace', {}, async (t, up) => {
  const { gateway, model, mock } = up;
  const context = { traceparent: trace, tracestate: 'a=b,c=d' };
  await chat(gateway, { model, messages: userSays('Hi') }, { ...nosy, ...context });
  assert.deepEqual(headersOf(mock.last), expected(up, context));
});

const operator = {
  project: `llm_project test { ${keyLine(KEY, 'id=blue')} }`,
  provider: `
    pass_header x-team;
    pass_header OpenAI-Organization;
    header x-fixed "a b";
    header x-model $llm_request_model;
    header x-caller "$llm_project/$llm_key_id";
    header x-empty $http_x_nothing;
    header x-both operator; pass_header x-both;
    header user-agent acme/1.0;`,
};

forEachKind(test, "the operator's headers, and those let through", operator, async (t, up) => {
  const { gateway, model, mock } = up;
  await chat(
    gateway,
    { model, messages: userSays('Hi') },
    { ...nosy, 'X-Team': 'blue', 'x-both': 'client', 'x-fixed': 'client' },
  );
  assert.deepEqual(
    headersOf(mock.last),
    expected(up, {
      'x-team': 'blue',
      'openai-organization': 'org-secret',
      'x-fixed': 'a b',
      'x-model': model,
      'x-caller': 'test/blue',
      'x-both': 'operator',
      'user-agent': 'acme/1.0',
    }),
  );
});

// A value made of what the client says cannot begin another header.
test('a variable with a line end in it', async (t) => {
  const up = await serve(t, openai, {
    http: 'map $arg_x $decoded { default "a\r\nx-evil: 1"; }',
    provider: 'header x-value $decoded;',
  });
  await chat(up.gateway, { model: up.model, messages: userSays('Hi') });
  assert.deepEqual(headersOf(up.mock.last), expected(up));
});

test('anthropic: another version and a beta', async (t) => {
  const up = await serve(t, anthropic, { provider: 'header anthropic-version 2026-10-21; header anthropic-beta x-2026-01-01;' });
  await chat(up.gateway, { model: up.model, messages: userSays('Hi') });
  assert.deepEqual(
    headersOf(up.mock.last),
    expected(up, { 'anthropic-version': '2026-10-21', 'anthropic-beta': 'x-2026-01-01' }),
  );
});

test("a credential of the operator's own making is the only one", async (t) => {
  const headers = { openai: ['authorization', 'Token abc'], anthropic: ['x-api-key', 'abc'] };
  for (const kind of kinds) {
    await t.test(kind.name, async (t) => {
      const [name, value] = headers[kind.name];
      const up = await serve(t, kind, { provider: `header ${name} "${value}";` });
      await chat(up.gateway, { model: up.model, messages: userSays('Hi') });
      assert.deepEqual(headersOf(up.mock.last), expected(up, { [name]: value }));
    });
  }
});

// [pass, base of the endpoint]
const prefixes = [
  ['', '/v1'],
  ['/', ''],
  ['/proxy', '/proxy'],
  ['/proxy/v2/', '/proxy/v2'],
  ['/a%20b/v1', '/a%20b/v1'],
];

for (const [pass, base] of prefixes) {
  forEachKind(
    test,
    `the request line with pass ${pass || 'of a host'}`,
    { pass, mock: { base } },
    async (t, { kind, gateway, model, mock }) => {
      const answer = await chat(gateway, { model, messages: userSays('Hi') });
      assert.equal(answer.status, 200, answer.body);
      const { method, url, version } = mock.last;
      assert.deepEqual(
        [method, url, version],
        ['POST', `${base}${kind.name === 'openai' ? '/chat/completions' : '/messages'}`, '1.1'],
      );
    },
  );
}

forEachKind(test, 'another host', { provider: 'host api.example.com;' }, async (t, up) => {
  await chat(up.gateway, { model: up.model, messages: userSays('Hi') });
  assert.deepEqual(headersOf(up.mock.last), expected(up, { host: 'api.example.com' }));
});
