// llm_sandbox and those who ask it: over HTTP/2 as over HTTP/1.1, in no hurry
// to read, or gone before the answer.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { Gateway } from './lib/gateway.mjs';
import { authorized } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { acceptedOn, eventually, Http2, post, Wire, within } from './lib/wire.mjs';

const paths = { openai: '/openai/v1/chat/completions', anthropic: '/anthropic/v1/messages' };
const body = (stream, text = 'one two three') => JSON.stringify({ model: 'm', max_tokens: 100000, stream, messages: [{ role: 'user', content: text }] });

async function start(t) {
  const clear2 = await freePort();
  const gateway = await Gateway.start(t, {
    server: `
      listen 127.0.0.1:${clear2} http2;
      location /openai/ { llm_sandbox openai; }
      location /anthropic/ { llm_sandbox anthropic; }`,
  });
  return { gateway, clear2 };
}

for (const [format, path] of Object.entries(paths)) {
  for (const stream of [false, true]) {
    const kind = `${format}, ${stream ? 'streamed' : 'whole'}`;

    test(`a client that leaves is not waited for, ${kind}`, async (t) => {
      const { gateway, clear2 } = await start(t);
      const open = () => acceptedOn(gateway.port) + acceptedOn(clear2);
      await eventually(() => open() === 0, 'rest');

      const wire = await Wire.connect(t, gateway.port);
      await wire.send(post(body(stream), { 'x-sandbox-delay': '1h' }, { path }));
      await eventually(() => open() > 0, 'a connection');
      wire.reset();
      await eventually(() => open() === 0, 'the end of it');

      const client = await Http2.connect(t, clear2);
      const call = client.request(body(stream), { ':path': path, 'x-sandbox-delay': '1h' });
      await new Promise((done) => client.session.ping(done)); // it has arrived
      call.stream.close(8);
      client.session.destroy();
      await eventually(() => open() === 0, 'the end of it');

      // No timer of theirs is left.
      gateway.signal('SIGQUIT');
      await within(gateway.exited, 'the end of nginx');
    });

    test(`a long answer to a client that reads late, ${kind}`, async (t) => {
      const { gateway } = await start(t);
      const text = 'word '.repeat(10000).trim();
      const response = await new Promise((done, fail) => {
        const req = http.request(`http://127.0.0.1:${gateway.port}${path}`, { method: 'POST', headers: authorized() }, done);
        req.on('error', fail);
        req.end(body(stream, text));
      });
      await gateway.active(); // nginx has seen to its events since
      assert.equal(response.statusCode, 200);
      const parts = [];
      for await (const part of response) parts.push(part);
      const said = Buffer.concat(parts).toString();
      const words = stream ? said.match(/"(content|text)":" ?word"/g).length : said.match(/word/g).length;
      assert.equal(words, 10000);
    });

    test(`orders over HTTP/2, ${kind}`, async (t) => {
      const { clear2 } = await start(t);
      const client = await Http2.connect(t, clear2);
      const ask = async (headers) => {
        const call = client.request(body(stream), { ':path': path, ...headers });
        const { code, text } = await within(call.done, 'the end of the stream');
        return { code, text };
      };
      const slow = await ask({ 'x-sandbox-delay': '5ms' });
      assert.equal(slow.code, 0);
      assert.match(slow.text, /three/);
      assert.match((await ask({ 'x-sandbox-status': '429' })).text, /told to fail/);
      const dead = await within(client.request(body(stream), { ':path': `${path}?die=${stream ? 2 : 0}` }).done, 'its death');
      assert.doesNotMatch(dead.text, /three|DONE|message_stop/);
    });
  }
}
