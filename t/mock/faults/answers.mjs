// What a provider can say in place of an answer, or before one: statuses,
// bodies, sizes, silence.
import zlib from 'node:zlib';
import { chunk, errorBody, head, LAST_CHUNK, sized, stream, streamError, streamHead, toolStream, whole } from '../raw.mjs';
import {
  all, BAD, broken, CREDENTIAL, CUT, EMPTY, events, final, FIRST, good, half, html, inMs, LATE, limited, NO_MODEL, openStream, OVERLOADED, page, SECRET,
  served, SHORT, silence, status, wholeStream,
} from './parts.mjs';

const after = (seconds, ...told) => ({ both: limited(...told), run: (x) => status(429, 'slow down', { 'retry-after': typeof seconds === 'function' ? seconds() : seconds })(x) });
const gzipped = (code, headers, text) => (x) => {
  const body = zlib.gzipSync(text(x));
  const all = { 'content-type': x.stream && code === 200 ? 'text/event-stream' : 'application/json', 'content-length': body.length, ...headers };
  return x.write(Buffer.concat([Buffer.from(head(code, all)), body]));
};
const goodText = (x) => (x.stream ? all(events(x)).join('') : good(x));

// HTTP's other two ways to write a date.
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const inOldWords = (ms) => {
  const [, day, month, year, time] = inMs(ms).toUTCString().split(/[ ,]+/);
  return `${DAYS[inMs(ms).getUTCDay()]}, ${day}-${month}-${year.slice(2)} ${time} GMT`;
};
const inCWords = (ms) => {
  const [name, day, month, year, time] = inMs(ms).toUTCString().split(/[ ,]+/);
  return `${name} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`;
};

