// llm_sandbox before a client that does not read: nginx looks at all that such
// a client has not taken whenever something is added, so nothing is.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gateway } from './lib/gateway.mjs';
import { post, Wire, within } from './lib/wire.mjs';

const paths = { openai: '/openai/v1/chat/completions', anthropic: '/anthropic/v1/messages' };
const body = (words, stream) => JSON.stringify({ model: 'm', max_tokens: 1000000, stream, messages: [{ role: 'user', content: 'word '.repeat(words).trim() }] });

for (const [format, path] of Object.entries(paths)) {
  test(`a client that does not read does not keep the sandbox from others, ${format}`, async (t) => {
    const gateway = await Gateway.start(t, { server: 'location /openai/ { llm_sandbox openai; } location /anthropic/ { llm_sandbox anthropic; }' });
    const slow = await Wire.connect(t, gateway.port);
    slow.socket.pause();
    await slow.send(post(body(40000, true), {}, { path }));
    const other = await Wire.connect(t, gateway.port);
    await other.send(post(body(1, false), {}, { path }));
    assert.equal((await within(other.response(), 'an answer to another client', 15000)).status, 200);
    slow.reset();
  });
}

test('one that never reads is let go after send_timeout', async (t) => {
  const gateway = await Gateway.start(t, {
    server: "client_max_body_size 64m; send_timeout 300ms; location /openai/ { llm_sandbox openai; }",
  });
  const slow = await Wire.connect(t, gateway.port);
  slow.socket.pause();
  const words = Array(4).fill('x'.repeat(8 << 20)).join(' ');
  const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: words }] });
  await slow.send(post(body, {}, { path: '/openai/v1/chat/completions?delay=20ms' }));
  assert.match((await gateway.accessLog()).join(), /"POST \/openai\//, 'the request is over');
});
