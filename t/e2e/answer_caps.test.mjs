// What a provider can make grow has a cap; and one provider that says too much
// is one provider's matter.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, LAST_CHUNK, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { ask, assertBroken, assertError, assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { events, textOf } from './lib/http.mjs';
import { assertNotGrown, chatBody, memoryOf, post, Wire, within } from './lib/wire.mjs';

const BAD = { status: 502, type: 'upstream_error', code: 'upstream_error' };
const LIMITED = { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' };

async function start(t, scripts, { location = '', more = '' } = {}) {
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const good = await RawProvider.start(t, (x) => answer(x, 'behind'));
  const names = Object.keys(scripts).flatMap((name) => FORMATS.map((format) => [`${name}-${format}`, name, format]));
  const gateway = await Gateway.start(t, {
    location,
    http: `
      ${names.map(([name, at, format]) => provider(name, format, `http://127.0.0.1:${up.port}/${at}`)).join('\n')}
      ${provider('good', 'openai', `http://127.0.0.1:${good.port}/v1`)}
      ${names.map(([name]) => `llm_model ${name} { target ${name}; } llm_model ${name}-or-good { target ${name}; fallback good; }`).join('\n')}
      llm_model good { target good; }
      ${more}`,
  });
  return { gateway, up, good };
}

// --- llm_max_depth, of answers ------------------------------------------------------

const nested = (depth) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
const withOdd = (json, depth) => json.replace(/\}$/, `,"odd":${nested(depth)}}`);
const deep = (depth) => async (x) => {
  if (!x.stream) return x.write(sized(200, withOdd(whole[x.format]('Hi'), depth)));
  const { opening, content, ending } = stream[x.format](['Hi']);
  const odd = opening.map((event) => event.replace(/^data: (.*)$/m, (_, json) => `data: ${withOdd(json, depth)}`));
  return x.write(streamHead() + [...odd, ...content, ...ending].map(chunk).join('') + LAST_CHUNK);
};

test('llm_max_depth: of answers, too', async (t) => {
  const { gateway } = await start(t, { shallow: deep(30), deep: deep(60) }, { location: 'llm_max_depth 50;' });
  for (const format of FORMATS) {
    for (const streamed of [false, true]) {
      await t.test(`${format}, ${streamed ? 'streamed' : 'whole'}`, async () => {
        assertServed(await ask(gateway, `shallow-${format}`, { stream: streamed }), { stream: streamed, text: 'Hi', provider: `shallow-${format}`, attempts: 1 });
        const logged = gateway.errorLog().length;
        assertError(await ask(gateway, `deep-${format}`, { stream: streamed }), { ...BAD, attempts: 1 });
        assert.match(gateway.errorLog().slice(logged), new RegExp(`llm: upstream "deep-${format}" answered 200: `));
        assertServed(await ask(gateway, `deep-${format}-or-good`, { stream: streamed }), { stream: streamed, text: 'behind', provider: 'good', attempts: 2 });
      });
    }
  }
});

// --- what is held before the first content -------------------------------------------

// Chunks that say nothing: a gateway that waits for the first word holds them.
const silence = (n, format) => stream[format]([]).opening.slice(-1)[0].repeat(n);

test('chunks that say nothing are held up to a bound, and none of them is lost', async (t) => {
  const { gateway, up } = await start(t, {
    served: async (x) => {
      const { content, ending } = stream[x.format](['Hi']);
      await x.write(streamHead() + stream[x.format]([]).opening.map(chunk).join(''));
      for (let i = 0; i < 200; i++) await x.write(chunk(silence(20, x.format)));
      await x.write([...content, ...ending].map(chunk).join('') + LAST_CHUNK);
    },
    endless: async (x) => {
      await x.write(streamHead() + stream[x.format]([]).opening.map(chunk).join(''));
      while (!x.socket.destroyed) await x.write(chunk(silence(100, x.format)));
    },
  });
  for (const format of FORMATS) {
    const response = await ask(gateway, `served-${format}`, { stream: true });
    assertServed(response, { stream: true, text: 'Hi', provider: `served-${format}`, attempts: 1 });
    if (format === 'openai') assert.equal(events(response.body).length, 1 + 4000 + 1 + 1 + 1);
  }

  // A client that reads none of it: memory stays what it was.
  const [pid] = gateway.workerPids();
  await gateway.active();
  const before = memoryOf(pid);
  const wires = [];
  for (const format of FORMATS) {
    const wire = await Wire.connect(t, gateway.port);
    wire.socket.pause();
    await wire.send(post(chatBody(`endless-${format}`, { stream: true })));
    wires.push(wire);
  }
  await up.exchange(4);
  await new Promise((done) => setTimeout(done, 1000)); // for it to grow
  assertNotGrown(pid, before);
  for (const wire of wires) wire.reset();
  for (const x of up.exchanges.slice(2)) await within(x.closed, 'the end of the upstream connection');
});

// --- one of many --------------------------------------------------------------------

test('a provider that floods does not keep the worker from others', async (t) => {
  const { gateway, up } = await start(t, {
    flood: async (x) => {
      const { opening, content } = stream[x.format](['x'.repeat(10)]);
      await x.write(streamHead() + opening.map(chunk).join(''));
      const batch = chunk(content[0]).repeat(500);
      while (!x.socket.destroyed) await x.write(batch);
    },
  });
  const wires = [];
  for (const format of [...FORMATS, ...FORMATS]) {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(chatBody(`flood-${format}`, { stream: true })));
    await wire.until(/xxxxxxxxxx/);
    wire.socket.on('data', () => (wire.input = '')); // reads as fast as it can
    wires.push(wire);
  }
  for (let i = 0; i < 10; i++) {
    const answered = await within(ask(gateway, 'good', { stream: i % 2 === 1 }), 'an answer beside the flood', 20000);
    assertServed(answered, { stream: i % 2 === 1, text: 'behind', provider: 'good', attempts: 1 });
  }
  for (const wire of wires) wire.reset();
  for (const x of up.exchanges) await within(x.closed, 'the end of the upstream connection');
});

// --- an error in the middle that asks for another try --------------------------------

// What came before it is the client's: nobody else is asked, whatever the error.
const late = {
  openai: (type) => `data: ${JSON.stringify({ error: { message: 'slow down', type, code: type } })}\n\n`,
  anthropic: (type) => `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type, message: 'slow down' } })}\n\n`,
};
test('a rate limit in mid-stream is no reason for another target', async (t) => {
  const { gateway, up, good } = await start(t, {
    late: async (x) => {
      const { opening, content } = stream[x.format](['Hello']);
      await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
      await x.provider.goOn;
      await x.write(chunk(late[x.format]('rate_limit_error')) + LAST_CHUNK);
    },
    early: (x) => x.write(streamHead() + chunk(stream[x.format]([]).opening[0]) + chunk(late[x.format]('rate_limit_error')) + LAST_CHUNK),
  });
  for (const format of FORMATS) {
    let goOn;
    up.goOn = new Promise((done) => (goOn = done));
    assertBroken(await ask(gateway, `late-${format}-or-good`, { stream: true, onContent: goOn }), { text: 'Hello', type: LIMITED.type, code: LIMITED.code });
    assert.equal(good.exchanges.length, 0);
  }
  for (const format of FORMATS) {
    assertError(await ask(gateway, `early-${format}`, { stream: true }), { ...LIMITED, attempts: 1 });
    assert.equal(textOf(events((await ask(gateway, `early-${format}-or-good`, { stream: true })).body)), 'behind');
  }
  assert.equal(good.exchanges.length, 2);
});
