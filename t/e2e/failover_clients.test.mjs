// Streams that break, as clients of other protocols see them: one error chunk,
// and the end of the response as their protocol says it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults } from '../mock/faults.mjs';
import { assertNothingLeaks, assertOutcome, FORMATS, requestFor, startFaulty } from './lib/faulty.mjs';

import { freePort } from './lib/port.mjs';
import { Http2, post, Wire, within } from './lib/wire.mjs';

const CONTENT = /"content":"[^"]|"tool_calls"/;

// Each gives { status, headers, body, complete }; `onContent` runs when the
// first token is there.
const clients = {
  'HTTP/2': (port2) => async (t, gateway, model, onContent) => {
    const client = await Http2.connect(t, port2);
    const call = client.request(requestFor(model, true));
    let ended = false;
    call.stream.on('end', () => (ended = true));
    call.stream.on('data', () => CONTENT.test(call.text) && onContent());
    const head = await within(call.head, 'the head');
    const { code, text } = await within(call.done, 'the end');
    client.session.destroy();
    return { status: head[':status'], headers: head, body: text, complete: ended && code === 0 };
  },
  'HTTP/1.0': () => async (t, gateway, model, onContent) => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(requestFor(model, true), {}, { version: '1.0' }));
    await wire.until(CONTENT);
    onContent();
    const answer = await wire.response();
    assert.equal(answer.headers['transfer-encoding'], undefined);
    return { ...answer, complete: true };
  },
  'HTTP/1.1, many on one connection': () => {
    let wire;
    return async (t, gateway, model, onContent) => {
      wire ??= await Wire.connect(t, gateway.port);
      await wire.send(post(requestFor(model, true)));
      await wire.until(CONTENT);
      onContent();
      const answer = await wire.response();
      assert.equal(wire.input, '', 'bytes behind the last chunk');
      return { ...answer, complete: answer.headers['transfer-encoding'] === 'chunked' };
    };
  },
};

const late = faults.filter(({ stream, name, endless }) => !endless && (stream?.kind === 'broken' || name.endsWith('-late')));

for (const [name, connect] of Object.entries(clients)) {
  test(`${name}: a fault behind the first token`, async (t) => {
    const clear2 = await freePort();
    const { gateway, faulty } = await startFaulty(t, late, { server: `listen 127.0.0.1:${clear2} http2;` });
    const ask = connect(clear2);
    for (const fault of late) {
      for (const format of FORMATS) {
        await t.test(`${fault.name}, ${format}`, async () => {
          faulty.expectToken();
          const answer = await ask(t, gateway, `last-${fault.name}-${format}`, () => faulty.tokenArrived());
          assertNothingLeaks(answer);
          assertOutcome(answer, fault, format, { stream: true });
        });
      }
    }
  });
}
