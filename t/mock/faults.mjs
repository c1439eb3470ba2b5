// What can go wrong at a provider, as a table: how it is done to the socket and
// what a client of the gateway must be told. Rows answer in the format they are
// asked in, streamed or whole.
import net from 'node:net';
import zlib from 'node:zlib';
import { after } from '../e2e/lib/after.mjs';
import { chunk, errorBody, head, LAST_CHUNK, RawProvider, sized, stream, streamError, streamHead, toolStream, whole } from './raw.mjs';

export const TEXT = 'from the faulty one'; // what a fault lets through
export const FIRST = 'from '; // its first token
export const PAGE = 'RAW-PAGE'; // must never reach a client
export const SECRET = 'provider-secret'; // part of every provider's key

// --- outcomes -------------------------------------------------------------------

// failed: another target is tried, else the client gets this error object.
const failed = (status, type, code) => ({ kind: 'failed', status, type, code });
const BAD = failed(502, 'upstream_error', 'upstream_error');
const CUT = failed(502, 'upstream_error', 'stream_interrupted');
const LATE = failed(504, 'timeout_error', 'timeout');
const CREDENTIAL = failed(502, 'upstream_error', 'upstream_credentials_exhausted');
const NO_MODEL = failed(404, 'invalid_request_error', 'model_not_found');
const OVERLOADED = failed(503, 'service_unavailable_error', 'overloaded');
const limited = (...retryAfter) => ({ ...failed(429, 'rate_limit_error', 'rate_limit_exceeded'), retryAfter });
// final: about the request itself; no other target is asked.
const final = (status, code = null) => ({ kind: 'final', status, type: 'invalid_request_error', code });
// broken: the first token has reached the client, the stream ends in an error.
const broken = (type, code) => ({ kind: 'broken', type, code });
// served: no fault at all to the client. empty: only if nothing better is left.
const served = (text = TEXT) => ({ kind: 'served', text });
const EMPTY = { kind: 'empty' };

// --- parts of answers -----------------------------------------------------------

const pieces = TEXT.split(/(?<= )/);
const events = (x) => stream[x.format](pieces);
const all = ({ opening, content, ending }) => [...opening, ...content, ...ending];
const good = (x) => whole[x.format](TEXT);
const half = (text) => text.slice(0, text.length / 2);
const html = (status) => `<html><head><title>${status}</title></head><body>${PAGE}</body></html>`;

const openStream = async (x, list, headers) => {
  await x.write(streamHead(headers));
  for (const event of list) await x.write(chunk(event));
};
const wholeStream = async (x, list) => {
  await openStream(x, list);
  await x.write(LAST_CHUNK);
};
// Up to the first token, which is known to be at the client when this returns.
const firstToken = async (x) => {
  const { opening, content } = events(x);
  await openStream(x, [...opening, content[0]]);
  await x.provider.clientHasToken;
};

const status = (code, message = 'said by the provider', headers) => (x) =>
  x.write(sized(code, errorBody[x.format](code, message), headers));
const page = (code) => (x) => x.write(sized(code, html(code), { 'content-type': 'text/html' }));
const silence = () => {};
const inMs = (ms) => new Date(Date.now() + ms);

// A good answer under a head of its own.
const framed = (headers, version) => async (x) => {
  const type = x.stream ? 'text/event-stream' : 'application/json';
  const body = x.stream ? all(events(x)).join('') : good(x);
  await x.write(head(200, { 'content-type': type, ...headers(Buffer.byteLength(body)) }, version) + body);
  x.end();
};

const UNREACHED = /could not be reached/;
const UNUSABLE = /answer cannot be used/;

const SHORT = 'first_token_timeout 300ms; total_timeout 700ms;';
const IDLE = 'idle_timeout 300ms;';

// --- the table --------------------------------------------------------------------

