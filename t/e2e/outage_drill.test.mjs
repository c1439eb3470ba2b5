// A provider goes dark under load and comes back: no client notices, and it is
// asked again when it is well. DRILL_SECONDS=60 makes the night longer.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, chunk, errorBody, RawProvider, sized, streamHead } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { chat, events, request, textOf } from './lib/http.mjs';
import { until } from './lib/until.mjs';
import { chatBody } from './lib/wire.mjs';

const NIGHT = 1000 * (process.env.DRILL_SECONDS ?? 2);
const CLIENTS = 12;
const FAILURES = 3;
const COOLDOWN = 300;

// What a provider does in the dark.
const nights = {
  'refuses connections': {
    begin: async (up) => {
      up.server.close();
      for (const socket of up.sockets) socket.destroy();
    },
    end: async (up) => {
      up.server.listen(up.port, '127.0.0.1');
      await once(up.server, 'listening');
    },
  },
  'answers 503': { act: (x) => x.end(sized(503, errorBody.openai(503, 'No.'))) },
  'takes requests and says nothing': { act: () => {} },
  'dies before the first token': { act: (x) => (x.stream ? x.end(streamHead() + chunk(': wait\n\n')) : x.end('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{')) },
};

// Clients that ask again and again, each in its own way; `failed` has what was
// not a whole answer of one of the two.
function startClients(gateway) {
  const load = { over: false, served: [], failed: [] };
  const client = async (n) => {
    const stream = n % 2 === 0;
    while (!load.over) {
      const { status, body, headers } = await chat(gateway, chatBody('m', { stream }), { connection: 'close' });
      const text = stream ? textOf(events(body)) : JSON.parse(body).choices?.[0].message.content;
      const whole = status === 200 && ['first', 'second'].includes(text) && (!stream || body.endsWith('data: [DONE]\n\n'));
      (whole ? load.served : load.failed).push(whole ? headers['x-llm-provider'] : `${status} ${body}`);
      await sleep(5);
    }
  };
  load.clients = Array.from({ length: CLIENTS }, (_, n) => client(n));
  return load;
}

for (const workers of [2, 4]) {
  for (const [what, night] of Object.entries(nights)) {
    test(`${workers} workers: it ${what}`, async (t) => {
      let dark = false;
      const first = await RawProvider.start(t, (x) => (dark && night.act ? night.act(x) : answer(x, 'first')));
      const second = await RawProvider.start(t, (x) => answer(x, 'second'));
      const gateway = await Gateway.start(t, {
        workers,
        listen: 'reuseport',
        server: 'location = /status { llm_status; }',
        http: () => `
          ${provider('first', 'openai', `http://127.0.0.1:${first.port}`, `breaker failures=${FAILURES} cooldown=${COOLDOWN}ms max_cooldown=600ms; total_timeout 1s;`)}
          ${provider('second', 'openai', `http://127.0.0.1:${second.port}`)}
          llm_model m { target first; target second; }`,
      });
      const seen = async () => {
        const { body } = await request(`http://127.0.0.1:${gateway.port}/status`, { agent: false });
        const { attempts, breaker } = JSON.parse(body).targets.find((row) => row.provider === 'first');
        const { answered = 0, ...rest } = attempts;
        return { answered, failed: Object.values(rest).reduce((sum, n) => sum + n, 0), state: breaker.state };
      };
      const load = startClients(gateway);
      await until(async () => load.served.length > 5 * CLIENTS);

      dark = true;
      await night.begin?.(first);
      await until(async () => (await seen()).state !== 'closed');
      const opened = await seen();
      // No more than it takes, and those that were on their way.
      assert.ok(opened.failed >= FAILURES && opened.failed <= FAILURES + CLIENTS, JSON.stringify(opened));
      await sleep(NIGHT);
      const late = await seen();
      // One probe for all workers after each cooldown.
      const probes = late.failed - opened.failed;
      assert.ok(probes <= CLIENTS + NIGHT / COOLDOWN + 1, `${probes} attempts in the dark`);

      dark = false;
      await night.end?.(first);
      await until(async () => (await seen()).state === 'closed');
      await until(async () => (await seen()).answered > late.answered + CLIENTS);
      load.over = true;
      await Promise.all(load.clients);
      assert.deepEqual(load.failed, []);
      assert.ok(load.served.includes('second'));
      assert.equal(load.served.at(-1), 'first');
      assert.match(gateway.errorLog(), /breaker of upstream "first", model "m" is open for \d+ ms/);
      assert.match(gateway.errorLog(), /breaker of upstream "first", model "m" is closed/);
    });
  }
}
