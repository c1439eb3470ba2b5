// A thousand clients that go away at the same moment of their requests: the
// provider's connection is closed at once, and nothing is left of any of them:
// no connection, no descriptor, no timer, no memory.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chunk, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { descriptorsOf, sparing } from './lib/process.mjs';
import { chatBody, eventually, Http2, memoryOf, post, Wire, within } from './lib/wire.mjs';

const BATCH = 200;
const BATCHES = 5;
const AT_ONCE = 8;

// Where a request gets to; `reached` tells that the moment has come.
const events = (x, texts) => [...stream[x.format]([]).opening, ...stream[x.format](texts).content].map(chunk).join('');
const scripts = {
  silent: (x, call) => call.reached(),
  half: (x, call) => x.write(sized(200, whole[x.format]('Hello')).slice(0, -20)).then(call.reached),
  opening: (x, call) => x.write(streamHead() + events(x, [])).then(call.reached),
  token: (x) => x.write(streamHead() + events(x, ['Hello'])), // the client says when it has it
  failing: (x) => x.write(sized(500, '{}')),
  // The client goes in the very moment in which the next target's turn comes.
  parting: (x, call) => {
    const steps = [() => x.socket.write(sized(500, '{}')), call.leave];
    for (const step of call.number % 2 ? steps : steps.reverse()) step();
  },
};

// [moment, targets, streamed]
const moments = [
  ['before the head of a stream', ['silent'], true],
  ['before the first token', ['opening'], true],
  ['in mid-stream', ['token'], true],
  ['before the head of a whole answer', ['silent'], false],
  ['in the middle of a whole answer', ['half'], false],
  ['in the first of two attempts', ['silent', 'token'], true],
  ['between two attempts', ['parting', 'silent'], true],
  ['between two attempts at a whole answer', ['parting', 'half'], false],
  ['in the second attempt', ['failing', 'silent'], false],
  ['in mid-stream of the second attempt', ['failing', 'token'], true],
];

async function start(t, targets) {
  const calls = new Map();
  const up = await RawProvider.start(t, (x) => {
    const call = calls.get(/number (\d+)/.exec(x.request.body)[1]);
    call.exchanges.push(x);
    x.socket.once('close', () => (x.closedAt = performance.now()));
    return scripts[x.name](x, call);
  });
  const clear2 = await freePort();
  const formats = ['openai', 'anthropic'];
  const gateway = await Gateway.start(t, {
    env: sparing,
    http: `
      ${formats.map((f) => targets.map((name) => provider(`${name}-${f}`, f, `http://127.0.0.1:${up.port}/${name}`)).join('\n')).join('\n')}
      ${formats.map((f) => `llm_model ${f} { ${targets.map((name) => `target ${name}-${f};`).join(' ')} }`).join('\n')}`,
    server: `listen 127.0.0.1:${clear2} http2; keepalive_requests 100000;`,
  });
  await gateway.active();
  return { gateway, up, clear2, calls, pid: gateway.workerPids()[0] };
}

// Each opens what a batch shares and gives a function that sends a request and
// returns how to leave it.
const clients = {
  'HTTP/1.1': (t, { gateway }) => async (call, body) => {
    const wire = new Wire((await Wire.connect(t, gateway.port)).socket);
    call.leave = () => {
      call.leftAt = performance.now();
      call.number % 3 ? wire.reset() : wire.fin();
      call.left();
    };
    wire.send(post(body));
    if (call.waitsForToken) wire.until(/Hello/, 30000).then(call.reached);
  },
  'HTTP/2': async (t, { clear2 }) => {
    const client = await Http2.connect(t, clear2);
    const send = (call, body) => {
      const request = client.request(body);
      call.leave = () => {
        call.leftAt = performance.now();
        request.stream.close(8);
        call.left();
      };
      if (call.waitsForToken) request.first.then(call.reached);
    };
    send.end = () => client.session.destroy();
    return send;
  },
};

function newCall(number, targets) {
  const call = { number, exchanges: [], waitsForToken: targets.at(-1) === 'token' && targets[0] !== 'silent' };
  const moment = new Promise((done) => (call.reached = done));
  call.over = new Promise((done) => (call.left = done));
  if (targets[0] !== 'parting') moment.then(() => call.leave());
  return call;
}

async function batch(t, setup, connect, first, { targets, streamed }) {
  const { gateway, up, calls } = setup;
  const send = await connect(t, setup);
  let next = first;
  const one = async () => {
    while (next < first + BATCH) {
      const number = next++;
      const call = newCall(number, targets);
      calls.set(String(number), call);
      const format = number % 4 < 2 ? 'openai' : 'anthropic';
      await send(call, chatBody(format, { stream: streamed, messages: [{ role: 'user', content: `number ${number}` }] }));
      await within(call.over, () => `the moment of request ${number}`, 30000);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  send.end?.();
  await up.until(() => up.sockets.size === 0, 'the end of all upstream connections', 30000);
  await gateway.waitForIdle();
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

for (const [version, connect] of Object.entries(clients)) {
  for (const [moment, targets, streamed] of moments) {
    test(`a thousand aborts ${moment}, ${version}`, async (t) => {
      const setup = await start(t, targets);
      const { gateway, up, pid, calls } = setup;
      const before = descriptorsOf(pid);
      const memory = [];
      for (let n = 0; n < BATCHES; n++) {
        await batch(t, setup, connect, n * BATCH, { targets, streamed });
        await eventually(() => descriptorsOf(pid) <= before, 'the end of all descriptors');
        memory.push(memoryOf(pid));
      }
      assert.equal(calls.size, BATCH * BATCHES);
      const all = [...calls.values()];
      const asked = targets.length > 1 && targets[0] !== 'silent' ? 2 : 1;
      const most = Math.max(...all.map((call) => call.exchanges.length));
      assert.ok(most <= asked, `a request was sent ${most} times`);
      if (targets[0] !== 'parting') assert.ok(all.every((call) => call.exchanges.length === asked), 'a request did not get that far');

      const delays = all.map((call) => Math.max(...call.exchanges.map((x) => x.closedAt)) - call.leftAt);
      assert.ok(median(delays) < 50, `upstream connections were closed after ${median(delays)} ms`);
      const grown = memory.at(-1) - memory[1];
      assert.ok(grown < 512, `resident memory after each batch, in kB: ${memory}`);
      t.diagnostic(`closed after ${median(delays).toFixed(1)} ms (median), ${Math.max(...delays).toFixed(1)} ms (most); resident ${memory} kB`);

      // A worker does not quit before its timers.
      gateway.signal('SIGQUIT');
      await within(gateway.exited, 'the end of nginx: a timer is left', 20000);
      assert.equal(up.sockets.size, 0);
    });
  }
}
