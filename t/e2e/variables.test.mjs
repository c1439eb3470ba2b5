// The $llm_* variables in an access log, whatever becomes of a request.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { authorized, chat, request } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { answer, event, fail, start, startStub } from './lib/stub.mjs';
import { until } from './lib/until.mjs';

const names = `request_model model provider attempts fallback stream finish_reason prompt_tokens completion_tokens total_tokens
  cached_tokens reasoning_tokens time_to_first_token upstream_time overhead_time project key_id error`.split(/\s+/);
const format = `log_format vars escape=json '{"status":"$status","request_id":"$request_id","request_time":"$request_time",${names.map((n) => `"${n}":"$llm_${n}"`).join(',')}}';`;

const behaviours = {
  good: (res, body) => answer(res, body),
  long: (res, body) => answer(res, body, { finish: 'length' }),
  silent: () => {},
  late: (res, body) => setTimeout(() => answer(res, body), 120),
  slow: (res) => start(res),
  dies: (res) => {
    start(res);
    setImmediate(() => res.destroy());
  },
  gives_up: (res) => {
    start(res);
    res.end(event({ error: { message: 'no', type: 'invalid_request_error', code: null } }));
  },
  unavailable: (res) => fail(res, 500),
  refused: (res) => fail(res, 400, { message: 'bad temperature', param: 'temperature', code: 'out_of_range' }),
  limited: (res) => fail(res, 429, {}, { 'retry-after': '1' }),
  locked: (res) => fail(res, 401),
};

const models = (dead) => `
  llm_provider dead { type openai; pass http://127.0.0.1:${dead}; key none; breaker off; }
  llm_model direct-* { target p/good; }
  ${Object.keys(behaviours).map((name) => `llm_model ${name} { target p; }`).join('\n')}
  llm_model second { target p/unavailable; target p/good; }
  llm_model second-silent { target p/unavailable; target p/silent; }
  llm_model fallback { target dead/x; target p/unavailable; fallback q/good; }
  llm_model nobody { target dead/x; fallback p/limited; }
  llm_model empty { target p/$http_x_empty; }`;

async function launch(t) {
  const stub = await startStub(t, behaviours);
  const gateway = await Gateway.start(t, {
    project: `llm_project test { ${keyLine(KEY, 'id=k1')} } llm_project small { ${keyLine('sk-small', 'id=k2')} models good; }`,
    http: `
      ${format}
      llm_provider p { type openai; pass http://127.0.0.1:${stub.port}; key none; breaker off; }
      llm_provider q { type openai; pass http://127.0.0.1:${stub.port}; key none; }
      ${models(await freePort())}`,
    server: `
      access_log access.log vars;
      location /small/ { llm_gateway on; client_max_body_size 1k; }
      location /denied/ { llm_gateway on; deny all; }`,
  });
  return { gateway, stub };
}

const any = /^/;
const seconds = /^\d+\.\d{3}$/;
const nothing = Object.fromEntries(names.map((n) => [n, '']));
const caller = { project: 'test', key_id: 'k1' };
const refusedEarly = (error, status) => ({ ...nothing, ...caller, error, status });
// Read, but sent nowhere.
const unsent = (model, error, status) => ({ ...refusedEarly(error, status), request_model: model, attempts: '0', fallback: '0', stream: '0', overhead_time: seconds });
const sent = (model, more) => ({
  ...nothing,
  ...caller,
  status: '200',
  request_model: model,
  model,
  provider: 'p',
  attempts: '1',
  fallback: '0',
  stream: '0',
  upstream_time: seconds,
  overhead_time: seconds,
  ...more,
});
const counted = { finish_reason: 'stop', prompt_tokens: '11', completion_tokens: '7', total_tokens: '18', cached_tokens: '3', reasoning_tokens: '2' };
const streamed = { stream: '1', time_to_first_token: seconds };

