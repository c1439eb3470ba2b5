// Texts of others in places of ours: names that clients and providers choose,
// and what a provider quotes of a request.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RawProvider, sized } from '../mock/raw.mjs';
import { Gateway } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { post, Wire } from './lib/wire.mjs';

const messages = [{ role: 'user', content: 'x' }];

async function launch(t, reply, { provider = '', location = '', http = '' } = {}) {
  const up = await RawProvider.start(t, async (x) => x.write(reply(x.request)));
  const gateway = await Gateway.start(t, {
    http: `llm_provider up { type openai; pass http://127.0.0.1:${up.port}; key none; ${provider} } llm_model m { target up; } ${http}`,
    location,
  });
  return gateway;
}

const inHeaders = 'add_header x-asked $llm_request_model always; add_header x-error $llm_error always;';

for (const name of ['a\r\nSet-Cookie: owned=1', 'a\nb', 'a\0b', '\u0001'.repeat(300), 'x'.repeat(257), '']) {
  test(`a name that was refused is in no header and no log: ${JSON.stringify(name.slice(0, 20))}`, async (t) => {
    const gateway = await launch(t, () => sized(200, '{}'), {
      http: "log_format asked '[$llm_request_model]';",
      location: `${inHeaders} access_log access.log asked;`,
    });
    const answer = await chat(gateway, { model: name, messages });
    assert.equal(answer.status, 400);
    assert.equal(answer.headers['set-cookie'], undefined);
    assert.equal(answer.headers['x-asked'], undefined);
    assert.deepEqual((await gateway.accessLog()).filter((line) => line.startsWith('[')), ['[-]']);
  });
}

test('a provider quotes what an operator has put into headers', async (t) => {
  const secrets = { 'api-key': 'azure-secret-0123456789', authorization: 'Bearer operator-secret-0123456789', 'x-auth-token': 'token-0123456789abcdef' };
  const reply = ({ headers }) => sized(400, JSON.stringify({ error: { message: `no: ${Object.keys(secrets).map((name) => headers[name]).join(' ')}, ${headers['x-plain']}` } }));
  const gateway = await launch(t, reply, {
    provider: `${Object.entries(secrets).map(([name, value]) => `header ${name} "${value}";`).join(' ')} header x-plain interleaved-thinking-2025;`,
  });
  const { status, body } = await chat(gateway, { model: 'm', messages });
  assert.equal(status, 400);
  assert.equal(JSON.parse(body).error.message, 'no: [key] Bearer [key] [key], interleaved-thinking-2025');
  assert.doesNotMatch(gateway.errorLog(), /0123456789/);
});

test('answers without an id get ids of their own, on one connection too', async (t) => {
  const up = await RawProvider.start(t, async (x) => x.write(sized(200, '{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}')));
  const gateway = await Gateway.start(t, { http: `llm_provider up { type anthropic; pass http://127.0.0.1:${up.port}; key none; } llm_model m { target up; }` });
  const ids = new Set();
  for (let i = 0; i < 4; i++) {
    const { headers, body } = await chat(gateway, { model: 'm', messages });
    const { id } = JSON.parse(body);
    assert.match(id, /^chatcmpl-[0-9a-f]{32}$/);
    assert.equal(id, `chatcmpl-${headers['x-request-id']}`);
    ids.add(id);
  }
  assert.equal(ids.size, 4);
});

for (const [status, framing] of [[204, 'transfer-encoding: chunked'], [304, 'transfer-encoding: chunked'], [204, 'content-length: 5'], [304, 'x: y']]) {
  test(`an answer that can have no body is over with its head: ${status}, ${framing}`, async (t) => {
    const gateway = await launch(t, () => `HTTP/1.1 ${status} Nothing\r\n${framing}\r\n\r\n`, { provider: 'total_timeout 60s; idle_timeout 60s;' });
    const { status: told, body } = await chat(gateway, { model: 'm', messages });
    assert.deepEqual([told, JSON.parse(body).error.code], [502, 'upstream_error']);
  });
}

test('a body in bad chunks, refused for want of a key', async (t) => {
  const gateway = await launch(t, () => sized(200, '{}'));
  const wire = await Wire.connect(t, gateway.port);
  await wire.send(post('', { authorization: null, 'content-length': null, 'transfer-encoding': 'chunked' }) + 'zz\r\n');
  const { status, headers, body } = await wire.response();
  assert.ok(status === 400 || status === 401);
  assert.match(headers['content-type'], /^application\/json/);
  assert.ok(JSON.parse(body).error.message);
});
