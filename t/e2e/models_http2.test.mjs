// The list of models and refusals over HTTP/2: the same words as over HTTP/1.1,
// and a stream that ends properly.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import test from 'node:test';
import { after } from './lib/after.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { request } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { withSandbox } from './lib/sandbox.mjs';
import { within } from './lib/wire.mjs';

const asks = [
  ['GET', '/v1/models', 200],
  ['HEAD', '/v1/models', 200],
  ['GET', '/v1/models/m', 200],
  ['HEAD', '/v1/models/m', 200],
  ['GET', '/v1/models/nosuch', 404],
  ['GET', '/v1/nosuch', 404],
  ['HEAD', '/v1/nosuch', 404],
  ['GET', '/v1/chat/completions', 405],
  ['HEAD', '/v1/chat/completions', 405],
  ['POST', '/v1/models', 405],
  ['DELETE', '/v1/models/m', 405],
  ['OPTIONS', '/v1/chat/completions', 405],
  ['POST', '/v1/chat/completions', 415, { 'content-type': 'text/plain' }],
  ['POST', '/v1/chat/completions', 400, { 'content-type': 'application/json' }],
  ['GET', '/v1/models', 401, { authorization: 'Bearer wrong' }],
];

test('HTTP/2 says what HTTP/1.1 says', async (t) => {
  const port = await freePort();
  const gateway = await Gateway.start(t, { server: `listen 127.0.0.1:${port} http2;`, http: withSandbox() });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  after(t, () => session.destroy());
  for (const [method, path, status, more] of asks) {
    await t.test(`${method} ${path}: ${status}`, async () => {
      const headers = { authorization: `Bearer ${KEY}`, ...more };
      const one = await request(`http://127.0.0.1:${gateway.port}${path}`, { method, headers });
      const call = session.request({ ':method': method, ':path': path, ...headers }, { endStream: true });
      let head;
      let body = '';
      call.once('response', (fields) => (head = fields));
      call.setEncoding('utf8').on('data', (part) => (body += part));
      await within(new Promise((done) => call.once('close', done)), 'the end of the stream');
      assert.equal(call.rstCode, 0);
      assert.deepEqual([head[':status'], one.status], [status, status]);
      assert.equal(body, one.body);
      for (const name of ['content-type', 'content-length', 'allow']) assert.equal(head[name], one.headers[name], name);
      assert.equal(body === '', method === 'HEAD');
      if (status >= 400 && method !== 'HEAD') assert.equal(JSON.parse(body).error.type, 'invalid_request_error');
    });
  }
});
