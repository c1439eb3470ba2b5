// The headers of an answer: the gateway's own, and nothing else of the
// provider's.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gateway } from './lib/gateway.mjs';
import { chat, get, request } from './lib/http.mjs';
import { answer, fail, start, startStub } from './lib/stub.mjs';

const request1 = { model: 'good', messages: [{ role: 'user', content: 'x' }] };
const ofNginx = ['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'server', 'transfer-encoding'];
const llm = ({ headers }) => Object.fromEntries(Object.entries(headers).filter(([name]) => /^x-(llm|ratelimit)-|^retry-after$/.test(name)));

async function launch(t, behaviours, { provider = '', http = '', ...options } = {}) {
  const stub = await startStub(t, behaviours);
  const gateway = await Gateway.start(t, {
    ...options,
    http: `
      llm_provider openai { type openai; pass http://127.0.0.1:${stub.port}; key none; ${provider} }
      llm_model * { target openai; }
      ${http}`,
  });
  return { gateway, stub };
}

// --- nothing else of the provider's -----------------------------------------------

const foreign = {
  'set-cookie': ['session=1', 'other=2'],
  server: 'cloudflare',
  via: '1.1 varnish',
  location: 'https://elsewhere.test/',
  'www-authenticate': 'Bearer realm="provider"',
  'x-foo': 'bar',
  'x-powered-by': 'provider',
  'x-accel-redirect': '/secret',
  'x-accel-expires': '3600',
  'x-accel-limit-rate': '1',
  'x-accel-charset': 'koi8-r',
  'x-llm-provider': 'forged',
  'x-llm-attempts': '99',
  'x-llm-anything': 'forged',
  'openai-organization': 'org-secret',
  'openai-processing-ms': '12',
  'anthropic-organization-id': 'org-secret',
  'cf-ray': 'abc',
  etag: '"1"',
  expires: 'Thu, 01 Jan 2037 00:00:00 GMT',
  'last-modified': 'Thu, 01 Jan 1970 00:00:00 GMT',
  'cache-control': 'public, max-age=3600',
  'content-disposition': 'attachment; filename=x',
  'content-language': 'tlh',
  'content-security-policy': "default-src 'none'",
  'access-control-allow-origin': '*',
  'strict-transport-security': 'max-age=1',
  'alt-svc': 'h3=":443"',
  link: '</x>; rel=preload',
  refresh: '1',
  'x-request-id': 'req-upstream',
};
const behaviours = {
  good: (res, body) => answer(res, body, { headers: foreign }),
  bad: (res) => fail(res, 400, {}, foreign),
  broken: (res) => fail(res, 500, {}, foreign),
  page: (res) => res.writeHead(503, { ...foreign, 'content-type': 'text/html' }).end('<h1>no</h1>'),
  moved: (res) => res.writeHead(302, foreign).end(),
  dies: (res) => {
    start(res, foreign);
    setImmediate(() => res.destroy());
  },
};
// [model, streamed, status, headers besides nginx's]
const served = ['x-request-id', 'x-llm-attempts', 'x-llm-provider', 'x-llm-model', 'x-llm-upstream-request-id'];
const streams = [...served, 'cache-control', 'x-accel-buffering'];
const rows = [
  ['good', false, 200, served],
  ['good', true, 200, streams],
  ['dies', true, 200, streams],
  ['bad', false, 400, served],
  ['bad', true, 400, served],
  ['broken', false, 502, served],
  ['page', false, 503, served],
  ['moved', false, 502, served],
];
test('nothing else of the provider\'s', async (t) => {
  const { gateway } = await launch(t, behaviours, { server: 'location /secret { return 200 "the secret"; }' });
  for (const [model, stream, status, expected] of rows) {
    await t.test(`${model}${stream ? ', streamed' : ''}`, async () => {
      const answer = await chat(gateway, { ...request1, model, stream });
      assert.equal(answer.status, status);
      const names = Object.keys(answer.headers).filter((name) => !ofNginx.includes(name));
      assert.deepEqual(names.sort(), [...expected].sort());
      assert.match(answer.headers.server, /^nginx/);
      assert.match(answer.headers['content-type'], stream && status === 200 ? /^text\/event-stream/ : /^application\/json$/);
      assert.doesNotMatch(JSON.stringify(answer), /forged|the secret|org-secret|elsewhere|<h1>/);
      assert.equal(answer.headers['x-llm-upstream-request-id'], 'req-upstream');
      assert.notEqual(answer.headers['x-request-id'], 'req-upstream');
    });
  }
});

// --- x-llm-* ------------------------------------------------------------------------

test('x-llm-*: who served it, under which name, and at which attempt', async (t) => {
  const { gateway } = await launch(t, { ...behaviours, other: (res, body) => answer(res, body, { headers: { 'request-id': 'req-2' } }) }, {
    http: 'llm_model second { target openai/broken; target openai/page; fallback openai/other; }',
  });
  for (const stream of [false, true]) {
    const second = await chat(gateway, { ...request1, model: 'second', stream, seed: 1, logit_bias: {} });
    assert.deepEqual(llm(second), { 'x-llm-attempts': '3', 'x-llm-model': 'other', 'x-llm-provider': 'openai', 'x-llm-upstream-request-id': 'req-2' });
  }
});

test('x-llm-*: of the attempt whose error is told, when all have failed', async (t) => {
  const limited = (res) => fail(res, 429, {}, { 'x-request-id': 'req-limited', 'retry-after': '7', 'x-ratelimit-remaining-requests': '0' });
  const { gateway } = await launch(t, { limited, broken: (res) => fail(res, 500, {}, { 'x-request-id': 'req-broken' }) }, {
    http: `
      log_format tried '$llm_provider $llm_model $llm_attempts $llm_error';
      llm_model first { target openai/limited; target openai/broken; }
      llm_model second { target openai/broken; target openai/limited; target openai/broken; }`,
    location: 'access_log access.log tried;',
  });
  const told = { 'retry-after': '7', 'x-llm-model': 'limited', 'x-llm-provider': 'openai', 'x-llm-upstream-request-id': 'req-limited', 'x-ratelimit-remaining-requests': '0' };
  for (const [model, attempts] of [['first', '2'], ['second', '3']]) {
    const answer = await chat(gateway, { ...request1, model });
    assert.equal(answer.status, 429);
    assert.deepEqual(llm(answer), { ...told, 'x-llm-attempts': attempts });
  }
  assert.deepEqual((await gateway.accessLog(2)).filter((line) => line.startsWith('openai')), [
    'openai limited 2 rate_limit_exceeded',
    'openai limited 3 rate_limit_exceeded',
  ]);
});

test('llm_headers off: no provider, no name, no id of the provider', async (t) => {
  const { gateway } = await launch(t, behaviours, { location: 'llm_headers off;' });
  for (const model of ['good', 'bad', 'broken']) {
    for (const stream of [false, true]) {
      const answer = await chat(gateway, { ...request1, model, stream });
      assert.deepEqual(llm(answer), { 'x-llm-attempts': '1' });
      assert.ok(answer.headers['x-request-id']);
    }
  }
});

test('a refused request was no attempt', async (t) => {
  const { gateway } = await launch(t, behaviours, { project: '', location: 'llm_auth off;', http: 'llm_provider off { type openai; pass http://127.0.0.1:1; key env:LLM_TEST_MISSING if_set; } llm_model off { target off; }' });
  for (const [body, status] of [['{', 400], [{ ...request1, model: 'off' }, 503]]) {
    const answer = await chat(gateway, body);
    assert.deepEqual([answer.status, llm(answer)], [status, {}]);
  }
});

// --- x-request-id -------------------------------------------------------------------

const ofNginxId = /^[0-9a-f]{32}$/;
const ids = [
  ['abc', true],
  ['5e0f2a9c-1c1b-4b39-9d1c-0f0f0f0f0f0f', true],
  ['req_1:2/3.4+5=6~7@host', true],
  ['x'.repeat(128), true],
  ['x'.repeat(129), false],
  ['', false],
  ['two words', false],
  ['a\tb', false],
  ['"quoted"', false],
  ['back\\slash', false],
  ['<script>', false],
  ['a&b', false],
  ['100%', false],
  ['caf\u00e9', false],
];
test('x-request-id', async (t) => {
  const { gateway } = await launch(t, behaviours, { http: "log_format ids '$request_id';", server: 'access_log access.log ids; location /small/ { llm_gateway on; client_max_body_size 10; }' });
  const base = `http://127.0.0.1:${gateway.port}`;
  let lines = 0;
  const asks = {
    'a whole answer': (headers) => chat(gateway, request1, headers),
    'a stream': (headers) => chat(gateway, { ...request1, stream: true }, headers),
    'an error': (headers) => chat(gateway, '{', headers),
    'an error of the provider': (headers) => chat(gateway, { ...request1, model: 'broken' }, headers),
    'the list of models': (headers) => get(`${gateway.url}/models`, { authorization: 'Bearer sk-test-1234567890', ...headers }),
    'no key': (headers) => get(`${gateway.url}/models`, headers),
    'an error page of nginx': (headers) => request(`${base}/small/v1/chat/completions`, { method: 'POST', headers, body: 'x'.repeat(20) }),
  };
  for (const [name, ask] of Object.entries(asks)) {
    await t.test(name, async () => {
      for (const [id, safe] of ids) {
        const answer = await ask({ 'x-request-id': id });
        const logged = (await gateway.accessLog(++lines)).at(-1);
        assert.match(logged, ofNginxId);
        assert.equal(answer.headers['x-request-id'], safe ? id : logged, JSON.stringify(id));
      }
      const answer = await ask({});
      assert.equal(answer.headers['x-request-id'], (await gateway.accessLog(++lines)).at(-1));
    });
  }
});

// --- limits -------------------------------------------------------------------------

const inSeconds = (s) => new Date(Date.now() + s * 1000);
const date = (s) => inSeconds(s).toISOString().replace(/\.\d+Z$/, 'Z');
const openai = {
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-limit-tokens': '2000000',
  'x-ratelimit-remaining-requests': '9999',
  'x-ratelimit-remaining-tokens': '1999990',
  'x-ratelimit-reset-requests': '6ms',
  'x-ratelimit-reset-tokens': '6m0s',
};
const anthropic = {
  'anthropic-ratelimit-requests-limit': '50',
  'anthropic-ratelimit-requests-remaining': '49',
  'anthropic-ratelimit-requests-reset': date(-60),
  'anthropic-ratelimit-tokens-limit': '80000',
  'anthropic-ratelimit-tokens-remaining': '79000',
  'anthropic-ratelimit-tokens-reset': date(3600),
  'anthropic-ratelimit-input-tokens-limit': '40000',
};
const normalised = {
  'x-ratelimit-limit-requests': '50',
  'x-ratelimit-remaining-requests': '49',
  'x-ratelimit-reset-requests': '0ms',
  'x-ratelimit-limit-tokens': '80000',
  'x-ratelimit-remaining-tokens': '79000',
  'x-ratelimit-reset-tokens': /^(59m\d+s|1h0m0s)$/,
};
// [headers of the provider, of the answer]
const limits = {
  'OpenAI\'s': [openai, openai],
  'Anthropic\'s': [anthropic, normalised],
  'some of them': [{ 'x-ratelimit-limit-requests': '1' }, { 'x-ratelimit-limit-requests': '1' }],
  'others': [{ 'x-ratelimit-limit-input-images': '1', 'x-rate-limit-limit': '1', 'ratelimit-limit': '1', 'x-ratelimit-reset-images': '1' }, {}],
  'a vendor\'s own names': [{ 'x-ratelimit-limit': '9', 'x-ratelimit-reset': '1', 'x-tokenlimit-remaining': '7' }, { 'x-ratelimit-limit-requests': '9', 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-remaining-tokens': '7' }],
  'unusable ones': [{ 'x-ratelimit-limit-requests': 'a b', 'x-ratelimit-limit-tokens': 'x'.repeat(129), 'x-ratelimit-remaining-tokens': '' }, {}],
  'retry-after of an answer': [{ 'retry-after': '5' }, {}],
};
// [headers of a 429, retry-after of the answer]
const waits = {
  'seconds': [{ 'retry-after': '7' }, '7'],
  'parts of seconds': [{ 'retry-after': '1.2' }, '2'],
  'milliseconds': [{ 'retry-after-ms': '1500' }, '2'],
  'milliseconds are more exact': [{ 'retry-after-ms': '100', 'retry-after': '9' }, '1'],
  'no time at all': [{ 'retry-after': '0' }, '0'],
  'a date': [{ 'retry-after': inSeconds(100).toUTCString() }, /^(8\d|9\d|100)$/],
  'a date that is past': [{ 'retry-after': inSeconds(-100).toUTCString() }, '0'],
  'OpenAI\'s limit, used up': [{ ...openai, 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1m1.5s' }, '62'],
  'OpenAI\'s limits, not used up': [openai, undefined],
  'Anthropic\'s limit, used up': [{ ...anthropic, 'anthropic-ratelimit-requests-remaining': '0', 'anthropic-ratelimit-requests-reset': date(100) }, /^(8\d|9\d|100)$/],
  'nothing': [{}, undefined],
  'nonsense': [{ 'retry-after': 'soon' }, undefined],
};

test('limits', async (t) => {
  let headers = {};
  const { gateway } = await launch(t, { good: (res, body) => answer(res, body, { headers }), limited: (res) => fail(res, 429, {}, headers) });
  const check = (got, expected, name) => {
    assert.deepEqual(Object.keys(got).sort(), Object.keys(expected).sort(), name);
    for (const [header, value] of Object.entries(expected)) {
      if (value instanceof RegExp) assert.match(got[header], value, header);
      else assert.equal(got[header], value, header);
    }
  };
  const limitsOf = (answer) => Object.fromEntries(Object.entries(llm(answer)).filter(([name]) => !name.startsWith('x-llm-')));
  for (const [name, [given, expected]] of Object.entries(limits)) {
    await t.test(name, async () => {
      headers = given;
      for (const stream of [false, true]) check(limitsOf(await chat(gateway, { ...request1, stream })), expected, name);
    });
  }
  for (const [name, [given, expected]] of Object.entries(waits)) {
    await t.test(`retry-after: ${name}`, async () => {
      headers = given;
      const answer = await chat(gateway, { ...request1, model: 'limited' });
      assert.equal(answer.status, 429);
      check({ 'retry-after': answer.headers['retry-after'] }, { 'retry-after': expected }, name);
    });
  }
});