const ask = (body, options = {}) => (gateway) => {
  const { path = '/v1/chat/completions', key = KEY, headers, method = 'POST' } = options;
  const text = typeof body === 'string' ? body : body && JSON.stringify({ messages: [{ role: 'user', content: 'x' }], ...body });
  return request(`http://127.0.0.1:${gateway.port}${path}`, { method, headers: { ...authorized(key), ...headers }, body: text });
};
const rows = [
  ['a whole answer', ask({ model: 'good' }), sent('good', counted)],
  ['a stream', ask({ model: 'good', stream: true }), sent('good', { ...counted, ...streamed })],
  ['a stream with usage', ask({ model: 'good', stream: true, stream_options: { include_usage: true } }), sent('good', { ...counted, ...streamed })],
  ['max_tokens reached', ask({ model: 'long' }), sent('long', { ...counted, finish_reason: 'length' })],
  ['max_tokens reached, streamed', ask({ model: 'long', stream: true }), sent('long', { ...counted, ...streamed, finish_reason: 'length' })],
  ['another name upstream', ask({ model: 'direct-1' }), sent('direct-1', { ...counted, model: 'good' })],
  ['an error of the provider', ask({ model: 'unavailable' }), sent('unavailable', { status: '502', error: 'upstream_error' })],
  ['an error of the provider, streamed', ask({ model: 'unavailable', stream: true }), sent('unavailable', { status: '502', error: 'upstream_error', stream: '1' })],
  ['an error of the request, said by the provider', ask({ model: 'refused' }), sent('refused', { status: '400', error: 'out_of_range' })],
  ['the gateway\'s own key refused', ask({ model: 'locked' }), sent('locked', { status: '502', error: 'upstream_credentials_exhausted' })],
  ['too many requests upstream', ask({ model: 'limited' }), sent('limited', { status: '429', error: 'rate_limit_exceeded' })],
  ['the second target', ask({ model: 'second' }), sent('second', { ...counted, model: 'good', attempts: '2' })],
  ['the fallback', ask({ model: 'fallback', stream: true }), sent('fallback', { ...counted, ...streamed, model: 'good', provider: 'q', attempts: '3', fallback: '1' })],
  ['nobody', ask({ model: 'nobody' }), sent('nobody', { model: 'limited', status: '429', error: 'rate_limit_exceeded', attempts: '2', fallback: '1' })],
  ['a stream that dies', ask({ model: 'dies', stream: true }), sent('dies', { ...streamed, error: 'stream_interrupted' })],
  ['a stream that ends in an error without a code', ask({ model: 'gives_up', stream: true }), sent('gives_up', { ...streamed, error: 'invalid_request_error' })],
  ['an unknown model', ask({ model: 'nosuch' }), unsent('nosuch', 'model_not_found', '404')],
  ['an unknown model, streamed', ask({ model: 'nosuch', stream: true }), { ...unsent('nosuch', 'model_not_found', '404'), stream: '1' }],
  ['a model of others', ask({ model: 'long' }, { key: 'sk-small' }), { ...unsent('long', 'model_not_allowed', '403'), project: 'small', key_id: 'k2' }],
  ['no target left', ask({ model: 'empty' }), unsent('empty', 'no_healthy_upstream', '503')],
  ['no JSON', ask('{'), { ...refusedEarly(any, '400'), overhead_time: seconds }],
  ['no messages', ask('{"model":"good"}'), { ...refusedEarly(any, '400'), overhead_time: seconds, request_model: any }],
  ['no key', ask({ model: 'good' }, { key: '' }), { ...refusedEarly('invalid_api_key', '401'), project: '', key_id: '' }],
  ['a wrong key', ask({ model: 'good' }, { key: 'x' }), { ...refusedEarly('invalid_api_key', '401'), project: '', key_id: '' }],
  ['no such endpoint', ask({}, { path: '/v1/nosuch' }), refusedEarly('not_found', '404')],
  ['no such method', ask('', { method: 'PUT' }), refusedEarly('method_not_allowed', '405')],
  ['no such type', ask('{}', { headers: { 'content-type': 'text/plain' } }), refusedEarly('unsupported_media_type', '415')],
  ['nginx finds the body too large', ask({ model: 'good', x: 'y'.repeat(2000) }, { path: '/small/v1/chat/completions' }), refusedEarly('request_too_large', '413')],
  ['nginx denies', ask({ model: 'good' }, { path: '/denied/v1/chat/completions' }), refusedEarly('access_denied', '403')],
  ['the list of models', ask('', { path: '/v1/models', method: 'GET' }), refusedEarly('', '200')],
];