// `stream`, `whole`: the outcome for either kind of request; a missing one is
// not applicable. `both`: the same for the two. `message`: what the client is
// told at the end, `log`: what the operator reads.
// `conf`: what the fault needs in its llm_provider.
export const faults = [
  // The provider says no.
  { name: '400', both: final(400), run: status(400) },
  { name: '413', both: final(413, 'request_too_large'), run: status(413) },
  { name: '422', both: final(400), run: status(422) },
  {
    name: 'context-length',
    both: final(400, 'context_length_exceeded'),
    run: status(400, 'prompt is too long: 200001 tokens > 200000 maximum'),
  },
  { name: '401', both: CREDENTIAL, run: status(401, `Incorrect API key provided: ${SECRET}`), log: /answered 401: credential refused/ },
  { name: '402', both: CREDENTIAL, run: status(402) },
  { name: '403', both: CREDENTIAL, run: status(403) },
  { name: 'no-credit', both: CREDENTIAL, run: status(429, 'Your credit balance is too low') },
  { name: '404', both: NO_MODEL, run: status(404) },
  { name: '429', both: limited(), run: status(429) },
  { name: '429-seconds', both: limited(7, 7), run: status(429, 'slow down', { 'retry-after': '7' }) },
  { name: '429-fraction', both: limited(2, 2), run: status(429, 'slow down', { 'retry-after': '1.2' }) },
  { name: '429-milliseconds', both: limited(3, 3), run: status(429, 'slow down', { 'retry-after-ms': '2500', 'retry-after': '9' }) },
  { name: '429-date', both: limited(80, 91), run: (x) => status(429, 'slow', { 'retry-after': inMs(90000).toUTCString() })(x) },
  {
    name: '429-reset',
    both: limited(80, 91),
    run: (x) =>
      status(
        429,
        'slow down',
        x.format === 'openai'
          ? { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '1m30s' }
          : { 'anthropic-ratelimit-tokens-remaining': '0', 'anthropic-ratelimit-tokens-reset': inMs(90000).toISOString() },
      )(x),
  },
  { name: '429-nonsense', both: limited(), run: status(429, 'slow down', { 'retry-after': 'soon' }) },
  { name: '302', both: BAD, run: (x) => x.write(sized(302, html(302), { location: 'http://127.0.0.1/elsewhere' })) },
  { name: '500', both: BAD, run: status(500), log: /answered 500: server error/ },
  { name: '500-empty', both: BAD, run: (x) => x.write(sized(500, '')) },
  { name: '502-html', both: BAD, run: page(502) },
  { name: '503', both: OVERLOADED, run: status(503) },
  { name: '504-html', both: LATE, run: page(504) },
  { name: '529', both: OVERLOADED, run: status(529) },
  {
    name: 'endless-error-body',
    both: BAD,
    run: async (x) => {
      await x.write(head(500, { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' }));
      while (!x.socket.destroyed) await x.write(chunk('x'.repeat(16384)));
    },
  },

  // A good status and no answer.
  { name: '200-empty', both: BAD, run: (x) => x.write(sized(200, '')) },
  { name: '204', stream: CUT, whole: BAD, run: (x) => x.write(head(204)) },
  { name: '200-html', both: BAD, run: page(200), log: /HTML instead of JSON/ },
  { name: 'broken-json', both: BAD, run: (x) => x.write(sized(200, half(good(x)))) },
  { name: 'no-choices', both: BAD, run: (x) => x.write(sized(200, '{"id":"x","model":"m"}')) },
  { name: '200-error', both: BAD, run: (x) => x.write(sized(200, errorBody[x.format](500, 'said by the provider'))) },
  {
    name: 'wrong-kind',
    both: BAD,
    run: (x) => (x.stream ? x.write(sized(200, good(x))) : wholeStream(x, all(events(x)))),
    log: /(whole answer where a stream was|event stream that was not) asked for/,
  },
  { name: 'no-content', stream: EMPTY, run: (x) => wholeStream(x, [...events(x).opening, ...events(x).ending]) },
  { name: 'empty-stream', stream: CUT, run: (x) => wholeStream(x, []) },
  {
    name: 'gzip',
    both: BAD,
    run: (x) => {
      const body = zlib.gzipSync(x.stream ? all(events(x)).join('') : good(x));
      const type = x.stream ? 'text/event-stream' : 'application/json';
      const headers = { 'content-type': type, 'content-encoding': 'gzip', 'content-length': body.length };
      return x.write(Buffer.concat([Buffer.from(head(200, headers)), body]));
    },
    log: /content coding that was not asked for/,
  },

  // Framing.
  { name: 'length-short', stream: CUT, whole: BAD, run: framed((n) => ({ 'content-length': Math.floor(n / 8) })), log: /more data than its Content-Length/ },
  // A stream whose terminator has come is whole, whatever its framing says.
  { name: 'length-long', stream: served(), whole: CUT, run: framed((n) => ({ 'content-length': n + 100 })) },
  { name: 'length-and-chunked', both: BAD, run: framed((n) => ({ 'content-length': n, 'transfer-encoding': 'chunked' })), log: /contradictory framing/ },
  { name: 'two-lengths', both: BAD, run: framed((n) => ({ 'content-length': n, 'Content-Length': n })), log: /contradictory framing/ },
  { name: 'length-no-number', both: BAD, run: framed(() => ({ 'content-length': '12abc' })), log: /invalid header/ },
  { name: 'unknown-coding', both: BAD, run: framed(() => ({ 'transfer-encoding': 'gzip, chunked' })), log: /invalid header/ },
  {
    name: 'bad-chunk',
    both: BAD,
    run: async (x) => {
      if (x.stream) await openStream(x, events(x).opening);
      else await x.write(head(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }));
      await x.write('zz\r\nnot a chunk\r\n');
    },
    log: /invalid chunked encoding/,
  },
  { name: 'http-1.0', both: served(), run: framed(() => ({}), '1.0') },
  { name: 'no-http', message: UNUSABLE, both: BAD, run: (x) => x.write('SSH-2.0-OpenSSH_9.2\r\n'), log: /no valid HTTP response/ },
  {
    name: 'interim',
    both: served(),
    run: async (x) => {
      await x.write(head(100) + head(103, { link: '</style.css>' }));
      await framed((n) => ({ 'content-length': n }))(x);
    },
  },
  {
    name: 'endless-interim', message: UNUSABLE,
    both: BAD,
    run: async (x) => {
      while (!x.socket.destroyed) await x.write(head(103, { link: '</style.css>' }));
    },
  },
  { name: 'huge-header', message: UNUSABLE, both: BAD, run: framed((n) => ({ 'content-length': n, 'x-huge': 'x'.repeat(20000) })), log: /too big header/ },
  { name: 'header-without-colon', both: served(), run: (x) => x.write(head(200).trimEnd() + `\r\nno-colon-here\r\n${framedRest(x)}`) },
  { name: 'header-with-spaces', both: BAD, run: framed((n) => ({ 'no header name': 'x', 'content-length': n })), log: /invalid header/ },
  { name: 'header-with-nul', message: UNUSABLE, both: BAD, run: framed((n) => ({ 'x-\0': 'x', 'content-length': n })), log: /invalid header/ },

  // Sizes: the gateway of these tests has llm_max_event 16k, llm_max_response
  // 64k, llm_max_tool_arguments 8k.
  { name: 'huge-event', stream: BAD, run: (x) => openStream(x, [...events(x).opening, ...stream[x.format](['x'.repeat(20000)]).content]), log: /event too large/ },
  { name: 'huge-line', stream: BAD, run: (x) => openStream(x, [`data: ${'x'.repeat(20000)}`]), log: /event too large/ },
  { name: 'huge-answer', whole: BAD, run: (x) => x.write(sized(200, whole[x.format]('x'.repeat(70000)))), log: /larger than llm_max_response/ },
  {
    name: 'huge-answer-chunked',
    whole: BAD,
    run: async (x) => {
      await x.write(head(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }));
      while (!x.socket.destroyed) await x.write(chunk(' '.repeat(4096)));
    },
    log: /larger than llm_max_response/,
  },
  {
    name: 'huge-arguments',
    stream: broken('upstream_error', 'upstream_error'),
    run: (x) => openStream(x, toolStream[x.format](Array(20).fill('x'.repeat(500)))),
    log: /tool arguments too large/,
    tokenless: true,
  },
  {
    name: 'tiny-events',
    stream: served(Array.from({ length: 500 }, (_, i) => `${i} `).join('')),
    run: (x) => {
      const list = all(stream[x.format](Array.from({ length: 500 }, (_, i) => `${i} `)));
      return x.write(streamHead() + list.map(chunk).join('') + LAST_CHUNK);
    },
  },
  {
    name: 'byte-by-byte',
    both: served(),
    run: async (x) => {
      const bytes = x.stream ? streamHead() + all(events(x)).map(chunk).join('') + LAST_CHUNK : sized(200, good(x));
      for (const byte of bytes) await x.write(byte);
    },
  },
  {
    name: 'invalid-utf8',
    both: served('a\ufffdb'),
    run: (x) => {
      const list = stream[x.format](['a#b']);
      const body = Buffer.from(x.stream ? all(list).join('') : whole[x.format]('a#b'));
      body[body.indexOf('#')] = 0xff;
      const type = x.stream ? 'text/event-stream' : 'application/json';
      const answerHead = head(200, { 'content-type': type, 'content-length': body.length });
      return x.write(Buffer.concat([Buffer.from(answerHead), body]));
    },
  },
  {
    name: 'nul',
    both: BAD,
    run: (x) => {
      const nul = (text) => text.replace('faulty', 'fau\0lty').replace(FIRST, 'fr\0om ');
      return x.stream ? wholeStream(x, all(events(x)).map(nul)) : x.write(sized(200, nul(good(x))));
    },
  },

  // Time.
  { name: 'stall-before-headers', both: LATE, run: silence, conf: SHORT, log: /(first_token|total)_timeout/ },
  {
    name: 'stall-after-headers',
    both: LATE,
    run: (x) => (x.stream ? openStream(x, events(x).opening) : x.write(sized(200, good(x)).slice(0, -20))),
    conf: SHORT,
    log: /(first_token|total)_timeout/,
  },
  {
    name: 'pings-only',
    stream: LATE,
    run: async (x) => {
      await openStream(x, events(x).opening);
      while (!x.socket.destroyed) {
        await x.write(chunk(': ping\n\n'));
        await new Promise((done) => setTimeout(done, 20));
      }
    },
    conf: SHORT,
    log: /first_token_timeout/,
  },
  { name: 'stall-after-token', stream: broken('timeout_error', 'timeout'), run: firstToken, conf: IDLE, log: /idle_timeout/ },

  // Errors in streams.
  {
    name: 'error-event-first',
    stream: BAD,
    run: (x) => openStream(x, [streamError[x.format](`said by the provider`)]),
  },
  {
    name: 'error-event-late',
    stream: broken('upstream_error', 'upstream_error'),
    run: async (x) => {
      await firstToken(x);
      await x.write(chunk(streamError[x.format]('said by the provider')));
    },
  },
  {
    name: 'broken-event-late',
    stream: broken('upstream_error', 'upstream_error'),
    run: async (x) => {
      await firstToken(x);
      await x.write(chunk('data: {"broken\n\n'));
    },
  },

  // Connections that end too early: by FIN, by RST, or under proper framing.
  { name: 'close-before-headers', message: UNREACHED, both: BAD, run: (x) => x.end() },
  { name: 'close-in-headers', message: UNUSABLE, both: BAD, run: (x) => x.end('HTTP/1.1 200 OK\r\ncontent-ty') },
  {
    name: 'close-before-token',
    both: CUT,
    run: async (x) => {
      if (x.stream) await openStream(x, events(x).opening);
      else await x.write(sized(200, good(x)).slice(0, -20));
      x.end();
    },
  },
  {
    name: 'close-in-first-event',
    stream: CUT,
    run: async (x) => {
      await openStream(x, [...events(x).opening, half(events(x).content[0])]);
      x.end();
    },
  },
  { name: 'end-without-finish', stream: CUT, run: (x) => wholeStream(x, events(x).opening) },
  ...['close', 'reset'].flatMap((how) => [
    {
      name: `${how}-after-token`,
      stream: broken('upstream_error', 'stream_interrupted'),
      run: async (x) => {
        await firstToken(x);
        how === 'close' ? x.end() : x.reset();
      },
    },
    {
      name: `${how}-in-event`,
      stream: broken('upstream_error', 'stream_interrupted'),
      run: async (x) => {
        await firstToken(x);
        const event = chunk(events(x).content[1]);
        await x.write(half(event));
        how === 'close' ? x.end() : x.reset();
      },
    },
  ]),
  {
    name: 'end-after-token',
    stream: broken('upstream_error', 'stream_interrupted'),
    run: async (x) => {
      await firstToken(x);
      await x.write(LAST_CHUNK);
    },
  },
  { name: 'reset-before-headers', message: UNREACHED, both: BAD, run: (x) => x.reset() },
  {
    name: 'reset-after-headers',
    stream: CUT,
    run: async (x) => {
      await openStream(x, events(x).opening);
      x.reset();
    },
  },
].map(({ both, ...row }) => ({ stream: both, whole: both, ...row }));

function framedRest(x) {
  const body = x.stream ? all(events(x)).join('') : good(x);
  const type = x.stream ? 'text/event-stream' : 'application/json';
  return `content-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

// --- the provider -----------------------------------------------------------------

// All rows behind one port: the first part of the path names the fault.
export async function startFaults(t) {
  const byName = new Map(faults.map((row) => [row.name, row]));
  const provider = await RawProvider.start(t, (x) => byName.get(x.name).run(x));
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
    full = await new Promise((done) => {
      socket.once('connect', () => done(false));
      setTimeout(() => done(true), 300);
    });
  }
  return port;
}
