// Beside other modules of nginx: what they do to requests and answers they do
// to the gateway's as well, once, and nothing of its inner requests is seen.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { answer, chunk, RawProvider, sized, stream, streamHead } from '../mock/raw.mjs';
import { assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { events, textOf } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, Http2, post, Wire, within } from './lib/wire.mjs';

const TEXT = 'said by the provider';
const COMMAND = '<!--# include virtual="/secret" --> and more';

const scripts = {
  good: (x) => answer(x, TEXT),
  ssi: (x) => answer(x, COMMAND),
  bad: (x) => x.write(sized(500, '{"error":{"message":"no"}}')),
  // Until `goOn`.
  half: async (x) => {
    const { opening, content, ending } = stream[x.format](['Hello']);
    await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
    await x.provider.goOn;
    await x.write([...ending, ''].map(chunk).join(''));
  },
};

async function start(t, { location = '', server = '', http = '', ...options } = {}) {
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const names = Object.keys(scripts).flatMap((name) => FORMATS.map((format) => [`${name}-${format}`, name, format]));
  const gateway = await Gateway.start(t, {
    ...options,
    location,
    server,
    http: (gateway) => `
      ${names.map(([name, at, format]) => provider(name, format, `http://127.0.0.1:${up.port}/${at}`)).join('\n')}
      ${names.map(([name]) => `llm_model ${name} { target ${name}; }`).join('\n')}
      llm_model second { target bad-openai; target bad-anthropic; target good-openai; }
      ${typeof http === 'function' ? http(gateway) : http}`,
  });
  const ask = async (model, { stream: streamed = false, headers, ...more } = {}) => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(chatBody(model, { stream: streamed }), headers, more));
    const response = await wire.response();
    return { ...response, complete: true };
  };
  return { gateway, up, ask };
}

const served = (response, streamed, provider, attempts = 1) =>
  assertServed(response, { stream: streamed, text: TEXT, provider, attempts });

// --- logs -----------------------------------------------------------------------

test('one line for each request, and with log_subrequest one for each attempt', async (t) => {
  for (const [set, lines] of [['off', ['200']], ['on', ['500', '500', '200', '200']]]) {
    const { ask, gateway } = await start(t, { location: `log_subrequest ${set};`, http: "log_format one '$status';", server: 'access_log access.log one;' });
    for (const streamed of [false, true]) served(await ask('second', { stream: streamed }), streamed, 'good-openai', 3);
    assert.deepEqual(await gateway.accessLog(2 * lines.length), [...lines, ...lines]);
  }
});

test('access_log only for some, and through a map of the variables', async (t) => {
  const { ask, gateway } = await start(t, {
    http: `
      map $llm_error $failed { "" 0; default 1; }
      map "$llm_provider/$llm_stream" $kind { default other; good-anthropic/1 streamed; }
      log_format kind '$kind $llm_attempts $llm_error';`,
    server: 'access_log failed.log kind if=$failed; access_log access.log kind;',
  });
  await ask('good-anthropic', { stream: true });
  await ask('bad-openai', { stream: true });
  await ask('good-anthropic');
  assert.deepEqual(await gateway.accessLog(3), ['streamed 1 -', 'other 1 upstream_error', 'other 1 -']);
  assert.equal(fs.readFileSync(`${gateway.dir}/failed.log`, 'utf8'), 'other 1 upstream_error\n');
});

// --- filters ---------------------------------------------------------------------

test('sub_filter', async (t) => {
  const { ask } = await start(t, { location: "sub_filter 'by the' 'BY THE'; sub_filter_types application/json text/event-stream; sub_filter_once off;" });
  const whole = await ask('good-anthropic');
  assert.equal(JSON.parse(whole.body).choices[0].message.content, TEXT.replace('by the', 'BY THE'));
  const streamed = await ask('good-anthropic', { stream: true });
  assert.equal(textOf(events(streamed.body)), TEXT);
  assert.match(streamed.body, /\[DONE\]\n\n$/);
});

test('ssi: what a model says is no command to nginx', async (t) => {
  const { ask } = await start(t, { location: 'ssi on;', server: 'location /secret { return 200 secret; }' });
  for (const streamed of [false, true]) {
    const { status, body } = await ask('ssi-anthropic', { stream: streamed });
    assert.equal(status, 200);
    assert.equal(streamed ? textOf(events(body)) : JSON.parse(body).choices[0].message.content, COMMAND);
  }
});

test('charset, expires and add_header', async (t) => {
  const { ask } = await start(t, { location: 'charset utf-8; expires 1h; add_header x-served "$llm_provider/$llm_attempts" always;' });
  for (const streamed of [false, true]) {
    const response = await ask('good-openai', { stream: streamed });
    assert.equal(response.status, 200);
    assert.equal(response.headers['x-served'], 'good-openai/1');
    assert.match(response.headers['content-type'], streamed ? /^text\/event-stream; ?charset=utf-8$/ : /^application\/json/);
  }
  const failed = await ask('second', { headers: { authorization: 'Bearer wrong' } });
  assert.equal(failed.status, 401);
  assert.equal(failed.headers['x-served'], '/');
});

test('chunked_transfer_encoding off: the connection ends the stream', async (t) => {
  const { ask } = await start(t, { location: 'chunked_transfer_encoding off;' });
  const response = await ask('good-openai', { stream: true });
  assert.equal(response.headers['transfer-encoding'], undefined);
  served(response, true, 'good-openai');
});

// --- phases -----------------------------------------------------------------------

test('mirror sees the same body, and answers nobody', async (t) => {
  const copy = await RawProvider.start(t, (x) => x.write(sized(500, 'never to be seen')));
  for (const location of ['', 'client_body_in_file_only clean;']) {
    const { ask, up } = await start(t, {
      location: `mirror /copy; ${location}`,
      server: `location = /copy { internal; proxy_pass http://127.0.0.1:${copy.port}/chat/completions; proxy_set_header authorization ""; }`,
    });
    for (const streamed of [false, true]) {
      served(await ask('good-openai', { stream: streamed }), streamed, 'good-openai');
      served(await ask('good-anthropic', { stream: streamed }), streamed, 'good-anthropic');
    }
    assert.equal((await ask('good-openai', { headers: { authorization: null } })).status, 401);
    await copy.until(() => copy.requests.length === 5, 'the copies');
    assert.equal(up.requests.length, 4);
    assert.deepEqual(copy.requests.map((r) => r.json.model), ['good-openai', 'good-anthropic', 'good-openai', 'good-anthropic', 'good-openai']);
    copy.exchanges.length = 0;
  }
});

