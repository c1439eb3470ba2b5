// A provider that only pings for a while keeps its own connection alive; the
// client hears of it, so that what stands between does not take a healthy
// stream for a dead one.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chunk, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { chatBody, post, Wire } from './lib/wire.mjs';

const pings = { openai: ': ping\n\n', anthropic: 'event: ping\ndata: {"type":"ping"}\n\n' };

for (const format of FORMATS) {
  test(`a ping after the first token reaches the client as a comment, ${format}`, async (t) => {
    let goOn;
    const heard = new Promise((done) => (goOn = done));
    const up = await RawProvider.start(t, async (x) => {
      const { opening, content, ending } = stream[x.format](['Hello']);
      await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
      await heard;
      for (let i = 0; i < 3; i++) await x.write(chunk(pings[x.format]));
      await x.provider.done;
      await x.write([...ending].map(chunk).join('') + '0\r\n\r\n');
    });
    let finish;
    up.done = new Promise((done) => (finish = done));
    const gateway = await Gateway.start(t, {
      http: `${provider('up', format, `http://127.0.0.1:${up.port}/v1`)} llm_model m { target up; }`,
    });
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(chatBody('m', { stream: true })));
    await wire.until(/Hello/);
    goOn();
    try {
      await wire.until(/(^|\n):/m, 3000);
    } finally {
      finish();
    }
    assert.match((await wire.response()).body, /\[DONE\]/);
  });
}
