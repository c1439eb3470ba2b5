// Texts planted wherever a request or an answer has room for them, and every
// way a request can go: none of them is found in what nginx has written, in an
// error, or with somebody whom it was not meant for.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { chunk, errorBody, head, LAST_CHUNK, RawProvider, sized, streamError, streamHead } from '../mock/raw.mjs';
import { FORMATS } from './lib/faulty.mjs';
import { Gateway, keyLine } from './lib/gateway.mjs';
import { request } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { eventually, Http2, post, Wire, within } from './lib/wire.mjs';

const planted = {
  clientKey: 'planted-client-key-0123456789',
  wrongKey: 'planted-wrong-key-0123456789',
  envKey: 'planted-env-key-0123456789',
  fileKey: 'planted-file-key-0123456789',
  literalKey: 'planted-literal-key-0123456789',
  system: 'planted-system',
  prompt: 'planted-prompt',
  tool: 'planted-tool',
  schema: 'planted-schema',
  callArguments: 'planted-call',
  result: 'planted-result',
  user: 'planted-user',
  metadata: 'planted-metadata',
  unknown: 'planted-unknown',
  header: 'planted-header',
  said: 'planted-said',
  thought: 'planted-thought',
  saidArguments: 'planted-said-call',
  saidHeader: 'planted-said-header',
  quoted: 'planted-quoted', // for the client, and not for a log
};
const keys = ['clientKey', 'wrongKey', 'envKey', 'fileKey', 'literalKey'].map((name) => planted[name]);
const prompts = ['system', 'prompt', 'tool', 'schema', 'callArguments', 'result', 'user', 'metadata'].map((name) => planted[name]);
const completions = ['said', 'thought', 'saidArguments'].map((name) => planted[name]);
const providerKey = { openai: planted.envKey, anthropic: planted.fileKey };

const LONG = 'x'.repeat(5000); // more than the buffer: it goes through a file
const bodyOf = (model, more = {}) =>
  JSON.stringify({
    model,
    user: planted.user,
    metadata: { a: planted.metadata },
    unknown: planted.unknown,
    tools: [{ type: 'function', function: { name: 'f', description: planted.tool, parameters: { type: 'object', properties: { a: { description: planted.schema } } } } }],
    messages: [
      { role: 'system', content: planted.system },
      { role: 'user', content: `${LONG} ${planted.prompt}` },
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: `{"a":"${planted.callArguments}"}` } }] },
      { role: 'tool', tool_call_id: 'call_1', content: planted.result },
    ],
    ...more,
  });
const nosy = Object.fromEntries(
  ['cookie', 'x-api-key', 'anthropic-beta', 'openai-organization', 'x-forwarded-for', 'x-anything', 'idempotency-key'].map((name) => [name, planted.header]),
);

// --- what providers say ---------------------------------------------------------------

