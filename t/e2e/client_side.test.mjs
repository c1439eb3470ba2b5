// The client's side of the wire: what nginx does for any handler goes on
// working around ours.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import { answer, chunk, LAST_CHUNK, RawProvider, sized, stream, streamHead } from '../mock/raw.mjs';
import { selfSigned } from './lib/certs.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway, KEY, tempDir } from './lib/gateway.mjs';
import { events, textOf } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, Http2, post, Wire, within } from './lib/wire.mjs';

const TEXT = 'said by the provider';

// Providers by the first part of their path; what they say is what they were
// asked, so that no answer can be taken for another one.
const promptOf = ({ content }) => (typeof content === 'string' ? content : content.map((part) => part.text).join(''));
const scripts = {
  good: (x) => answer(x, `${TEXT}: ${promptOf(x.request.json.messages.at(-1))}`),
  bad: (x) => x.write(sized(500, '{"error":{"message":"no"}}')),
  broken: async (x) => {
    const { opening, content } = stream[x.format]([TEXT]);
    await x.write(streamHead() + [...opening, ...content].map(chunk).join('') + LAST_CHUNK);
  },
  stepwise: async (x) => {
    const { opening, content, ending } = stream[x.format](x.provider.steps.map(({ text }) => text));
    await x.write(streamHead() + opening.map(chunk).join(''));
    for (const [i, event] of content.entries()) {
      await x.write(chunk(event));
      await x.provider.steps[i].seen;
    }
    await x.write(ending.map(chunk).join('') + LAST_CHUNK);
  },
};

async function start(t, { location = '', http = '', server = '' } = {}) {
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const names = Object.keys(scripts).flatMap((name) => FORMATS.map((format) => [`${name}-${format}`, name, format]));
  const gateway = await Gateway.start(t, {
    location,
    server,
    http: `
      ${names.map(([name, at, format]) => provider(name, format, `http://127.0.0.1:${up.port}/${at}`)).join('\n')}
      ${names.map(([name]) => `llm_model ${name} { target ${name}; }`).join('\n')}
      ${http}`,
  });
  return { gateway, up };
}

const say = (model, prompt, more) => chatBody(model, { messages: [{ role: 'user', content: prompt }], ...more });

function assertAnswer(response, prompt, { streamed = false } = {}) {
  assert.equal(response.status, 200, response.body);
  const text = streamed ? textOf(events(response.body)) : JSON.parse(response.body).choices[0].message.content;
  assert.equal(text, `${TEXT}: ${prompt}`);
  if (streamed) assert.equal(events(response.body).at(-1), '[DONE]');
}

function assertErrorBody(response, status, code) {
  assert.equal(response.status, status, response.body);
  assert.equal(response.headers['content-type'], 'application/json');
  assert.equal(JSON.parse(response.body).error.code, code);
}

// --- compression ------------------------------------------------------------------

const GZIP = 'gzip on; gzip_types text/event-stream application/json; gzip_min_length 1;';

for (const format of FORMATS) {
  test(`gzip: each event arrives when it was sent, ${format}`, async (t) => {
    const { gateway, up } = await start(t, { location: GZIP });
    up.steps = ['one ', 'two ', 'three ', 'four'].map((text) => {
      const step = { text };
      step.seen = new Promise((done) => (step.release = done));
      return step;
    });
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(chatBody(`stepwise-${format}`, { stream: true }), { 'accept-encoding': 'gzip' }));
    let head = '';
    for (let line; (line = await wire.line()) !== ''; ) head += `${line}\n`;
    assert.match(head, /content-encoding: gzip/i);

    const gunzip = zlib.createGunzip();
    let text = '';
    gunzip.on('data', (part) => (text += part));
    const nextChunk = async () => {
      const size = parseInt(await wire.line(), 16);
      const bytes = Buffer.from(await wire.exactly(size), 'latin1');
      await wire.line();
      if (size > 0) await new Promise((done) => gunzip.write(bytes, () => gunzip.flush(done)));
      return size;
    };
    // The provider does not go on before the client has read a step.
    for (const step of up.steps) {
      while (!text.includes(`"content":"${step.text}"`)) assert.ok((await nextChunk()) > 0, `the stream ended before ${step.text}`);
      step.release();
    }
    while ((await nextChunk()) > 0);
    assert.equal(textOf(events(text)), 'one two three four');
    assert.match(text, /\[DONE\]\n\n$/);
  });
}

test('gzip: whole answers and errors', async (t) => {
  const { gateway } = await start(t, { location: GZIP });
  for (const [model, status] of [['good-openai', 200], ['good-anthropic', 200], ['bad-openai', 502], ['nobody', 404]]) {
    const answer = await fetch(`${gateway.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', 'accept-encoding': 'gzip' },
      body: say(model, 'Hi'),
    });
    assert.equal(answer.status, status);
    // nginx compresses 200, 403 and 404.
    assert.equal(answer.headers.get('content-encoding'), status === 502 ? null : 'gzip');
    const body = await answer.json();
    assert.ok(status === 200 ? body.choices[0].message.content === `${TEXT}: Hi` : body.error.message);
  }
});

