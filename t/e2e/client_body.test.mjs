// Request bodies, however they come: in chunks, in a file, announced first, too
// large.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { answer, chunk, RawProvider } from '../mock/raw.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, Http2, post, Wire, within } from './lib/wire.mjs';

async function start(t, { location = '', server = '' } = {}) {
  const up = await RawProvider.start(t, (x) => answer(x, 'Hi'));
  const gateway = await Gateway.start(t, {
    location,
    server,
    http: `
      ${FORMATS.map((f) => provider(f, f, `http://127.0.0.1:${up.port}/v1`)).join('\n')}
      ${FORMATS.map((f) => `llm_model ${f} { target ${f}; }`).join('\n')}`,
  });
  return { gateway, up };
}

// A body of about `size` bytes in which no byte looks like its neighbour.
const longText = (size) => Array.from({ length: Math.ceil(size / 9) }, (_, i) => String(i).padStart(8, '0')).join(' ');
const longBody = (model, size) => chatBody(model, { messages: [{ role: 'user', content: longText(size) }] });

const chunked = { 'content-length': null, 'transfer-encoding': 'chunked' };
const headOnly = (headers) => post('', { 'content-length': null, ...headers });
function inChunks(body, size) {
  let out = '';
  for (let at = 0; at < body.length; at += size) out += chunk(body.slice(at, at + size));
  return `${out}0\r\n\r\n`;
}

function assertArrived(up, format, size) {
  const request = up.requests.at(-1);
  assert.equal(request.headers['transfer-encoding'], undefined);
  assert.equal(Number(request.headers['content-length']), Buffer.byteLength(request.body));
  const { content } = request.json.messages[0];
  assert.equal(format === 'openai' ? content : content[0].text, longText(size));
}

const places = [
  ['in memory', ''],
  ['larger than the buffer: in a file', 'client_body_buffer_size 8k;'],
  ['always in a file', 'client_body_in_file_only clean;'],
  ['larger than the buffer, in one', 'client_body_buffer_size 8k; client_body_in_single_buffer on;'],
];

for (const [place, location] of places) {
  test(`a body ${place}`, async (t) => {
    const clear2 = await freePort();
    const { gateway, up } = await start(t, { location, server: `listen 127.0.0.1:${clear2} http2;` });
    const wire = await Wire.connect(t, gateway.port);
    for (const format of FORMATS) {
      for (const size of [100, 7000, 9000, 300000]) {
        const body = longBody(format, size);
        await wire.send(post(body));
        assert.equal((await wire.response()).status, 200);
        assertArrived(up, format, size);

        await wire.send(headOnly(chunked) + inChunks(body, 1000));
        assert.equal((await wire.response()).status, 200);
        assertArrived(up, format, size);
      }
      const client = await Http2.connect(t, clear2);
      const { text } = await within(client.request(longBody(format, 300000)).done, 'the answer');
      assert.equal(JSON.parse(text).choices[0].message.content, 'Hi');
      assertArrived(up, format, 300000);
    }
    const temp = fs.readdirSync(`${gateway.dir}/temp/client_body`, { recursive: true });
    assert.deepEqual(temp, [], 'files left behind');
  });
}

test('a body in chunks of one byte, and in one piece a packet', async (t) => {
  const { gateway, up } = await start(t);
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(headOnly(chunked) + inChunks(longBody('openai', 500), 1));
  assert.equal((await wire.response()).status, 200);
  assertArrived(up, 'openai', 500);
  for (const byte of post(longBody('anthropic', 500))) await wire.send(byte);
  assert.equal((await wire.response()).status, 200);
  assertArrived(up, 'anthropic', 500);
});

test('an empty body is no request', async (t) => {
  const { gateway, up } = await start(t);
  const wire = await Wire.connect(t, gateway.port);
  for (const text of [post(''), headOnly(chunked) + '0\r\n\r\n', headOnly({})]) {
    await wire.send(text);
    const response = await wire.response();
    assert.equal(response.status, 400, response.body);
    assert.equal(JSON.parse(response.body).error.type, 'invalid_request_error');
  }
  assert.equal(up.exchanges.length, 0);
});

// --- Expect: 100-continue -----------------------------------------------------------

const expect = { expect: '100-continue' };

test('Expect: 100-continue: the body is asked for', async (t) => {
  const { gateway, up } = await start(t);
  const wire = await Wire.connect(t, gateway.port);
  const body = longBody('openai', 5000);
  await wire.send(headOnly({ ...expect, 'content-length': body.length }));
  assert.equal((await wire.response()).status, 100);
  await wire.send(body);
  assert.equal((await wire.response()).status, 200);
  assertArrived(up, 'openai', 5000);
});

const refused = [
  ['a wrong key', { authorization: 'Bearer wrong' }, 401],
  ['no key', { authorization: null }, 401],
  ['a wrong media type', { 'content-type': 'text/plain' }, 415],
  ['a body larger than llm_max_body', { 'content-length': 200000 }, 413],
  ['a body larger than client_max_body_size', { 'content-length': 2000000 }, 413],
];
for (const [what, headers, status] of refused) {
  test(`Expect: 100-continue: a body that nobody wants is not asked for: ${what}`, async (t) => {
    const { gateway, up } = await start(t, { location: 'client_max_body_size 1m; llm_max_body 100k;' });
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(headOnly({ ...expect, 'content-length': 5000, ...headers }));
    const response = await wire.response();
    assert.equal(response.status, status);
    assert.ok(JSON.parse(response.body).error.message);
    assert.equal(up.exchanges.length, 0);
  });
}

test('a refused body that comes all the same is read past', async (t) => {
  const { gateway } = await start(t);
  const wire = await Wire.connect(t, gateway.port);
  const body = longBody('openai', 200000);
  await wire.send(post(body, { authorization: 'Bearer wrong' }));
  assert.equal((await wire.response()).status, 401);
  await wire.send(post(longBody('openai', 10)));
  assert.equal((await wire.response()).status, 200);
});

// --- too large ------------------------------------------------------------------------

const caps = [
  ['client_max_body_size', 'client_max_body_size 64k; llm_max_body 32k;', 100000],
  ['llm_max_body', 'client_max_body_size 1m; llm_max_body 64k;', 100000],
];
for (const [directive, location, size] of caps) {
  for (const how of ['Content-Length', 'chunked', 'HTTP/2', 'HTTP/2 with length']) {
    test(`413 by ${directive}, ${how}`, async (t) => {
      const clear2 = await freePort();
      const { gateway, up } = await start(t, { location, server: `listen 127.0.0.1:${clear2} http2;` });
      const body = longBody('openai', size);
      let response;
      if (how.startsWith('HTTP/2')) {
        const client = await Http2.connect(t, clear2);
        const call = client.request(body, how.endsWith('length') ? { 'content-length': body.length } : {});
        const head = await within(call.head, 'the head');
        response = { status: head[':status'], headers: head, body: (await call.done).text };
      } else {
        const wire = await Wire.connect(t, gateway.port);
        await wire.send(how === 'chunked' ? headOnly(chunked) + inChunks(body, 5000) : post(body));
        response = await wire.response();
      }
      assert.equal(response.status, 413);
      assert.equal(response.headers['content-type'], 'application/json');
      const { error } = JSON.parse(response.body);
      assert.equal(error.type, 'invalid_request_error');
      assert.equal(error.code, 'request_too_large');
      assert.equal(up.exchanges.length, 0);
    });
  }
}
