// What the fault tables are made of: outcomes, and parts of answers.
import { chunk, errorBody, head, LAST_CHUNK, sized, stream, streamHead, whole } from '../raw.mjs';

export const TEXT = 'from the faulty one'; // what a fault lets through
export const FIRST = 'from '; // its first token
export const PAGE = 'RAW-PAGE'; // must never reach a client
export const SECRET = 'provider-secret'; // part of every provider's key

// --- outcomes -------------------------------------------------------------------

// failed: another target is tried, else the client gets this error object.
export const failed = (status, type, code) => ({ kind: 'failed', status, type, code });
export const BAD = failed(502, 'upstream_error', 'upstream_error');
export const CUT = failed(502, 'upstream_error', 'stream_interrupted');
export const LATE = failed(504, 'timeout_error', 'timeout');
export const CREDENTIAL = failed(502, 'upstream_error', 'upstream_credentials_exhausted');
export const NO_MODEL = failed(404, 'invalid_request_error', 'model_not_found');
export const OVERLOADED = failed(503, 'service_unavailable_error', 'overloaded');
export const limited = (...retryAfter) => ({ ...failed(429, 'rate_limit_error', 'rate_limit_exceeded'), retryAfter });
// final: about the request itself; no other target is asked.
export const final = (status, code = null) => ({ kind: 'final', status, type: 'invalid_request_error', code });
// broken: the first token has reached the client, the stream ends in an error.
export const broken = (type, code) => ({ kind: 'broken', type, code });
// served: no fault at all to the client. empty: only if nothing better is left.
export const served = (text = TEXT) => ({ kind: 'served', text });
export const EMPTY = { kind: 'empty' };

// --- parts of answers -----------------------------------------------------------

export const pieces = TEXT.split(/(?<= )/);
export const events = (x) => stream[x.format](pieces);
export const all = ({ opening, content, ending }) => [...opening, ...content, ...ending];
export const good = (x) => whole[x.format](TEXT);
export const half = (text) => text.slice(0, text.length / 2);
export const html = (status) => `<html><head><title>${status}</title></head><body>${PAGE}</body></html>`;

export const openStream = async (x, list, headers) => {
  await x.write(streamHead(headers));
  for (const event of list) await x.write(chunk(event));
};
export const wholeStream = async (x, list) => {
  await openStream(x, list);
  await x.write(LAST_CHUNK);
};
// Up to the first token, which is known to be at the client when this returns.
export const firstToken = async (x) => {
  const { opening, content } = events(x);
  await openStream(x, [...opening, content[0]]);
  await x.provider.clientHasToken;
};
// The same without chunks: under these headers, or up to the connection's end.
export const firstTokenPlain = async (x, headers) => {
  const { opening, content } = events(x);
  await x.write(head(200, { 'content-type': 'text/event-stream', ...headers }) + [...opening, content[0]].join(''));
  await x.provider.clientHasToken;
};

export const status = (code, message = 'said by the provider', headers) => (x) =>
  x.write(sized(code, errorBody[x.format](code, message), headers));
export const page = (code) => (x) => x.write(sized(code, html(code), { 'content-type': 'text/html' }));
export const silence = () => {};
export const inMs = (ms) => new Date(Date.now() + ms);

// A good answer under a head of its own.
export const framed = (headers, version) => async (x) => {
  const type = x.stream ? 'text/event-stream' : 'application/json';
  const body = x.stream ? all(events(x)).join('') : good(x);
  await x.write(head(200, { 'content-type': type, ...headers(Buffer.byteLength(body)) }, version) + body);
  x.end();
};

export const UNREACHED = /could not be reached/;
export const UNUSABLE = /answer cannot be used/;

export const SHORT = 'first_token_timeout 150ms; total_timeout 300ms;';
export const IDLE = 'idle_timeout 150ms;';