export const refusals = [
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
  { name: '429-seconds', ...after('7', 7, 7) },
  { name: '429-fraction', ...after('1.2', 2, 2) },
  { name: '429-zero', ...after('0', 0, 0) },
  { name: '429-negative', ...after('-5') },
  { name: '429-days', ...after('999999', 3600, 3600) },
  { name: '429-beyond-numbers', ...after('9'.repeat(100)) },
  { name: '429-no-value', ...after('') },
  { name: '429-nonsense', ...after('soon') },
  { name: '429-milliseconds', both: limited(3, 3), run: status(429, 'slow down', { 'retry-after-ms': '2500', 'retry-after': '9' }) },
  { name: '429-date', ...after(() => inMs(90000).toUTCString(), 80, 91) },
  { name: '429-date-rfc850', ...after(() => inOldWords(90000), 80, 91) },
  { name: '429-date-asctime', ...after(() => inCWords(90000), 80, 91) },
  { name: '429-date-past', ...after(() => inMs(-90000).toUTCString(), 0, 0) },
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
  // The head has said it all.
  {
    name: '429-cut',
    both: limited(7, 7),
    run: async (x) => {
      await x.write(head(429, { 'retry-after': '7', 'content-length': 1000 }) + '{"error":');
      x.end();
    },
  },
  { name: '302', both: BAD, run: (x) => x.write(sized(302, html(302), { location: 'http://127.0.0.1/elsewhere' })) },
  { name: '500', both: BAD, run: status(500), log: /answered 500: server error/ },
  { name: '500-empty', both: BAD, run: (x) => x.write(sized(500, '')) },
  { name: '500-gzip', both: BAD, run: gzipped(500, { 'content-encoding': 'gzip' }, (x) => errorBody[x.format](500, 'said by the provider')) },
  { name: '502-html', both: BAD, run: page(502) },
  { name: '503', both: OVERLOADED, run: status(503) },
  { name: '503-seconds', both: { ...OVERLOADED, retryAfter: [7, 7] }, run: status(503, 'come back later', { 'retry-after': '7' }) },
  { name: '503-html', both: OVERLOADED, run: page(503) },
  { name: '504-html', both: LATE, run: page(504) },
  { name: '529', both: OVERLOADED, run: status(529) },
  { name: '529-seconds', both: { ...OVERLOADED, retryAfter: [7, 7] }, run: status(529, 'come back later', { 'retry-after': '7' }) },
  {
    name: 'endless-error-body',
    endless: true,
    both: BAD,
    run: async (x) => {
      await x.write(head(500, { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' }));
      while (!x.socket.destroyed) await x.write(chunk('x'.repeat(16384)));
    },
  },
];

const json200 = (text) => ({ both: BAD, run: (x) => x.write(sized(200, typeof text === 'function' ? text(x) : text)) });

// A good status and no answer.
export const noAnswers = [
  { name: '200-empty', ...json200('') },
  {
    name: '200-empty-closed',
    both: BAD,
    run: async (x) => {
      await x.write(head(200, { 'content-type': 'application/json' }));
      x.end();
    },
  },
  { name: '200-empty-chunked', both: BAD, run: (x) => x.write(head(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }) + LAST_CHUNK) },
  { name: '204', stream: CUT, whole: BAD, run: (x) => x.write(head(204)) },
  { name: '200-html', both: BAD, run: page(200), log: /HTML instead of JSON/ },
  { name: 'broken-json', ...json200((x) => half(good(x))) },
  { name: 'json-and-more', ...json200((x) => `${good(x)}}`) },
  { name: 'json-null', ...json200('null') },
  { name: 'json-array', ...json200((x) => `[${good(x)}]`) },
  { name: 'no-choices', ...json200('{"id":"x","model":"m"}') },
  { name: '200-error', ...json200((x) => errorBody[x.format](500, 'said by the provider')) },
  {
    name: 'wrong-kind',
    both: BAD,
    run: (x) => (x.stream ? x.write(sized(200, good(x))) : wholeStream(x, all(events(x)))),
    log: /(whole answer where a stream was|event stream that was not) asked for/,
  },
  { name: 'no-content', stream: EMPTY, run: (x) => wholeStream(x, [...events(x).opening, ...events(x).ending]) },
  { name: 'empty-stream', stream: CUT, run: (x) => wholeStream(x, []) },
  { name: 'gzip', both: BAD, run: gzipped(200, { 'content-encoding': 'gzip' }, goodText), log: /content coding that was not asked for/ },
  { name: 'gzip-unsaid', stream: CUT, whole: BAD, run: gzipped(200, {}, goodText) },
];

// The gateway of these tests has llm_max_event 16k, llm_max_response 64k,
// llm_max_tool_arguments 8k.
export const sizes = [
  { name: 'huge-event', stream: BAD, run: (x) => openStream(x, [...events(x).opening, ...stream[x.format](['x'.repeat(20000)]).content]), log: /event too large/ },
  { name: 'huge-line', stream: BAD, run: (x) => openStream(x, [`data: ${'x'.repeat(20000)}`]), log: /event too large/ },
  { name: 'huge-answer', whole: BAD, run: (x) => x.write(sized(200, whole[x.format]('x'.repeat(70000)))), log: /larger than llm_max_response/ },
  {
    name: 'huge-answer-chunked',
    endless: true,
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
];

// One piece after the other until nobody is there any more.
const drip = async (x, piece) => {
  for (; !x.socket.destroyed; await new Promise((done) => setTimeout(done, 20))) await x.write(piece);
};

export const silences = [
  { name: 'stall-before-headers', both: LATE, run: silence, conf: SHORT, log: /(first_token|total)_timeout/ },
  { name: 'stall-in-headers', both: LATE, run: (x) => x.write('HTTP/1.1 200 OK\r\ncontent-ty'), conf: SHORT, log: /(first_token|total)_timeout/ },
  {
    name: 'drip-of-headers',
    endless: true,
    both: LATE,
    run: async (x) => {
      await x.write('HTTP/1.1 200 OK\r\n');
      await drip(x, 'x-a: b\r\n');
    },
    conf: SHORT,
    log: /(first_token|total)_timeout/,
  },
  {
    name: 'stall-after-headers',
    both: LATE,
    run: (x) => (x.stream ? openStream(x, events(x).opening) : x.write(sized(200, good(x)).slice(0, -20))),
    conf: SHORT,
    log: /(first_token|total)_timeout/,
  },
  {
    name: 'drip-of-blanks',
    endless: true,
    whole: LATE,
    run: async (x) => {
      await x.write(head(200, { 'content-type': 'application/json' }));
      await drip(x, ' ');
    },
    conf: SHORT,
    log: /total_timeout/,
  },
  {
    name: 'pings-only',
    endless: true,
    stream: LATE,
    run: async (x) => {
      await openStream(x, events(x).opening);
      await drip(x, chunk(': ping\n\n'));
    },
    conf: SHORT,
    log: /first_token_timeout/,
  },
];

export const errorEvents = [
  { name: 'error-event-first', stream: BAD, run: (x) => openStream(x, [streamError[x.format]('said by the provider')]) },
  { name: 'error-event-second', stream: BAD, run: (x) => openStream(x, [...events(x).opening, streamError[x.format]('said by the provider')]) },
  { name: 'broken-event-first', stream: BAD, run: (x) => openStream(x, ['data: {"broken\n\n']) },
];
