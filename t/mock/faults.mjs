// What can go wrong at a provider, as a table: how it is done to the socket and
// what a client of the gateway must be told. Rows answer in the format they are
// asked in, streamed or whole.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { after } from '../e2e/lib/after.mjs';
import { connectingTo } from '../e2e/lib/wire.mjs';
import { errorEvents, noAnswers, refusals, silences, sizes } from './faults/answers.mjs';
import { bytes, chunks, ends, heads, lengths } from './faults/framing.mjs';
import { late } from './faults/late.mjs';
import { RawProvider } from './raw.mjs';

export { FIRST, PAGE, SECRET, TEXT } from './faults/parts.mjs';

// `stream`, `whole`: the outcome for either kind of request; a missing one is
// not applicable. `both`: the same for the two. `message`: what the client is
// told at the end, `log`: what the operator reads.
// `conf`: what the fault needs in its llm_provider. `endless`: it ends only when
// the gateway has had enough.
const tables = [refusals, noAnswers, lengths, chunks, heads, sizes, bytes, silences, errorEvents, ends, late];
export const faults = tables.flat().map(({ both, ...row }) => ({ stream: both, whole: both, ...row }));

// --- the provider -----------------------------------------------------------------

// All rows behind one port: the first part of the path names the fault.
// `dress(exchange)` may change how it is answered.
export async function startFaults(t, dress = (x) => x) {
  const byName = new Map(faults.map((row) => [row.name, row]));
  const provider = await RawProvider.start(t, (x) => byName.get(x.name).run(dress(x)));
  provider.expectToken = () => {
    provider.clientHasToken = new Promise((done) => (provider.tokenArrived = done));
  };
  provider.expectToken();
  return provider;
}

// A port that nobody listens on while `t` runs is what freePort() gives; one
// that takes no connection is a listener whose backlog is full.
export async function startBlackhole(t) {
  const { Worker } = await import('node:worker_threads');
  const worker = new Worker(
    `const net = require('node:net');
     const { parentPort } = require('node:worker_threads');
     const server = net.createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       // Never accepts: this thread does not come back to its loop.
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
     });`,
    { eval: true },
  );
  const port = await new Promise((done) => worker.once('message', done));
  const fillers = [];
  after(t, async () => {
    for (const socket of fillers) socket.destroy();
    await worker.terminate();
  });
  // The kernel drops what does not fit: the first one left waiting says so.
  for (let full = false; !full; ) {
    const socket = net.connect(port, '127.0.0.1');
    fillers.push(socket);
    socket.on('error', () => {});
    const connected = new Promise((done) => socket.once('connect', () => done('connected')));
    // On the loopback interface a handshake takes no time: who still waits for
    // an answer when looked at twice has not been given one.
    for (let seen = 0; seen < 2; ) {
      if ((await Promise.race([connected, sleep(20)])) === 'connected') break;
      seen = connectingTo(port) > 0 ? seen + 1 : 0;
      full = seen === 2;
    }
  }
  return port;
}