// --- HTTP/2 and TLS ---------------------------------------------------------------

test('HTTP/2 and TLS to the client', async (t) => {
  const pem = selfSigned('gateway.test');
  const dir = tempDir('certs');
  for (const [name, text] of Object.entries(pem)) fs.writeFileSync(path.join(dir, name), text);
  const [clear2, tls1, tls2] = [await freePort(), await freePort(), await freePort()];
  const { gateway } = await start(t, {
    server: `
      listen 127.0.0.1:${clear2} http2;
      listen 127.0.0.1:${tls1} ssl;
      listen 127.0.0.1:${tls2} ssl http2;
      ssl_certificate ${dir}/cert; ssl_certificate_key ${dir}/key;`,
  });
  const secure = { rejectUnauthorized: false };

  async function overHttp2(client, body, headers) {
    const call = client.request(body, headers);
    const head = await within(call.head, 'the head');
    const { code, text } = await within(call.done, 'the end');
    assert.equal(code, 0, 'the stream was reset');
    return { status: head[':status'], headers: head, body: text };
  }

  for (const [name, port, options] of [['HTTP/2', clear2, {}], ['HTTP/2 over TLS', tls2, { secure }]]) {
    await t.test(`${name}: answers, streams and errors on one connection`, async (t) => {
      const client = await Http2.connect(t, port, options);
      for (const format of FORMATS) {
        assertAnswer(await overHttp2(client, say(`good-${format}`, 'a')), 'a');
        assertAnswer(await overHttp2(client, say(`good-${format}`, 'b', { stream: true })), 'b', { streamed: true });
        assertErrorBody(await overHttp2(client, say(`bad-${format}`, 'c')), 502, 'upstream_error');
        const broken = await overHttp2(client, say(`broken-${format}`, 'd', { stream: true }));
        assert.equal(events(broken.body).at(-1).choices[0].finish_reason, 'error');
      }
      assertErrorBody(await overHttp2(client, say('good-openai', 'e'), { authorization: 'Bearer nobody' }), 401, 'invalid_api_key');
    });

    await t.test(`${name}: many at once`, async (t) => {
      const client = await Http2.connect(t, port, options);
      const ask = async (i) => {
        const streamed = i % 3 === 0;
        assertAnswer(await overHttp2(client, say(`good-${FORMATS[i % 2]}`, `n${i}`, { stream: streamed })), `n${i}`, { streamed });
      };
      await Promise.all(Array.from({ length: 60 }, (_, i) => ask(i)));
    });
  }

  await t.test('HTTP/1.1 over TLS', async (t) => {
    const wire = await Wire.connect(t, tls1, { secure });
    for (const format of FORMATS) {
      await wire.send(post(say(`good-${format}`, 'a')));
      assertAnswer(await wire.response(), 'a');
      await wire.send(post(say(`good-${format}`, 'b', { stream: true })));
      assertAnswer(await wire.response(), 'b', { streamed: true });
    }
  });
  assert.equal(await gateway.active(), 0);
});

// --- one connection, many requests ----------------------------------------------

test('keep-alive: whatever the answer was, the next request is read from the same connection', async (t) => {
  const { gateway } = await start(t);
  const wire = await Wire.connect(t, gateway.port);
  const ask = async (text, options) => {
    await wire.send(text);
    const response = await wire.response(options);
    assert.notEqual(response.headers.connection, 'close');
    return response;
  };
  for (let round = 0; round < 3; round++) {
    for (const format of FORMATS) {
      assertAnswer(await ask(post(say(`good-${format}`, `${round}`))), `${round}`);
      assertAnswer(await ask(post(say(`good-${format}`, `${round}`, { stream: true }))), `${round}`, { streamed: true });
      assertErrorBody(await ask(post(say(`bad-${format}`, '-'))), 502, 'upstream_error');
      const broken = await ask(post(say(`broken-${format}`, '-', { stream: true })));
      assert.equal(events(broken.body).at(-1).error.code, 'stream_interrupted');
    }
    assertErrorBody(await ask(post(say('nobody', '-'))), 404, 'model_not_found');
    assertErrorBody(await ask(post('{"broken'), {}), 400, null);
    assertErrorBody(await ask(post(say('good-openai', '-'), { authorization: 'Bearer wrong' })), 401, 'invalid_api_key');
    assertErrorBody(await ask(post(say('good-openai', '-'), { 'content-type': 'text/plain' })), 415, 'unsupported_media_type');
    assertErrorBody(await ask(post('', {}, { method: 'GET' })), 405, 'method_not_allowed');
    assertErrorBody(await ask(post('', {}, { method: 'GET', path: '/v1/nothing' })), 404, 'not_found');
    assert.equal((await ask(post('', { 'content-length': null }, { method: 'GET', path: '/v1/models' }))).status, 200);
  }
  assert.equal(wire.input, '', 'bytes that belong to no answer');
});

