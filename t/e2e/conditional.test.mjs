// Conditional headers of a client: an answer that was paid for is never made a
// 412 or a 304.
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

// --- requests about parts and versions of a document ------------------------------

// An answer is no document: there is no version of it to compare and no part to
// be cut out.
const conditions = {
  'If-Match': { 'if-match': '"abc"' },
  'If-None-Match': { 'if-none-match': '*' },
  'If-Modified-Since': { 'if-modified-since': 'Thu, 01 Jan 2037 00:00:00 GMT' },
  'If-Unmodified-Since': { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
  Range: { range: 'bytes=0-3' },
  'If-Range': { range: 'bytes=0-3', 'if-range': '"abc"' },
};
for (const [name, headers] of Object.entries(conditions)) {
  test(`${name} of a client changes nothing`, async (t) => {
    const { ask, gateway } = await start(t);
    for (const format of FORMATS) {
      for (const streamed of [false, true]) served(await ask(`good-${format}`, { stream: streamed, headers }), streamed, `good-${format}`);
    }
    const bad = await ask('bad-openai', { headers });
    assert.equal(bad.status, 502);
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post('', { 'content-length': null, ...headers }, { method: 'GET', path: '/v1/models' }));
    const models = await wire.response();
    assert.equal(models.status, 200);
    assert.equal(JSON.parse(models.body).object, 'list');
  });
}

