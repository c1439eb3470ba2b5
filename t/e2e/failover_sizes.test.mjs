// Events of 10 MB and 100,000 events in one write, under the limits that are
// the default and under larger ones: served or refused whole, at the first
// target and at the last, and within bounds of memory.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, LAST_CHUNK, RawProvider, sized, stream, streamError, streamHead, whole } from '../mock/raw.mjs';
import { ask, assertBroken, assertError, assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { assertNotGrown, chatBody, Http2, memoryOf, peakOf, resetPeak, within } from './lib/wire.mjs';

const MB = 1 << 20;
const HUGE = 'x'.repeat(10 * MB);
const N = 100000;
const WORDS = Array.from({ length: N }, (_, i) => `${i} `);
const BAD = { status: 502, type: 'upstream_error', code: 'upstream_error' };

const inOne = (...events) => streamHead() + chunk(events.flat().join(''));
const tiny = (x) => stream[x.format](WORDS);
const FEW = WORDS.slice(0, N / 5);
const fewer = (x) => stream[x.format](FEW);
const scripts = {
  // One event, in a chunk of its own.
  huge: (x) => {
    if (!x.stream) return x.write(sized(200, whole[x.format](HUGE)));
    const { opening, content, ending } = stream[x.format]([HUGE]);
    return x.write(streamHead() + [...opening, ...content, ...ending].map(chunk).join('') + LAST_CHUNK);
  },
  // The same behind a first token that the client has.
  late: async (x) => {
    const { opening, content, ending } = stream[x.format](['Hello ', HUGE]);
    await x.write(streamHead() + [...opening, content[0]].map(chunk).join(''));
    await x.provider.clientHasToken;
    await x.write([content[1], ...ending].map(chunk).join('') + LAST_CHUNK);
  },
  // An event that has no end.
  endless: async (x) => {
    await x.write(streamHead() + chunk(stream[x.format]([]).opening.join('') + 'data: '));
    while (!x.socket.destroyed) await x.write(chunk('x'.repeat(MB)));
  },
  tiny: (x) => x.write(inOne(tiny(x).opening, tiny(x).content, tiny(x).ending) + LAST_CHUNK),
  cut: (x) => x.write(inOne(fewer(x).opening, fewer(x).content) + LAST_CHUNK),
  error: (x) => x.write(inOne(fewer(x).opening, fewer(x).content, streamError[x.format]('said by the provider'), fewer(x).content) + LAST_CHUNK),
  pings: (x) => x.write(inOne(tiny(x).opening, ': ping\n\n'.repeat(N), stream[x.format](['Hi']).content, ': ping\n\n'.repeat(N), tiny(x).ending) + LAST_CHUNK),
  blanks: (x) => x.write(inOne('\n'.repeat(N), tiny(x).opening, 'event:\n\n'.repeat(N), stream[x.format](['Hi']).content, 'id: 1\n\n'.repeat(N), tiny(x).ending) + LAST_CHUNK),
};

async function start(t, location = '') {
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const good = await RawProvider.start(t, (x) => answer(x, 'behind'));
  const clear2 = await freePort();
  const names = Object.keys(scripts).flatMap((name) => FORMATS.map((format) => [`${name}-${format}`, name, format]));
  const gateway = await Gateway.start(t, {
    location,
    server: `listen 127.0.0.1:${clear2} http2;`,
    http: `
      ${provider('good', 'openai', `http://127.0.0.1:${good.port}/v1`)}
      ${names.map(([name, at, format]) => provider(name, format, `http://127.0.0.1:${up.port}/${at}`)).join('\n')}
      ${names.map(([name]) => `llm_model last-${name} { target ${name}; } llm_model first-${name} { target ${name}; fallback good; }`).join('\n')}`,
  });
  const [pid] = gateway.workerPids();
  await gateway.active();
  // `peak`: what it may cost at any time, in megabytes.
  const run = async (model, { stream: streamed = true, peak }) => {
    up.clientHasToken = new Promise((done) => (up.tokenArrived = done));
    const before = memoryOf(pid);
    resetPeak(pid);
    const answered = await ask(gateway, model, { stream: streamed, onContent: () => up.tokenArrived() });
    assertNotGrown(pid, before, peak * 1024, peakOf);
    return answered;
  };
  return { gateway, up, good, clear2, run };
}

const behind = { stream: true, text: 'behind', provider: 'good', attempts: 2 };

test('an event of 10 MB, by default', async (t) => {
  const { run } = await start(t);
  for (const format of FORMATS) {
    for (const name of ['huge', 'endless']) {
      assertServed(await run(`first-${name}-${format}`, { peak: 8 }), behind);
      assertError(await run(`last-${name}-${format}`, { peak: 8 }), { ...BAD, attempts: 1 });
    }
    for (const place of ['first', 'last']) {
      assertBroken(await run(`${place}-late-${format}`, { peak: 8 }), { text: 'Hello ', ...BAD });
      // A whole answer may be that large.
      const provider = `huge-${format}`;
      assertServed(await run(`${place}-${provider}`, { stream: false, peak: 64 }), { stream: false, text: HUGE, provider, attempts: 1 });
    }
  }
});

test('an event of 10 MB, with llm_max_event 16m', async (t) => {
  const { run } = await start(t, 'llm_max_event 16m;');
  for (const format of FORMATS) {
    for (const place of ['first', 'last']) {
      for (const [name, text] of [['huge', HUGE], ['late', `Hello ${HUGE}`]]) {
        const provider = `${name}-${format}`;
        assertServed(await run(`${place}-${provider}`, { peak: 96 }), { stream: true, text, provider, attempts: 1 });
      }
    }
    assertServed(await run(`first-endless-${format}`, { peak: 96 }), behind);
  }
});

test('an answer of 10 MB, with llm_max_response 1m', async (t) => {
  const { run } = await start(t, 'llm_max_response 1m;');
  for (const format of FORMATS) {
    assertServed(await run(`first-huge-${format}`, { stream: false, peak: 8 }), { ...behind, stream: false });
    assertError(await run(`last-huge-${format}`, { stream: false, peak: 8 }), { ...BAD, attempts: 1 });
  }
});

test('100,000 events in one write', async (t) => {
  const { run, clear2, good } = await start(t);
  for (const format of FORMATS) {
    const served = (name, text) => ({ stream: true, text, provider: `${name}-${format}`, attempts: 1 });
    assertServed(await run(`first-tiny-${format}`, { peak: 8 }), served('tiny', WORDS.join('')));
    assertServed(await run(`first-pings-${format}`, { peak: 8 }), served('pings', 'Hi'));
    assertServed(await run(`first-blanks-${format}`, { peak: 8 }), served('blanks', 'Hi'));
    for (const place of ['first', 'last']) {
      assertBroken(await run(`${place}-cut-${format}`, { peak: 8 }), { text: FEW.join(''), type: 'upstream_error', code: 'stream_interrupted' });
      assertBroken(await run(`${place}-error-${format}`, { peak: 8 }), { text: FEW.join(''), ...BAD });
    }
    const client = await Http2.connect(t, clear2);
    const call = client.request(chatBody(`last-tiny-${format}`, { stream: true }));
    const head = await within(call.head, 'the head');
    const { code, text } = await within(call.done, 'the end', 60000);
    assertServed({ status: head[':status'], headers: head, body: text, complete: code === 0 }, { stream: true, text: WORDS.join(''), provider: `tiny-${format}`, attempts: 1 });
  }
  assert.equal(good.exchanges.length, 0);
});
