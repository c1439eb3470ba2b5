// Each event goes to the client when it has come from the provider, whatever
// the client speaks and however nginx has been told to collect bytes: the
// provider of these tests says nothing more until the client has read what it
// said.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import zlib from 'node:zlib';
import { chunk, LAST_CHUNK, RawProvider, stream, streamHead, toolStream } from '../mock/raw.mjs';
import { after } from './lib/after.mjs';
import { selfSigned } from './lib/certs.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway, tempDir } from './lib/gateway.mjs';
import { authorized } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, within } from './lib/wire.mjs';

const thinking = (text) => ({
  openai: `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { reasoning_content: text }, finish_reason: null }] })}\n\n`,
  anthropic: `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: text } })}\n\n`,
});
const texts = ['one ', 'two', ' ', '\u{1f30d}', 'x'.repeat(20000), 'end'];
const pieces = ['{"a', '":', '"\\u00e9', '"}'];

// What is said before, one after the other, and at the end. Each step with what
// must be read of it: a member of the chunk, as JSON.
const said = {
  texts: {
    opening: (f) => stream[f](texts).opening,
    steps: (f) => stream[f](texts).content.map((event, i) => [event, `"content":${JSON.stringify(texts[i])}`]),
    ending: (f) => stream[f](texts).ending,
  },
  reasoning: {
    opening: (f) => (f === 'openai' ? stream.openai([]).opening : [stream.anthropic([]).opening[0], 'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}\n\n']),
    steps: (f) => ['hm', ' so', ' then'].map((text) => [thinking(text)[f], `"reasoning_content":${JSON.stringify(text)}`]),
    ending: (f) => stream[f]([]).ending,
  },
  arguments: {
    opening: (f) => toolStream[f]([]),
    steps: (f) => toolStream[f](pieces).slice(toolStream[f]([]).length).map((event, i) => [event, `"arguments":${JSON.stringify(pieces[i])}`]),
    ending: (f) => stream[f]([]).ending,
  },
};

async function stepwise(x) {
  const { opening, steps, ending } = said[x.name];
  await x.write(streamHead() + opening(x.format).map(chunk).join(''));
  for (const [i, [event]] of steps(x.format).entries()) {
    await x.write(chunk(event));
    await x.provider.read[i].promise;
  }
  await x.write(ending(x.format).map(chunk).join('') + LAST_CHUNK);
}

// Ways to nginx: `open` sends a request and gives what comes back, decoded.
const insecure = { rejectUnauthorized: false };
function overHttp1(client, scheme) {
  return (t, port, body, headers) =>
    new Promise((done, fail) => {
      const options = { method: 'POST', agent: false, headers: { ...authorized(), ...headers }, ...insecure };
      const req = client.request(`${scheme}://127.0.0.1:${port}/v1/chat/completions`, options, (res) => done({ headers: res.headers, bytes: res }));
      req.on('error', fail);
      req.end(body);
    });
}
function overHttp2(scheme) {
  return (t, port, body, headers) =>
    new Promise((done, fail) => {
      const session = http2.connect(`${scheme}://127.0.0.1:${port}`, insecure);
      after(t, () => session.destroy());
      session.on('error', fail);
      const call = session.request({ ':method': 'POST', ':path': '/v1/chat/completions', ...authorized(), ...headers });
      call.once('response', (head) => done({ headers: head, bytes: call }));
      call.end(body);
    });
}
const ways = {
  'HTTP/1.1': ['clear1', overHttp1(http, 'http')],
  'HTTP/1.1 over TLS': ['tls1', overHttp1(https, 'https')],
  'HTTP/2': ['clear2', overHttp2('http')],
  'HTTP/2 over TLS': ['tls2', overHttp2('https')],
};

// What nginx has been told about sending.
const settings = {
  'nginx\'s defaults': '',
  // Debian's nginx.conf.
  'sendfile and tcp_nopush': 'sendfile on; tcp_nopush on;',
  'large buffers': 'sendfile on; tcp_nopush on; tcp_nodelay off; postpone_output 64k; output_buffers 4 256k; ssl_buffer_size 64k; http2_chunk_size 64k;',
  gzip: 'gzip on; gzip_types text/event-stream; gzip_min_length 1; gzip_buffers 4 64k; gzip_proxied any;',
};

async function start(t, location) {
  const up = await RawProvider.start(t, stepwise);
  const dir = tempDir('certs');
  for (const [name, pem] of Object.entries(selfSigned('gateway.test'))) fs.writeFileSync(path.join(dir, name), pem);
  const [clear2, tls1, tls2] = [await freePort(), await freePort(), await freePort()];
  const names = Object.keys(said).flatMap((what) => FORMATS.map((format) => [`${what}-${format}`, what, format]));
  const gateway = await Gateway.start(t, {
    http: `
      ${location}
      ${names.map(([name, what, format]) => provider(name, format, `http://127.0.0.1:${up.port}/${what}`)).join('\n')}
      ${names.map(([name]) => `llm_model ${name} { target ${name}; }`).join('\n')}`,
    server: `
      listen 127.0.0.1:${clear2} http2;
      listen 127.0.0.1:${tls1} ssl;
      listen 127.0.0.1:${tls2} ssl http2;
      ssl_certificate ${dir}/cert; ssl_certificate_key ${dir}/key;`,
  });
  return { gateway, up, ports: { clear1: gateway.port, clear2, tls1, tls2 } };
}

for (const [setting, location] of Object.entries(settings)) {
  test(`each event at once: ${setting}`, async (t) => {
    const { up, ports } = await start(t, location);
    for (const [way, [port, open]] of Object.entries(ways)) {
      for (const format of FORMATS) {
        for (const [what, { steps }] of Object.entries(said)) {
          await t.test(`${what}, ${way}, ${format}`, async (t) => {
            const expected = steps(format).map(([, member]) => member);
            up.read = expected.map(() => Promise.withResolvers());
            const zipped = setting === 'gzip';
            const answer = open(t, ports[port], chatBody(`${what}-${format}`, { stream: true }), zipped ? { 'accept-encoding': 'gzip' } : {});
            const { headers, bytes } = await within(answer, 'the head of the answer');
            assert.equal(headers['content-encoding'], zipped ? 'gzip' : undefined);
            const body = zipped ? bytes.pipe(zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH })) : bytes;
            let text = '';
            let at = 0;
            body.setEncoding('utf8');
            const ended = new Promise((done) => body.once('end', done));
            body.on('data', (part) => {
              text += part;
              while (at < expected.length && text.includes(expected[at])) up.read[at++].resolve();
            });
            await within(ended, () => `event ${at + 1} of ${expected.length}, ${expected[at]?.slice(0, 50)}, in: ${text.slice(-300)}`, 20000);
            assert.equal(at, expected.length);
            assert.match(text, /data: \[DONE\]\n\n$/);
          });
        }
      }
    }
  });
}