for (const streamed of [false, true]) {
  test(`pipelined requests are answered in order, ${streamed ? 'streams' : 'whole'}`, async (t) => {
    const { gateway, up } = await start(t);
    const wire = await Wire.connect(t, gateway.port);
    const texts = Array.from({ length: 6 }, (_, i) => post(say(`good-${FORMATS[i % 2]}`, `n${i}`, { stream: streamed })));
    await wire.send(texts.join(''));
    for (let i = 0; i < 6; i++) assertAnswer(await wire.response(), `n${i}`, { streamed });
    assert.equal(up.exchanges.length, 6);
  });
}

test('a request that is sent behind a running stream is no abort', async (t) => {
  const { gateway, up } = await start(t);
  let release;
  up.steps = [{ text: 'one ' }, { text: 'two' }];
  up.steps[0].seen = new Promise((done) => (release = done));
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post(chatBody('stepwise-openai', { stream: true })));
  await wire.until(/one /);
  await wire.send(post(say('good-openai', 'next')));
  await gateway.active(); // nginx has seen to its events since
  release();
  assert.equal(textOf(events((await wire.response()).body)), 'one two');
  assertAnswer(await wire.response(), 'next');
});

// --- HTTP/1.0, HEAD, OPTIONS ------------------------------------------------------

test('an HTTP/1.0 client', async (t) => {
  const { gateway } = await start(t);
  const ask = async (body, headers) => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(body, headers, { version: '1.0' }));
    const response = await wire.response();
    await within(wire.closed, 'the end of the connection');
    return response;
  };
  for (const format of FORMATS) {
    const whole = await ask(say(`good-${format}`, 'a'));
    assertAnswer(whole, 'a');
    assert.equal(Number(whole.headers['content-length']), Buffer.byteLength(whole.body));
    const streamed = await ask(say(`good-${format}`, 'b', { stream: true }));
    assertAnswer(streamed, 'b', { streamed: true });
    assert.equal(streamed.headers['transfer-encoding'], undefined);
  }
  assertErrorBody(await ask(say('bad-openai', '-')), 502, 'upstream_error');
  const broken = await ask(say('broken-openai', '-', { stream: true }));
  assert.equal(events(broken.body).at(-1).choices[0].finish_reason, 'error');

  const wire = await Wire.connect(t, gateway.port);
  for (const prompt of ['a', 'b']) {
    await wire.send(post(say('good-openai', prompt), { connection: 'keep-alive' }, { version: '1.0' }));
    assertAnswer(await wire.response(), prompt);
  }
});

test('HEAD and OPTIONS', async (t) => {
  const { gateway, up } = await start(t);
  const wire = await Wire.connect(t, gateway.port);
  const ask = async (method, path, headers) => {
    await wire.send(post('', headers, { method, path }));
    return wire.response({ method });
  };
  const models = await ask('HEAD', '/v1/models');
  assert.equal(models.status, 200);
  assert.equal(models.headers['content-type'], 'application/json');
  assert.ok(Number(models.headers['content-length']) > 0);

  const head = await ask('HEAD', '/v1/chat/completions');
  assert.equal(head.status, 405);
  assert.equal(head.headers.allow, 'POST');
  const options = await ask('OPTIONS', '/v1/chat/completions');
  assertErrorBody(options, 405, 'method_not_allowed');
  assert.equal(options.headers.allow, 'POST');
  assert.equal((await ask('HEAD', '/v1/chat/completions', { authorization: null })).status, 401);
  assertErrorBody(await ask('OPTIONS', '/v1/models', { authorization: null }), 401, 'invalid_api_key');

  // Nothing was left on the wire.
  await wire.send(post(say('good-openai', 'a')));
  assertAnswer(await wire.response(), 'a');
  assert.equal(up.exchanges.length, 1);
});