test('limit_conn counts a stream until its end', async (t) => {
  const { ask, gateway, up } = await start(t, { http: 'limit_conn_zone $llm_key_id zone=keys:1m;', location: 'limit_conn keys 1; limit_conn_status 429;' });
  let goOn;
  up.goOn = new Promise((done) => (goOn = done));
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('half-anthropic', { stream: true })));
  await wire.until(/Hello/);
  const refused = await ask('good-openai');
  assert.equal(refused.status, 429);
  assert.equal(JSON.parse(refused.body).error.code, 'rate_limit_exceeded');
  goOn();
  assert.equal(textOf(events((await wire.response()).body)), 'Hello');
  served(await ask('good-openai'), false, 'good-openai');
  assert.equal(up.exchanges.length, 2);
});

test('limit_req that delays', async (t) => {
  const { ask, up } = await start(t, { http: 'limit_req_zone $llm_key_id zone=keys:1m rate=20r/s;', location: 'limit_req zone=keys burst=10;' });
  const answers = await Promise.all(Array.from({ length: 5 }, (_, i) => ask(`good-${FORMATS[i % 2]}`, { stream: i > 2 })));
  answers.forEach((response, i) => served(response, i > 2, `good-${FORMATS[i % 2]}`));
  assert.equal(up.exchanges.length, 5);
});

test('satisfy any: an address that is allowed does not make a key', async (t) => {
  const { ask, up } = await start(t, { location: 'satisfy any; allow 127.0.0.1; deny all; auth_request /auth;', server: 'location = /auth { internal; return 403; }' });
  served(await ask('good-openai'), false, 'good-openai');
  const refused = await ask('good-openai', { headers: { authorization: 'Bearer wrong' } });
  assert.equal(refused.status, 401);
  assert.equal(up.exchanges.length, 1);
});

test('a rewrite leads into the gateway, a subrequest of others does not', async (t) => {
  const { ask, gateway, up } = await start(t, {
    server: `
      location /old/ { rewrite ^/old/(.*)$ /v1/$1 last; }
      location = /check { auth_request /v1/models; empty_gif; }`,
  });
  for (const streamed of [false, true]) served(await ask('good-openai', { stream: streamed, path: '/old/chat/completions' }), streamed, 'good-openai');
  // The gateway answers clients, not other parts of nginx.
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post('', { 'content-length': null }, { method: 'GET', path: '/check' }));
  assert.equal((await wire.response()).status, 500);
  assert.match(gateway.errorLog(), /llm: the gateway cannot be called by a subrequest/);
  assert.equal(up.exchanges.length, 2);
});

// --- a body that does not come ------------------------------------------------------

test('client_body_timeout: nothing was sent on, nothing is left', async (t) => {
  const clear2 = await freePort();
  const { gateway, up } = await start(t, { location: 'client_body_timeout 200ms;', server: `listen 127.0.0.1:${clear2} http2;` });
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post('x'.repeat(100)).slice(0, -50));
  await within(wire.closed, 'the end of the connection');
  const client = await Http2.connect(t, clear2);
  await within(client.request(null).done, 'the end of the stream');
  for (const line of await gateway.accessLog(2)) assert.match(line, /chat\/completions HTTP\/[12]\S+ 408 /);
  assert.equal(await gateway.active(), 0);
  assert.equal(up.exchanges.length, 0);
});
