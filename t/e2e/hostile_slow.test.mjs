// Clients that take their time: heads and bodies that come byte by byte or stop
// half way. They cost little, keep nobody from being served, and go when nginx's
// timeouts say so.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chunk } from '../mock/raw.mjs';
import { startTarget } from './lib/hostile.mjs';
import { KEY } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { chatBody, Http2, post, Wire, within } from './lib/wire.mjs';

const CLIENTS = 100;
const body = chatBody('openai');
const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\n`;
const chunkedHead = `${head}transfer-encoding: chunked\r\n\r\n`;

// What has been sent when it stops, or goes on for ever with `drip`.
const slow = {
  'half a request line': { text: 'POST /v1/chat/comp' },
  'half a head': { text: head },
  'a head that does not end': { text: head, drip: 'x' },
  'headers that do not end': { text: head, drip: (i) => `x-${i % 10}: y\r\n` },
  'no body': { text: post('', { 'content-length': 1000 }) },
  'half a body': { text: post(body.slice(0, 20), { 'content-length': 1000 }) },
  'a body of blanks': { text: post('', { 'content-length': 1000000 }), drip: ' ' },
  'no chunk': { text: chunkedHead },
  'half a chunk': { text: `${chunkedHead}ff\r\n{"model"` },
  'chunks of one byte': { text: chunkedHead, drip: chunk(' ') },
  'a chunk size that does not end': { text: chunkedHead, drip: '0' },
  'chunk extensions that do not end': { text: `${chunkedHead}5;`, drip: 'a' },
  'trailers that do not end': { text: `${chunkedHead}${chunk(body)}0\r\n`, drip: (i) => `x-${i}: y\r\n` },
};

async function answers(gateway) {
  const served = await chat(gateway, { model: 'anthropic', messages: [{ role: 'user', content: 'Hi' }] }, { connection: 'close' });
  assert.equal(served.status, 200, served.body);
}

for (const [name, { text, drip }] of Object.entries(slow)) {
  test(`${CLIENTS} clients with ${name}`, async (t) => {
    const timeout = drip ? '60s' : '400ms';
    const target = await startTarget(t, { server: `client_header_timeout ${timeout}; client_body_timeout ${timeout};` });
    const wires = await Promise.all(Array.from({ length: CLIENTS }, () => Wire.connect(t, target.port)));
    target.brace();
    await Promise.all(wires.map((wire) => wire.send(text)));
    let going = true;
    const dripping = (async () => {
      for (let i = 0; drip && going; i++) {
        for (const wire of wires) wire.socket.write(typeof drip === 'function' ? drip(i) : drip);
        await new Promise((done) => setTimeout(done, 5));
      }
    })();
    for (let i = 0; i < 20; i++) await within(answers(target.gateway), 'an answer beside them');
    if (!drip) {
      // Nobody waits longer than the operator has said.
      await within(Promise.all(wires.map((wire) => wire.closed)), 'the timeouts');
    }
    going = false;
    await dripping;
    for (const wire of wires) assert.doesNotMatch(wire.input, /^HTTP\/1\.1 (200|5)/);
    for (const wire of wires) wire.socket.destroy();
    await target.survives({ peak: 12 });
    await target.letsGo();
    assert.equal(target.up.exchanges.filter((x) => x.format === 'openai').length, 2, 'half a request was sent on');
  });
}

test(`${CLIENTS} streams of HTTP/2 with half a body`, async (t) => {
  const target = await startTarget(t, { server: 'client_body_timeout 400ms;' });
  const client = await Http2.connect(t, target.clear2);
  target.brace();
  const calls = Array.from({ length: CLIENTS }, () => client.request(null));
  for (let i = 0; i < 10; i++) await within(answers(target.gateway), 'an answer beside them');
  for (const call of calls) await within(call.done, 'the timeout');
  client.session.destroy();
  await target.survives({ peak: 12 });
  await target.letsGo();
});
