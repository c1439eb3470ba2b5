// What can be wrong with a provider's HTTP, and connections that end too early.
import { head, sized, streamHead, chunk, LAST_CHUNK } from '../raw.mjs';
import { all, BAD, CUT, events, framed, good, half, LATE, openStream, served, SHORT, UNREACHED, UNUSABLE, wholeStream } from './parts.mjs';

const bodyOf = (x) => (x.stream ? all(events(x)).join('') : good(x));
const typeOf = (x) => (x.stream ? 'text/event-stream' : 'application/json');

const openChunked = async (x) => {
  if (x.stream) await openStream(x, events(x).opening);
  else await x.write(head(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }));
};
const badChunk = (bytes) => async (x) => {
  await openChunked(x);
  await x.write(bytes);
};

// Never an end to the head: one piece after the other.
const endless = (first, piece) => async (x) => {
  await x.write(first);
  while (!x.socket.destroyed) await x.write(piece);
};

export const lengths = [
  { name: 'length-short', stream: CUT, whole: BAD, run: framed((n) => ({ 'content-length': Math.floor(n / 8) })), log: /more data than its Content-Length/ },
  // A stream whose terminator has come is whole, whatever its framing says.
  { name: 'length-long', stream: served(), whole: CUT, run: framed((n) => ({ 'content-length': n + 100 })) },
  {
    name: 'length-long-stall',
    whole: LATE,
    run: (x) => x.write(head(200, { 'content-type': 'application/json', 'content-length': good(x).length + 100 }) + good(x)),
    conf: SHORT,
    log: /total_timeout/,
  },
  { name: 'length-and-chunked', both: BAD, run: framed((n) => ({ 'content-length': n, 'transfer-encoding': 'chunked' })), log: /contradictory framing/ },
  { name: 'two-lengths', both: BAD, run: framed((n) => ({ 'content-length': n, 'Content-Length': n })), log: /contradictory framing/ },
  { name: 'length-list', both: BAD, run: framed((n) => ({ 'content-length': `${n}, ${n}` })), log: /invalid header/ },
  { name: 'length-no-number', both: BAD, run: framed(() => ({ 'content-length': '12abc' })), log: /invalid header/ },
  { name: 'length-negative', both: BAD, run: framed((n) => ({ 'content-length': -n })), log: /invalid header/ },
  { name: 'length-beyond-numbers', both: BAD, run: framed(() => ({ 'content-length': '9'.repeat(30) })), log: /invalid header/ },
];

export const chunks = [
  { name: 'unknown-coding', both: BAD, run: framed(() => ({ 'transfer-encoding': 'gzip, chunked' })), log: /invalid header/ },
  { name: 'bad-chunk', both: BAD, run: badChunk('zz\r\nnot a chunk\r\n'), log: /invalid chunked encoding/ },
  { name: 'chunk-size-beyond-numbers', both: BAD, run: badChunk(`${'f'.repeat(20)}\r\nx`), log: /invalid chunked encoding/ },
  {
    name: 'chunk-longer-than-said',
    both: BAD,
    run: (x) => x.write(head(200, { 'content-type': typeOf(x), 'transfer-encoding': 'chunked' }) + `2\r\n${' '.repeat(8)}\r\n`),
    log: /invalid chunked encoding/,
  },
  {
    name: 'chunk-cut',
    both: CUT,
    run: async (x) => {
      await openChunked(x);
      await x.write('100\r\n{"a":');
      x.end();
    },
  },
  // A chunk of its own for every byte.
  {
    name: 'tiny-chunks',
    both: served(),
    run: (x) => x.write(head(200, { 'content-type': typeOf(x), 'transfer-encoding': 'chunked' }) + [...bodyOf(x)].map(chunk).join('') + LAST_CHUNK),
  },
];

export const heads = [
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
    name: 'interim-only', message: UNUSABLE,
    both: BAD,
    run: async (x) => {
      await x.write(head(100));
      x.end();
    },
  },
  { name: 'another-protocol', message: UNUSABLE, both: BAD, run: (x) => x.write(head(101, { upgrade: 'websocket', connection: 'upgrade' })) },
  { name: 'endless-interim', endless: true, message: UNUSABLE, both: BAD, run: endless('', head(103, { link: '</style.css>' })) },
  { name: 'endless-headers', endless: true, message: UNUSABLE, both: BAD, run: endless('HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'.repeat(100)), log: /too big header/ },
  { name: 'endless-header', endless: true, message: UNUSABLE, both: BAD, run: endless('HTTP/1.1 200 OK\r\nx-a: ', 'x'.repeat(1000)), log: /too big header/ },
  { name: 'endless-status-line', endless: true, message: UNUSABLE, both: BAD, run: endless('HTTP/1.1 200 ', 'OK '.repeat(300)), log: /too big header/ },
  { name: 'huge-header', message: UNUSABLE, both: BAD, run: framed((n) => ({ 'content-length': n, 'x-huge': 'x'.repeat(20000) })), log: /too big header/ },
  {
    name: 'header-without-colon',
    both: served(),
    run: (x) => x.write(head(200).trimEnd() + `\r\nno-colon-here\r\ncontent-type: ${typeOf(x)}\r\ncontent-length: ${bodyOf(x).length}\r\n\r\n${bodyOf(x)}`),
  },
  { name: 'header-with-spaces', both: BAD, run: framed((n) => ({ 'no header name': 'x', 'content-length': n })), log: /invalid header/ },
  { name: 'header-with-nul', message: UNUSABLE, both: BAD, run: framed((n) => ({ 'x-\0': 'x', 'content-length': n })), log: /invalid header/ },
  { name: 'header-value-with-nul', message: UNUSABLE, both: BAD, run: framed((n) => ({ 'x-a': 'x\0', 'content-length': n })), log: /invalid header/ },
];

// By FIN, by RST, or under proper framing.
export const ends = [
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
  // Without a length the end of the connection is the end of the answer.
  {
    name: 'close-without-length',
    stream: CUT,
    whole: BAD,
    run: async (x) => {
      await x.write(head(200, { 'content-type': typeOf(x) }) + (x.stream ? events(x).opening.join('') : half(good(x))));
      x.end();
    },
  },
  { name: 'end-without-finish', stream: CUT, run: (x) => wholeStream(x, events(x).opening) },
  { name: 'reset-before-headers', message: UNREACHED, both: BAD, run: (x) => x.reset() },
  {
    name: 'reset-after-headers',
    stream: CUT,
    run: async (x) => {
      await openStream(x, events(x).opening);
      x.reset();
    },
  },
];

export const bytes = [
  {
    name: 'byte-by-byte',
    both: served(),
    run: async (x) => {
      const bytes = x.stream ? streamHead() + all(events(x)).map(chunk).join('') + LAST_CHUNK : sized(200, good(x));
      for (const byte of bytes) await x.write(byte);
    },
  },
];
