// What can go wrong with a stream when its first token has reached the client:
// nobody else is asked, and the stream ends in one error chunk.
import { chunk, LAST_CHUNK, stream, streamError } from '../raw.mjs';
import { broken, events, firstToken, firstTokenPlain, half, IDLE, served } from './parts.mjs';

const UNUSABLE = broken('upstream_error', 'upstream_error');
const INTERRUPTED = broken('upstream_error', 'stream_interrupted');
const TOO_LATE = broken('timeout_error', 'timeout');

const then = (bytes) => async (x) => {
  await firstToken(x);
  await x.write(typeof bytes === 'function' ? bytes(x) : bytes);
};

export const late = [
  { name: 'stall-after-token', stream: TOO_LATE, run: firstToken, conf: IDLE, log: /idle_timeout/ },
  { name: 'stall-in-event', stream: TOO_LATE, run: then((x) => half(chunk(events(x).content[1]))), conf: IDLE, log: /idle_timeout/ },
  {
    name: 'pings-after-token',
    endless: true,
    stream: TOO_LATE,
    run: async (x) => {
      await firstToken(x);
      for (; !x.socket.destroyed; await new Promise((done) => setTimeout(done, 20))) await x.write(chunk(': ping\n\n'));
    },
    conf: 'total_timeout 800ms;',
    log: /total_timeout/,
  },
  { name: 'error-event-late', stream: UNUSABLE, run: then((x) => chunk(streamError[x.format]('said by the provider'))) },
  // What comes behind the error is nobody's.
  { name: 'error-event-late-and-more', stream: UNUSABLE, run: then((x) => chunk(streamError[x.format]('said by the provider') + events(x).content[1] + events(x).ending.join('')) + LAST_CHUNK) },
  { name: 'broken-event-late', stream: UNUSABLE, run: then(chunk('data: {"broken\n\n')) },
  { name: 'nul-late', stream: UNUSABLE, run: then((x) => chunk(events(x).content[1].replace('the', 't\0e'))) },
  { name: 'huge-event-late', stream: UNUSABLE, run: then((x) => chunk(stream[x.format](['x'.repeat(20000)]).content[0])), log: /event too large/ },
  { name: 'huge-line-late', stream: UNUSABLE, run: then(chunk(`data: ${'x'.repeat(20000)}`)), log: /event too large/ },
  { name: 'html-late', stream: INTERRUPTED, run: then(chunk('<html>RAW-PAGE</html>\n\n') + LAST_CHUNK) },
  { name: 'bad-chunk-late', stream: UNUSABLE, run: then('zz\r\nnot a chunk\r\n'), log: /invalid chunked encoding/ },
  {
    name: 'invalid-utf8-late',
    stream: served('from t\ufffde faulty one'),
    run: async (x) => {
      const { content, ending } = events(x);
      const body = Buffer.from([...content.slice(1), ...ending].join(''));
      body[body.indexOf('the') + 1] = 0xff;
      await firstTokenPlain(x);
      await x.write(body);
      x.end();
    },
  },
  {
    name: 'length-short-late',
    stream: INTERRUPTED,
    run: async (x) => {
      const { opening, content } = events(x);
      await firstTokenPlain(x, { 'content-length': [...opening, content[0]].join('').length + 20 });
      await x.write(content[1]);
    },
    log: /more data than its Content-Length/,
  },
  {
    name: 'length-long-late',
    stream: INTERRUPTED,
    run: async (x) => {
      await firstTokenPlain(x, { 'content-length': 100000 });
      x.end();
    },
  },
  {
    name: 'close-without-length-late',
    stream: INTERRUPTED,
    run: async (x) => {
      await firstTokenPlain(x);
      x.end();
    },
  },
  { name: 'end-after-token', stream: INTERRUPTED, run: then(LAST_CHUNK) },
  ...['close', 'reset'].flatMap((how) => {
    const go = (x) => (how === 'close' ? x.end() : x.reset());
    return [
      {
        name: `${how}-after-token`,
        stream: INTERRUPTED,
        run: async (x) => {
          await firstToken(x);
          go(x);
        },
      },
      {
        name: `${how}-in-event`,
        stream: INTERRUPTED,
        run: async (x) => {
          await firstToken(x);
          await x.write(half(chunk(events(x).content[1])));
          go(x);
        },
      },
    ];
  }),
];