const saidHeaders = Object.fromEntries(['set-cookie', 'server', 'x-accel-redirect', 'x-accel-buffering', 'openai-organization', 'www-authenticate'].map((name) => [name, planted.saidHeader]));
const usage = { openai: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }, anthropic: { input_tokens: 1, output_tokens: 1 } };
const args = `{"a":"${planted.saidArguments}"}`;
const whole = {
  openai: JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', usage: usage.openai, choices: [{ index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', content: planted.said, reasoning_content: planted.thought, tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: args } }] } }] }),
  anthropic: JSON.stringify({ id: 'x', type: 'message', role: 'assistant', model: 'm', usage: usage.anthropic, stop_reason: 'tool_use', content: [{ type: 'thinking', thinking: planted.thought, signature: 's' }, { type: 'text', text: planted.said }, { type: 'tool_use', id: 'c', name: 'f', input: JSON.parse(args) }] }),
};
const event = (object) => `${object.type ? `event: ${object.type}\n` : ''}data: ${JSON.stringify(object)}\n\n`;
const delta = (fields, finish_reason = null) => event({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: fields, finish_reason }] });
const block = (index, content_block, field) => [event({ type: 'content_block_start', index, content_block }), event({ type: 'content_block_delta', index, delta: field }), event({ type: 'content_block_stop', index })];
const streams = {
  openai: [
    delta({ role: 'assistant', reasoning_content: planted.thought }),
    delta({ content: planted.said }),
    delta({ tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: args } }] }),
    delta({}, 'tool_calls'),
    'data: [DONE]\n\n',
  ],
  anthropic: [
    event({ type: 'message_start', message: { id: 'x', type: 'message', role: 'assistant', model: 'm', content: [], usage: usage.anthropic } }),
    ...block(0, { type: 'thinking', thinking: '', signature: '' }, { type: 'thinking_delta', thinking: planted.thought }),
    ...block(1, { type: 'text', text: '' }, { type: 'text_delta', text: planted.said }),
    ...block(2, { type: 'tool_use', id: 'c', name: 'f', input: {} }, { type: 'input_json_delta', partial_json: args }),
    event({ type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: usage.anthropic }),
    event({ type: 'message_stop' }),
  ],
};
const everything = [...keys, ...prompts, ...completions].join(' ');
const beginning = (x, n) => streamHead(saidHeaders) + streams[x.format].slice(0, n).map(chunk).join('');
const quoting = (status) => (x) => x.write(sized(status, errorBody[x.format](status, `no: ${planted.quoted} ${providerKey[x.format]}`), saidHeaders));

const scripts = {
  good: (x) => x.write(x.stream ? beginning(x) + LAST_CHUNK : sized(200, whole[x.format], saidHeaders)),
  ...Object.fromEntries([400, 401, 403, 404, 413, 429, 500, 503, 529].map((status) => [`s${status}`, quoting(status)])),
  page: (x) => x.write(sized(502, `<html>${everything}</html>`, { ...saidHeaders, 'content-type': 'text/html' })),
  json: (x) => x.write(sized(200, `{"${planted.said}": ["${everything}`, saidHeaders)),
  head: (x) => x.write(`HTTP/1.1 200 OK\r\n${planted.said}\0: ${everything}\r\n\r\n`),
  line: (x) => x.write(`${everything}\r\n\r\n`),
  huge: (x) => x.write(head(200, { 'x-huge': everything.repeat(100) })),
  chunks: (x) => x.write(`${streamHead(saidHeaders)}${planted.said}\r\n`),
  event: (x) => x.write(streamHead(saidHeaders) + chunk(`event: ${planted.said}\ndata: {"${everything}\n\n`)),
  error: (x) => x.write(streamHead(saidHeaders) + chunk(streamError[x.format](`no: ${providerKey[x.format]}`))),
  late: (x) => x.write(beginning(x, 6) + chunk(streamError[x.format](`no: ${providerKey[x.format]}`))),
  cut: (x) => {
    x.end(beginning(x, 6));
  },
  reset: async (x) => {
    await x.write(beginning(x, 6));
    x.reset();
  },
  silent: () => {},
};

