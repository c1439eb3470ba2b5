// What may take how long, on the provider's side.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBlackhole } from '../mock/faults.mjs';
import { answer, chunk, LAST_CHUNK, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { ask, assertBroken, assertError, assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { events, textOf } from './lib/http.mjs';
import { chatBody, within } from './lib/wire.mjs';

const LATE = { status: 504, type: 'timeout_error', code: 'timeout' };
const pieces = (n) => Array.from({ length: n }, (_, i) => `${i} `);

// One provider with the given limits; the model `two` has a good one behind it.
async function start(t, script, limits, format = 'openai') {
  const up = await RawProvider.start(t, script);
  const next = await RawProvider.start(t, (x) => answer(x, 'behind'));
  const gateway = await Gateway.start(t, {
    http: `
      ${provider('up', format, `http://127.0.0.1:${up.port}`, limits)}
      ${provider('next', 'openai', `http://127.0.0.1:${next.port}`)}
      llm_model m { target up; }
      llm_model two { target up; fallback next; }`,
  });
  return { gateway, up, next };
}

// Sends `events` with pauses in between.
async function drip(x, events, ms) {
  for (const event of events) {
    await x.write(chunk(event));
    await sleep(ms);
  }
}

for (const format of FORMATS) {
  test(`first_token_timeout: streams only, and not reset by what is no token, ${format}`, async (t) => {
    const { gateway, up } = await start(
      t,
      async (x) => {
        if (!x.stream) {
          await sleep(1000);
          return answer(x, 'at last');
        }
        await x.write(streamHead() + stream[format]([]).opening.map(chunk).join(''));
        while (!x.socket.destroyed) await drip(x, [': ping\n\n'], 50);
      },
      'first_token_timeout 400ms;',
      format,
    );
    assertError(await ask(gateway, 'm', { stream: true }), { ...LATE, attempts: 1 });
    await gateway.waitForLog(/llm: upstream "up" answered 200: first_token_timeout/);
    await within(up.exchanges[0].closed, 'the end of the upstream connection');
    assertServed(await ask(gateway, 'm'), { stream: false, text: 'at last', provider: 'up', attempts: 1 });
  });

  test(`idle_timeout: between the tokens of a stream, ${format}`, async (t) => {
    const { gateway, up } = await start(
      t,
      async (x) => {
        const { opening, content } = stream[format](['one ']);
        await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
      },
      'idle_timeout 400ms;',
      format,
    );
    assertBroken(await ask(gateway, 'm', { stream: true }), { text: 'one ', ...LATE });
    await gateway.waitForLog(/llm: upstream "up" answered 200: idle_timeout/);
    await within(up.exchanges[0].closed, 'the end of the upstream connection');
  });

  test(`idle_timeout: whole answers may pause for longer, ${format}`, async (t) => {
    const { gateway } = await start(
      t,
      async (x) => {
        const bytes = sized(200, whole[format]('at last'));
        await x.write(bytes.slice(0, -20));
        await sleep(1000);
        await x.write(bytes.slice(-20));
      },
      'idle_timeout 300ms; first_token_timeout 300ms;',
      format,
    );
    assertServed(await ask(gateway, 'm'), { stream: false, text: 'at last', provider: 'up', attempts: 1 });
  });

  for (const streamed of [true, false]) {
    const kind = streamed ? 'streamed' : 'whole';

    test(`total_timeout: ends what never does, ${format}, ${kind}`, async (t) => {
      const { gateway, up } = await start(
        t,
        async (x) => {
          if (!x.stream) {
            await x.write(sized(200, whole[format]('x'.repeat(1000))).slice(0, 200));
            while (!x.socket.destroyed) {
              await x.write('x');
              await sleep(20);
            }
          }
          const { opening, content } = stream[format](['x']);
          await x.write(streamHead() + opening.map(chunk).join(''));
          while (!x.socket.destroyed) await drip(x, content, 20);
        },
        'total_timeout 700ms;',
        format,
      );
      const answer = await ask(gateway, 'm', { stream: streamed });
      if (streamed) {
        const text = textOf(events(answer.body));
        assert.match(text, /^x+$/);
        assertBroken(answer, { text, ...LATE });
      } else {
        assertError(answer, { ...LATE, attempts: 1 });
      }
      await gateway.waitForLog(/total_timeout/);
      await within(up.exchanges[0].closed, 'the end of the upstream connection');
    });
  }
}

test('idle_timeout: a stream that goes on is not idle, nor is one that only pings', async (t) => {
  const { gateway } = await start(
    t,
    async (x) => {
      const { opening, content, ending } = stream.openai(pieces(10));
      await x.write(streamHead() + opening.map(chunk).join(''));
      await drip(x, content, 150);
      await drip(x, Array(10).fill(': ping\n\n'), 150);
      await x.write(ending.map(chunk).join('') + LAST_CHUNK);
    },
    'idle_timeout 1200ms; first_token_timeout 60s;',
  );
  const answer = await ask(gateway, 'm', { stream: true });
  assertServed(answer, { stream: true, text: pieces(10).join(''), provider: 'up', attempts: 1 });
});

test('first_token_timeout: does not end a stream that has begun', async (t) => {
  const { gateway } = await start(
    t,
    async (x) => {
      const { opening, content, ending } = stream.openai(pieces(4));
      await x.write(streamHead() + opening.map(chunk).join(''));
      await drip(x, content, 300);
      await x.write(ending.map(chunk).join('') + LAST_CHUNK);
    },
    'first_token_timeout 500ms;',
  );
  const answer = await ask(gateway, 'm', { stream: true });
  assertServed(answer, { stream: true, text: pieces(4).join(''), provider: 'up', attempts: 1 });
});

test('connect_timeout: is not for the answer', async (t) => {
  const { gateway } = await start(
    t,
    async (x) => {
      await sleep(700);
      await answer(x, 'at last');
    },
    'connect_timeout 200ms;',
  );
  assertServed(await ask(gateway, 'm'), { stream: false, text: 'at last', provider: 'up', attempts: 1 });
});

test('connect_timeout: the next target is asked', async (t) => {
  const port = await startBlackhole(t);
  const next = await RawProvider.start(t, (x) => answer(x, 'behind'));
  const gateway = await Gateway.start(t, {
    http: `
      ${provider('hole', 'openai', `http://127.0.0.1:${port}`, 'connect_timeout 200ms;')}
      ${provider('next', 'anthropic', `http://127.0.0.1:${next.port}`)}
      llm_model m { target hole; target hole; target next; }`,
  });
  assertServed(await ask(gateway, 'm'), { stream: false, text: 'behind', provider: 'next', attempts: 3 });
  await gateway.waitForLog(/llm: upstream "hole" failed: timed out/);
});

for (const streamed of [true, false]) {
  const kind = streamed ? 'streamed' : 'whole';

  test(`each attempt has its time for itself, ${kind}`, async (t) => {
    // The first one uses up all of its time; the second needs most of its own.
    const { gateway, next } = await start(t, () => {}, 'first_token_timeout 600ms; total_timeout 600ms;');
    next.script = async (x) => {
      await sleep(400);
      await answer(x, 'behind');
    };
    const answered = await ask(gateway, 'two', { stream: streamed });
    assertServed(answered, { stream: streamed, text: 'behind', provider: 'next', attempts: 2 });
  });

  test(`send_timeout: a provider that does not take the request, ${kind}`, async (t) => {
    const deaf = await RawProvider.start(t, () => {}, { connected: (socket) => socket.pause() });
    const next = await RawProvider.start(t, (x) => answer(x, 'behind'));
    const gateway = await Gateway.start(t, {
      http: `
        ${provider('deaf', 'openai', `http://127.0.0.1:${deaf.port}`, 'send_timeout 300ms;')}
        ${provider('next', 'openai', `http://127.0.0.1:${next.port}`)}
        llm_model m { target deaf; }
        llm_model two { target deaf; fallback next; }`,
    });
    const body = (model) => chatBody(model, { stream: streamed, user: 'x'.repeat(8 << 20) });
    assertError(await ask(gateway, 'm', { body: body('m') }), { ...LATE, attempts: 1 });
    const answered = await ask(gateway, 'two', { body: body('two') });
    assertServed(answered, { stream: streamed, text: 'behind', provider: 'next', attempts: 2 });
  });
}
