// Streams of HTTP/2 that are reset as soon as they are there, by the thousand:
// nothing of them stays, not in the worker and not at a provider.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chunk, sized, stream, streamHead } from '../mock/raw.mjs';
import { FORMATS } from './lib/faulty.mjs';
import { startTarget } from './lib/hostile.mjs';
import { chatBody, eventually, Http2, within } from './lib/wire.mjs';

const CANCEL = 8;
const TOTAL = 2000;
const BATCH = 50; // below what nginx takes for an attack

const opening = (x) => x.write(streamHead() + [...stream[x.format]([]).opening, ...stream[x.format](['Hello ']).content].map(chunk).join(''));
const scripts = {
  silent: () => {},
  token: opening,
  failing: (x) => x.write(sized(500, '{}')),
};
const models = [...Object.keys(scripts).flatMap((name) => FORMATS.map((format) => `${name}-${format}`)), ...FORMATS, 'walk'];
const http = 'llm_model walk { target failing-openai; target failing-anthropic; target silent-openai; }';

// When the reset comes: with the request, when it has arrived, with an answer.
const moments = {
  'at once': async () => {},
  'when they have arrived': (client) => new Promise((done) => client.session.ping(done)),
  'at the first byte of some': async (client, calls) => {
    await Promise.race([...calls.map((call) => call.first), new Promise((done) => setTimeout(done, 200))]);
  },
};

async function batch(t, target, bodyOf, moment) {
  const client = await Http2.connect(t, target.clear2);
  for (let round = 0; round < 4 && !client.session.destroyed; round++) {
    const calls = Array.from({ length: BATCH }, (_, i) => client.request(bodyOf(i)));
    await moment(client, calls);
    for (const call of calls) if (!call.stream.destroyed) call.stream.close(CANCEL);
    await within(Promise.all(calls.map((call) => call.done)), 'the end of the streams');
  }
  client.session.destroy();
}

for (const [when, moment] of Object.entries(moments)) {
  test(`${TOTAL} streams reset ${when}`, async (t) => {
    const target = await startTarget(t, { scripts, http });
    const bodyOf = (i) => chatBody(models[i % models.length], { stream: i % 3 > 0 });
    await batch(t, target, bodyOf, moment);
    await target.survives({ peak: 16 });
    target.brace();
    for (let sent = 200; sent < TOTAL; sent += 200) await batch(t, target, bodyOf, moment);
    await target.survives({ peak: 16, rest: 4 });
    await target.letsGo();
    assert.ok(target.up.exchanges.length > 0);
  });
}

test('streams reset in the middle of their bodies', async (t) => {
  const target = await startTarget(t, { scripts, location: 'client_body_buffer_size 16k;' });
  for (let i = 0; i < 5; i++) {
    const client = await Http2.connect(t, target.clear2);
    const calls = Array.from({ length: 100 }, () => client.request(null));
    for (const call of calls) call.stream.write('x'.repeat(40000));
    await new Promise((done) => client.session.ping(done));
    for (const call of calls) call.stream.close(CANCEL);
    await within(Promise.all(calls.map((call) => call.done)), 'the end of the streams');
    client.session.destroy();
  }
  await eventually(() => target.spooled() === 0, 'the end of the files');
  await target.survives({ peak: 16 });
  await target.letsGo();
});

// More at once than anybody needs: nginx ends the connection, and no other.
test('a flood of streams and resets without a pause', async (t) => {
  const target = await startTarget(t, { scripts, http });
  for (let i = 0; i < 5; i++) {
    const client = await Http2.connect(t, target.clear2);
    for (let n = 0; n < 1000 && !client.session.destroyed; n++) client.request(chatBody('silent-openai', { stream: true })).stream.close(CANCEL);
    await Promise.race([new Promise((done) => client.session.once('close', done)), new Promise((done) => setTimeout(done, 300))]);
    client.session.destroy();
  }
  await target.survives({ peak: 16 });
  await target.letsGo();
});