async function start(t) {
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const clear2 = await freePort();
  const dead = await freePort();
  const names = Object.keys(scripts).flatMap((name) => FORMATS.map((format) => [`${name}-${format}`, name, format]));
  const key = { openai: 'env:LLM_PLANTED', anthropic: 'file:planted' };
  const gateway = await Gateway.start(t, {
    env: { LLM_PLANTED: planted.envKey },
    project: `llm_project test { ${keyLine(planted.clientKey)} }`,
    secrets: Object.values(planted).filter((text) => text !== planted.unknown),
    location: 'client_body_buffer_size 1k;',
    server: `
      listen 127.0.0.1:${clear2} http2;
      location /spooled/ { llm_gateway on; client_body_in_file_only clean; }
      location /small/ { llm_gateway on; llm_max_body 2k; llm_max_response 100; llm_max_event 50; llm_max_tool_arguments 5; llm_max_depth 3; }`,
    http: (gateway) => {
      fs.writeFileSync(path.join(gateway.dir, 'planted'), planted.fileKey);
      return `
        log_format all '$request $status $http_host $llm_request_model $llm_model $llm_provider $llm_finish_reason $llm_error $llm_project $llm_key_id $upstream_addr';
        access_log ${gateway.dir}/all.log all;
        access_log ${gateway.dir}/access.log;
        ${names.map(([name, at, format]) => `llm_provider ${name} { type ${format}; pass http://127.0.0.1:${up.port}/${at}; key ${key[format]}; ${at === 'silent' ? 'total_timeout 100ms;' : ''} } llm_model ${name} { target ${name}; }`).join('\n')}
        llm_provider dead { type openai; pass http://127.0.0.1:${dead}; key ${planted.literalKey}; }
        llm_provider slow { type openai; pass http://127.0.0.1:${up.port}/silent; key env:LLM_PLANTED; }
        llm_model dead { target dead; } llm_model slow { target slow; }
        llm_model walk { target dead; ${names.filter(([, at]) => ['s500', 's429', 'page', 'json', 'cut', 'line'].includes(at)).slice(0, 7).map(([name]) => `target ${name};`).join(' ')} }`;
    },
  });
  // Its key is searched for as well, but is not something nginx has written.
  gateway.given = [path.join(gateway.dir, 'planted')];
  return { gateway, up, clear2, names: [...names.map(([name]) => name), 'dead', 'walk'] };
}

const bearer = (key = planted.clientKey) => ({ authorization: `Bearer ${key}`, ...nosy });

function assertNotTold(response, secrets, what) {
  const seen = JSON.stringify(response);
  for (const secret of secrets) assert.ok(!seen.includes(secret), `${secret} in ${what}: ${seen}`);
}

test('planted texts', async (t) => {
  const { gateway, up, clear2, names } = await start(t);
  const tell = async (body, headers = {}, where = '/v1') => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(body, { ...bearer(), ...headers }, { path: `${where}/chat/completions` }));
    const response = await wire.response();
    wire.socket.destroy();
    assertNotTold(response, [...keys, planted.saidHeader], 'an answer');
    assertNotTold(response.headers, [...prompts, ...completions, planted.header], 'a header');
    if (response.status !== 200) assertNotTold(response.body, [...prompts, ...completions], 'an error');
    return response;
  };

  await t.test('every outcome, streamed and whole, in memory and through a file', async () => {
    let heard = 0;
    for (const where of ['/v1', '/spooled/v1', '/small/v1']) {
      for (const name of names) {
        for (const stream of [false, true]) {
          const { status, body } = await tell(bodyOf(name, { stream, ...(where === '/small/v1' && { messages: [{ role: 'user', content: planted.prompt }] }) }), {}, where);
          if (where === '/small/v1' || !name.startsWith('good')) continue;
          assert.equal(status, 200, body);
          if (completions.every((text) => body.includes(text))) heard++;
        }
      }
    }
    assert.equal(heard, 2 * 2 * 2, 'answers heard in full');
  });

  await t.test('bodies that are no request', async () => {
    for (const body of [planted.prompt, `{"model":"${planted.prompt}`, bodyOf('good-openai').slice(0, -1), `{"model":"good-openai","messages":[{"role":"user","content":"${planted.prompt}\0"}]}`]) {
      assert.equal((await tell(body)).status, 400);
    }
    assert.equal((await tell(bodyOf('nobody'))).status, 404);
    assert.equal((await tell(bodyOf('good-openai'), { authorization: `Bearer ${planted.wrongKey}` })).status, 401);
    assert.equal((await tell(bodyOf('good-openai'), { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await tell(bodyOf('good-openai'), {}, '/small/v1')).status, 413);
  });

  await t.test('clients that go away', async (t) => {
    for (const where of ['/v1', '/spooled/v1']) {
      for (const stream of [true, false]) {
        const before = up.exchanges.length;
        const wire = await Wire.connect(t, gateway.port);
        await wire.send(post(bodyOf('slow', { stream }), bearer(), { path: `${where}/chat/completions` }));
        const x = await up.exchange(before + 1);
        wire.reset();
        await within(x.closed, 'the end of the upstream connection');

        const half = await Wire.connect(t, gateway.port);
        await half.send(post('', { ...bearer(), 'content-length': 100000, expect: '100-continue' }, { path: `${where}/chat/completions` }));
        await half.until(/100 Continue/);
        await half.send(bodyOf('slow', { stream }));
        half.reset();
      }
    }
    const client = await Http2.connect(t, clear2);
    const call = client.request(bodyOf('good-openai', { stream: true }), bearer());
    await within(call.first, 'the first token');
    call.stream.close(8);
    client.session.destroy();
  });

  await t.test('the models, to whoever may see them', async () => {
    for (const url of ['/models', '/models/good-openai', '/models/nothing', '/nothing']) {
      assertNotTold(await request(gateway.url + url, { headers: bearer() }), Object.values(planted), url);
      assertNotTold(await request(gateway.url + url, { headers: bearer(planted.wrongKey) }), Object.values(planted), url);
    }
  });

  await t.test('each provider got its own key, and nothing else of anybody\'s', () => {
    assert.ok(up.requests.length > 3 * names.length);
    for (const { format, request: { path: target, headers, body } } of up.exchanges) {
      const seen = `${target} ${JSON.stringify(headers)}`;
      const others = [...keys, planted.header, ...prompts].filter((text) => text !== providerKey[format]);
      for (const secret of others) assert.ok(!seen.includes(secret), `${secret} in the head of a request`);
      assert.equal(seen.split(providerKey[format]).length - 1, 1, seen);
      for (const secret of keys) assert.ok(!body.includes(secret), `${secret} in the body of a request`);
      if (!body.includes(LONG)) continue;
      for (const secret of prompts) assert.ok(body.includes(secret) || secret === planted.metadata, `${secret} is lost`);
    }
  });

  // A file of a body lives as long as its request, and with the old worker.
  await gateway.waitForIdle();
  const bodies = () => gateway.written().filter((name) => name.includes('/temp/'));
  await eventually(() => bodies().length === 0, 'the end of the files of bodies');
  await gateway.reload();
  assert.equal((await tell(bodyOf('good-openai'))).status, 200);
  assert.match(gateway.errorLog(), /llm: upstream "json-anthropic" answered 200/);
});

// nginx itself tells of malformed headers, and says them, at the level `info`;
// above that nobody does.
test('heads that are none', async (t) => {
  const gateway = await Gateway.start(t, {
    project: `llm_project test { ${keyLine(planted.clientKey)} }`,
    http: (gateway) => `error_log ${gateway.dir}/error.log notice;`,
    secrets: Object.values(planted),
  });
  for (const [more, path] of [
    [{ Authorization: `Bearer ${planted.wrongKey}` }],
    [{ 'x-anything': planted.header.repeat(1000) }],
    [{ 'x anything': planted.header }],
    [{ 'x-anything': `${planted.header}\0` }],
    [{ authorization: `Bearer ${planted.clientKey}\0` }],
    [{ 'Content-Length': 7 }],
    [{ 'transfer-encoding': 'chunked' }],
    [{}, '/v1/%00'],
  ]) {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(bodyOf('good-openai'), { ...bearer(), ...more }, { path }));
    const response = await wire.response();
    assert.equal(response.status, 400);
    assertNotTold(response, Object.values(planted), 'an error');
  }
  await gateway.accessLog(8);
});

test('a text that is there is found', async (t) => {
  const gateway = await Gateway.start(t, { secrets: ['planted-in-path'] });
  await request(`${gateway.url}/planted-in-path`);
  await gateway.accessLog(1);
  assert.throws(() => gateway.assertNoSecrets(), /planted-in-path in .*access\.log/);
  gateway.options.secrets = [];
});