function assertLine(line, expected) {
  const values = JSON.parse(line);
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(values[name], value, `$llm_${name} in ${line}`);
    else assert.equal(values[name], value, `$llm_${name} in ${line}`);
  }
  return values;
}

test('every variable', async (t) => {
  const { gateway } = await launch(t);
  for (const [i, [name, send, expected]] of rows.entries()) {
    await t.test(name, async () => {
      await send(gateway);
      const lines = await gateway.accessLog(i + 1);
      assert.equal(lines.length, i + 1);
      assertLine(lines.at(-1), expected);
    });
  }
});

// Sends a chat request and goes away when `when` says so.
async function leave(gateway, body, when) {
  const req = http.request(`${gateway.url}/chat/completions`, { method: 'POST', headers: authorized() });
  req.on('error', () => {});
  req.end(JSON.stringify({ messages: [{ role: 'user', content: 'x' }], ...body }));
  await when(req);
  req.destroy();
}
const firstData = (req) => new Promise((done) => req.on('response', (res) => res.once('data', done)));

test('a client that goes away', async (t) => {
  const { gateway, stub } = await launch(t);
  const asked = (model) => () => until(() => stub.requests.some((r) => r.body.model === model));
  await t.test('in the middle of a stream', async () => {
    await leave(gateway, { model: 'slow', stream: true }, firstData);
    assertLine((await gateway.accessLog(1)).at(-1), sent('slow', streamed));
  });
  await t.test('before a stream begins', async () => {
    await leave(gateway, { model: 'silent', stream: true }, asked('silent'));
    assertLine((await gateway.accessLog(2)).at(-1), sent('silent', { stream: '1', status: '499' }));
  });
  await t.test('before a whole answer', async () => {
    stub.requests.length = 0;
    await leave(gateway, { model: 'silent' }, asked('silent'));
    assertLine((await gateway.accessLog(3)).at(-1), sent('silent', { status: '499' }));
  });
  await t.test('at the second target', async () => {
    stub.requests.length = 0;
    await leave(gateway, { model: 'second-silent' }, asked('silent'));
    assertLine((await gateway.accessLog(4)).at(-1), sent('second-silent', { model: 'silent', status: '499', attempts: '2' }));
  });
  await t.test('before its body is there', async () => {
    const socket = net.connect(gateway.port, '127.0.0.1');
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-length: 100\r\n\r\n{`;
    await new Promise((done) => socket.write(head, done));
    socket.destroy();
    // 400 when nginx sees the end of the connection, 499 when it sees its reset.
    assertLine((await gateway.accessLog(5)).at(-1), { ...nothing, ...caller, status: /^4(00|99)$/, error: any });
  });
});

test('times', async (t) => {
  const { gateway } = await launch(t);
  for (const stream of [false, true]) {
    await chat(gateway, { model: 'late', stream, messages: [{ role: 'user', content: 'x' }] });
    const values = JSON.parse((await gateway.accessLog(stream ? 2 : 1)).at(-1));
    const [total, upstream, overhead, first] = ['request_time', 'upstream_time', 'overhead_time', 'time_to_first_token'].map((n) => Number(values[n]));
    assert.ok(upstream >= 0.1, `upstream_time ${upstream}`);
    assert.ok(upstream <= total + 0.005, `upstream_time ${upstream} of ${total}`);
    assert.ok(overhead <= total - upstream + 0.005, `overhead_time ${overhead} of ${total}`);
    if (stream) assert.ok(first >= 0.1 && first <= upstream, `time_to_first_token ${first} of ${upstream}`);
  }
});

const nasty = ['"', '\\', '"},{"x":"', '{}[]', '$llm_project', '%s%n', '\\u0000', "'", '<script>', '~'.repeat(256), '\\"\\'];
test('names in a JSON log', async (t) => {
  const { gateway } = await launch(t);
  for (const [i, model] of nasty.entries()) {
    const answer = await chat(gateway, { model, messages: [{ role: 'user', content: 'x' }] });
    assert.equal(answer.status, 404, model);
    assert.equal(JSON.parse(answer.body).error.message, `The model '${model}' does not exist.`);
    assertLine((await gateway.accessLog(i + 1)).at(-1), unsent(model, 'model_not_found', '404'));
  }
});
