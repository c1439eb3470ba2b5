// llm_sandbox without an SDK before it: events, deaths and refusals as they go
// over the wire.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { Gateway } from './lib/gateway.mjs';
import { request } from './lib/http.mjs';

const server = `
  location /openai/ { llm_sandbox openai; if ($arg_quiet) { access_log off; } }
  location /anthropic/ { llm_sandbox anthropic; limit_except POST GET { deny all; } }`;
const paths = { openai: '/openai/v1/chat/completions', anthropic: '/anthropic/v1/messages' };
const formats = Object.keys(paths);
const body = (more) => JSON.stringify({ model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'one two' }], ...more });
const address = (gateway, format, query = '') => `http://127.0.0.1:${gateway.port}${paths[format]}${query}`;
const ask = (gateway, format, { query, ...options } = {}) => request(address(gateway, format, query), { method: 'POST', body: body(), ...options });
const eventsOf = (text) => text.split('\n\n').filter(Boolean);

test('the events of a stream', async (t) => {
  const gateway = await Gateway.start(t, { server });
  const openai = await ask(gateway, 'openai', { body: body({ stream: true }) });
  assert.equal(openai.headers['content-type'], 'text/event-stream');
  const chunks = eventsOf(openai.body);
  assert.ok(chunks.every((e) => e.startsWith('data: ') && !e.includes('\n')));
  assert.equal(chunks.at(-1), 'data: [DONE]');
  const parsed = chunks.slice(0, -1).map((e) => JSON.parse(e.slice(6)));
  assert.deepEqual(parsed.map((c) => c.choices[0].delta.content ?? ''), ['', 'one', ' two', '']);
  assert.deepEqual(parsed.map((c) => c.choices[0].finish_reason), [null, null, null, 'stop']);
  assert.equal(parsed[0].choices[0].delta.role, 'assistant');
  assert.equal(new Set(parsed.map((c) => c.id)).size, 1);

  const withUsage = await ask(gateway, 'openai', { body: body({ stream: true, stream_options: { include_usage: true } }) });
  const last = JSON.parse(eventsOf(withUsage.body).at(-2).slice(6));
  assert.deepEqual([last.choices, last.usage.completion_tokens], [[], 2]);

  const anthropic = await ask(gateway, 'anthropic', { body: body({ stream: true }) });
  const events = eventsOf(anthropic.body).map((e) => {
    const [, type, data] = e.match(/^event: (\S+)\ndata: (.*)$/);
    assert.equal(JSON.parse(data).type, type);
    return type;
  });
  assert.deepEqual(events, [
    'message_start',
    'content_block_start',
    'ping',
    'content_block_delta',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
});

// What comes until the connection is closed, and whether that is all of it.
function readAll(gateway, format, { headers, query } = {}) {
  return new Promise((done, fail) => {
    const req = http.request(address(gateway, format, query), { method: 'POST', headers }, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (part) => (text += part));
      res.on('error', () => {});
      res.on('close', () => done({ events: eventsOf(text.replace(/"created":\d+/g, '')), complete: res.complete }));
    });
    req.on('error', fail);
    req.end(body({ stream: true }));
  });
}
test('death after some events of a stream', async (t) => {
  const gateway = await Gateway.start(t, { server });
  for (const format of formats) {
    const all = await readAll(gateway, format);
    assert.equal(all.complete, true);
    for (const n of [1, 2, all.events.length - 1]) {
      for (const order of [{ headers: { 'x-sandbox-die': String(n) } }, { query: `?die=${n}` }]) {
        const { events, complete } = await readAll(gateway, format, order);
        assert.deepEqual([events, complete], [all.events.slice(0, n), false], `${format} ${n}`);
      }
    }
    const spared = await readAll(gateway, format, { query: `?die=${all.events.length}` });
    assert.deepEqual(spared, all);
  }
});

test('death instead of an answer', async (t) => {
  const gateway = await Gateway.start(t, { server });
  for (const format of formats) {
    await assert.rejects(ask(gateway, format, { query: '?die=0' }), { code: 'ECONNRESET' });
    await assert.rejects(ask(gateway, format, { query: '?die=0', body: body({ stream: true }) }), { code: 'ECONNRESET' });
    assert.equal((await ask(gateway, format, { query: '?die=1' })).status, 200);
  }
});

test('the header counts more than the query', async (t) => {
  const gateway = await Gateway.start(t, { server });
  assert.equal((await ask(gateway, 'openai', { headers: { 'X-Sandbox-Status': '503' }, query: '?status=500' })).status, 503);
});

test('what is no request', async (t) => {
  const gateway = await Gateway.start(t, { server });
  for (const format of formats) {
    for (const text of ['', '{', '[]', '{}', '{"messages":[]}', '{"messages":"x"}']) {
      const answer = await ask(gateway, format, { body: text });
      assert.equal(answer.status, 400, text);
      const { error, type } = JSON.parse(answer.body);
      assert.equal(error.type, 'invalid_request_error');
      assert.equal(type, format === 'anthropic' ? 'error' : undefined);
    }
    assert.equal((await ask(gateway, format, { method: 'GET', body: undefined })).status, 405);
  }
});

test('a body in a file', async (t) => {
  const gateway = await Gateway.start(t, { server: `client_body_buffer_size 1k; ${server}` });
  const content = 'long '.repeat(5000).trim();
  for (const format of formats) {
    const answer = await ask(gateway, format, { body: body({ max_tokens: 99999, messages: [{ role: 'user', content }] }) });
    assert.ok(answer.body.includes(content));
  }
});

test('in an if block and behind limit_except it is still there', async (t) => {
  const gateway = await Gateway.start(t, { server });
  assert.equal((await ask(gateway, 'openai', { query: '?quiet=1' })).status, 200);
  assert.equal((await ask(gateway, 'anthropic', { method: 'PUT' })).status, 403);
});
