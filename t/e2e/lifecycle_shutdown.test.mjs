// Workers that are told to quit and still have something in hand: they wait for
// it, unless worker_shutdown_timeout says for how long.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chunk, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { isAlive } from './lib/process.mjs';
import { chatBody, eventually, Http2, post, Wire, within } from './lib/wire.mjs';

class Impatient extends Gateway {
  conf() {
    return super.conf().replace(/worker_shutdown_timeout \w+;/, 'worker_shutdown_timeout 500ms;');
  }
}

// Providers that begin and do not end.
async function start(t) {
  const up = await RawProvider.start(t, (x) => {
    const { opening, content } = stream[x.format](['Hello']);
    return x.write(x.stream ? streamHead() + [...opening, ...content].map(chunk).join('') : sized(200, whole[x.format]('Hello')).slice(0, -20));
  });
  const clear2 = await freePort();
  const gateway = await Impatient.start(t, {
    http: FORMATS.map((f) => `${provider(f, f, `http://127.0.0.1:${up.port}`)} llm_model ${f} { target ${f}; }`).join('\n'),
    server: `listen 127.0.0.1:${clear2} http2;`,
  });
  return { gateway, up, clear2 };
}

// What a client has got when it is over.
const clients = {
  'HTTP/1.1': async (t, { gateway }, body, streamed) => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(body));
    if (streamed) await wire.until(/Hello/);
    return async () => {
      await within(wire.closed, 'the end of the connection');
      return wire.input;
    };
  },
  'HTTP/2': async (t, { clear2 }, body, streamed) => {
    const client = await Http2.connect(t, clear2);
    const call = client.request(body);
    if (streamed) await within(call.first, 'the first token');
    return async () => (await within(call.done, 'the end of the stream')).text;
  },
};

for (const [version, connect] of Object.entries(clients)) {
  for (const format of FORMATS) {
    for (const signal of ['SIGHUP', 'SIGQUIT']) {
      test(`${signal}, worker_shutdown_timeout: what is cut off tells no lie, ${version}, ${format}`, async (t) => {
        const { gateway, up, ...rest } = await start(t);
        await gateway.active();
        const [worker] = gateway.workerPids();
        const running = [true, false].map((streamed) => connect(t, { gateway, up, ...rest }, chatBody(format, { stream: streamed }), streamed));
        const ends = await Promise.all(running);
        await up.exchange(2);
        gateway.signal(signal);
        const [streamText, wholeText] = await Promise.all(ends.map((end) => end()));
        assert.match(streamText, /Hello/);
        for (const text of [streamText, wholeText]) assert.doesNotMatch(text, /\[DONE\]|"finish_reason":"(stop|error)"|"error"/);
        await Promise.all(up.exchanges.map((x) => within(x.closed, 'the end of the upstream connection')));
        await eventually(() => !isAlive(worker), 'the end of the worker');
        if (signal === 'SIGQUIT') return within(gateway.exited, 'the end of nginx');
        assert.equal(await gateway.active(), 0);
      });
    }
  }
}
