// A gateway whose first targets fail in every way of the fault table, and what
// its clients must see of it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { FIRST, PAGE, SECRET, startFaults, TEXT } from '../../mock/faults.mjs';
import { answer, RawProvider } from '../../mock/raw.mjs';
import { Gateway, KEY } from './gateway.mjs';
import { authorized, events, textOf } from './http.mjs';

export const FORMATS = ['openai', 'anthropic'];
export const GOOD = { openai: 'said by the good openai', anthropic: 'said by the good anthropic' };
export const other = { openai: 'anthropic', anthropic: 'openai', gemini: 'openai' };

export const keyOf = (name) => `${SECRET}-${name}`;

// Most are made to fail, again and again: what was learnt of one must not spare it
// the next question, unless that is what the test is about.
export const provider = (name, type, pass, rest = '') =>
  `llm_provider ${name} { type ${type}; pass ${pass}; key ${keyOf(name)}; ${/breaker/.test(rest) ? '' : 'breaker off;'} ${rest} }`;

// What a client sends along and no provider is to see, and the reverse.
const CLIENTS = 'only-the-clients';
const LOGGED = 'told-to-nginx';
const PROVIDERS = 'only-the-providers';
const fromClient = [
  ...['cookie', 'x-api-key', 'api-key', 'proxy-authorization', 'anthropic-version', 'anthropic-beta', 'anthropic-organization-id'],
  ...['openai-organization', 'openai-project', 'openai-beta', 'x-forwarded-for', 'x-real-ip', 'forwarded', 'via', 'origin'],
  ...['accept', 'accept-language', 'accept-encoding', 'x-stainless-os', 'x-request-id', 'idempotency-key', 'x-whatever'],
];
const logged = ['user-agent', 'referer']; // nginx's access log has these
const fromProvider = [
  ...['set-cookie', 'server', 'via', 'location', 'www-authenticate', 'x-powered-by', 'x-accel-redirect', 'x-accel-expires', 'x-accel-charset'],
  ...['openai-organization', 'openai-processing-ms', 'anthropic-organization-id', 'cf-ray', 'etag', 'alt-svc', 'link', 'content-disposition'],
  ...['access-control-allow-origin', 'content-language', 'x-llm-provider', 'x-llm-attempts', 'x-whatever'],
];
const all = (names, value) => Object.fromEntries(names.map((name) => [name, value]));

// Puts headers into the first head that a provider writes.
function chatty(exchange) {
  const more = fromProvider.map((name) => `${name}: ${PROVIDERS}\r\n`).join('');
  const add = (bytes) => {
    const text = Buffer.from(bytes).toString('latin1');
    if (exchange.chatted || !/^HTTP\/1\.\d \d+ .*\r\n/.test(text)) return bytes;
    exchange.chatted = true;
    return Buffer.from(text.replace('\r\n', `\r\n${more}`), 'latin1');
  };
  for (const how of ['write', 'end']) {
    const plain = exchange[how].bind(exchange);
    exchange[how] = (bytes) => plain(bytes && add(bytes));
  }
  return exchange;
}

// For every row and format the models first-ROW-FORMAT, with a good provider of
// the other format behind it, and last-ROW-FORMAT, with nothing behind it.
export async function startFaulty(t, rows, { http: more = () => '', server, dress = chatty, allowedAlerts, formats = FORMATS } = {}) {
  const faulty = await startFaults(t, dress);
  const good = await RawProvider.start(t, (x) => answer(chatty(x), GOOD[x.format]));
  const row = (fault, format) => {
    const name = `${fault.name}-${format}`;
    const pass = fault.pass ?? `http://127.0.0.1:${faulty.port}/${fault.name}`;
    return `
      ${provider(name, format, pass, fault.conf)}
      llm_model first-${name} { target ${name}/bad-model; fallback good-${other[format]}/good-model; }
      llm_model last-${name} { target ${name}/bad-model; }`;
  };
  const gateway = await Gateway.start(t, {
    allowedAlerts,
    server,
    secrets: [KEY, SECRET, PAGE, PROMPT_TEXT, TEXT, ...Object.values(GOOD), CLIENTS, PROVIDERS],
    location: 'llm_max_event 16k; llm_max_response 64k; llm_max_tool_arguments 8k;',
    http: (gateway) => `
      ${FORMATS.map((f) => provider(`good-${f}`, f, `http://127.0.0.1:${good.port}/good`)).join('\n')}
      ${rows.flatMap((fault) => formats.map((f) => row(fault, f))).join('\n')}
      ${more(gateway)}`,
  });
  return { gateway, faulty, good };
}

// Escapes and digits that must arrive as they were written.
const PROMPT_TEXT = 'asked in confidence';
const PROMPT = String.raw`"Gr\u00fc\u00dfe, ${PROMPT_TEXT}"`;
export const requestFor = (model, stream) =>
  `{"model":"${model}","messages":[{"role":"user","content":${PROMPT}}],"temperature":0.10${stream ? ',"stream":true' : ''}}`;

// A request whose answer is watched while it comes. `onContent` runs when the
// first token is there.
export function ask(gateway, model, { stream = false, onContent, body = requestFor(model, stream) } = {}) {
  return new Promise((done, fail) => {
    const options = { method: 'POST', headers: { ...all(fromClient, CLIENTS), ...all(logged, LOGGED), ...authorized() } };
    const req = http.request(`${gateway.url}/chat/completions`, options, (res) => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (part) => {
        text += part;
        if (onContent && /"content":"[^"]|"tool_calls"/.test(text)) {
          onContent();
          onContent = null;
        }
      });
      res.on('error', fail);
      res.on('end', () => done({ status: res.statusCode, headers: res.headers, body: text, complete: res.complete }));
    });
    req.on('error', fail);
    req.end(body);
  });
}

// --- what the client must see -----------------------------------------------------

// In no answer; the logs are searched when the gateway has stopped.
export function assertNothingLeaks(answer) {
  const seen = answer.body + JSON.stringify(answer.headers);
  for (const secret of [KEY, SECRET, PAGE, PROMPT_TEXT, PROVIDERS]) assert.ok(!seen.includes(secret), `${secret} in the answer: ${seen}`);
}

// Of the client's nothing but its request has reached a provider, and none has
// seen another one's key.
export function assertNothingForwarded(...providers) {
  for (const { path, headers, body } of providers.flatMap((provider) => provider.requests)) {
    const head = `${path} ${JSON.stringify(headers)}`;
    for (const secret of [KEY, CLIENTS, LOGGED]) assert.ok(!(head + body).includes(secret), `${secret} in a request: ${head}`);
    assert.equal(head.split(SECRET).length - 1, 1, head);
    assert.ok(!body.includes(SECRET), body);
  }
}

// A good answer of exactly one provider, from its first byte to its last.
export function assertServed(answer, { stream, text, provider, attempts }) {
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.complete, true);
  assert.equal(answer.headers['x-llm-attempts'], String(attempts));
  assert.equal(answer.headers['x-llm-provider'], provider);
  assert.equal(answer.headers['retry-after'], undefined);
  if (!stream) {
    assert.equal(answer.headers['content-type'], 'application/json');
    const { choices, error } = JSON.parse(answer.body);
    assert.equal(error, undefined);
    assert.equal(choices.length, 1);
    assert.equal(choices[0].message.content, text);
    assert.equal(choices[0].finish_reason, 'stop');
    return;
  }
  assert.match(answer.headers['content-type'], /^text\/event-stream/);
  const chunks = events(answer.body);
  assert.equal(textOf(chunks), text);
  assert.deepEqual(chunks.filter((c) => c.error), []);
  assert.deepEqual(chunks.flatMap((c) => c.choices ?? []).map((c) => c.finish_reason).filter(Boolean), ['stop']);
  assert.deepEqual(chunks.filter((c) => c === '[DONE]'), ['[DONE]']);
  assert.equal(chunks.at(-1), '[DONE]');
  const ids = new Set(chunks.filter((c) => c !== '[DONE]').map((c) => c.id));
  assert.equal(ids.size, 1, 'chunks of two answers');
}

// An OpenAI error object, and nothing else.
export function assertError(answer, { status, type, code, attempts, retryAfter }) {
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.complete, true);
  assert.equal(answer.headers['content-type'], 'application/json');
  const body = JSON.parse(answer.body);
  assert.deepEqual(Object.keys(body), ['error']);
  assert.deepEqual(Object.keys(body.error), ['message', 'type', 'param', 'code']);
  assert.equal(body.error.type, type);
  assert.equal(body.error.code, code);
  assert.ok(body.error.message.length > 0);
  if (attempts !== undefined) assert.equal(answer.headers['x-llm-attempts'], String(attempts));
  const [least, most] = retryAfter ?? [];
  if (least === undefined) {
    assert.equal(answer.headers['retry-after'], undefined);
  } else {
    assert.match(answer.headers['retry-after'], /^\d+$/);
    const seconds = Number(answer.headers['retry-after']);
    assert.ok(seconds >= least && seconds <= most, `retry-after: ${seconds}`);
  }
}

// A stream that has begun and ends in one error chunk.
export function assertBroken(answer, { text, type, code }) {
  assert.equal(answer.status, 200);
  assert.equal(answer.complete, true, 'the response did not end properly');
  const chunks = events(answer.body);
  assert.equal(textOf(chunks), text);
  assert.ok(!chunks.includes('[DONE]'), 'the stream claims to be whole');
  const reasons = chunks.flatMap((c) => c.choices).map((c) => c.finish_reason);
  assert.deepEqual(reasons.filter(Boolean), ['error']);
  const failures = chunks.filter((c) => c.error);
  assert.equal(failures.length, 1);
  assert.equal(failures[0], chunks.at(-1));
  assert.equal(failures[0].choices[0].finish_reason, 'error');
  assert.equal(failures[0].error.type, type);
  assert.equal(failures[0].error.code, code);
  assert.equal(failures[0].id, chunks[0].id);
}

// What the table says, of the first of two targets or of the only one.
export function assertOutcome(answer, fault, format, { stream, first = false }) {
  const outcome = stream ? fault.stream : fault.whole;
  const itself = { stream, provider: `${fault.name}-${format}`, attempts: 1 };
  const behind = { stream, text: GOOD[other[format]], provider: `good-${other[format]}`, attempts: 2 };
  switch (outcome.kind) {
    case 'failed':
      return first ? assertServed(answer, behind) : assertError(answer, { ...outcome, attempts: 1 });
    case 'empty':
      return assertServed(answer, first ? behind : { ...itself, text: '' });
    case 'final':
      return assertError(answer, { ...outcome, attempts: 1 });
    case 'served':
      return assertServed(answer, { ...itself, text: outcome.text });
    case 'broken':
      return assertBroken(answer, { text: fault.tokenless ? '' : FIRST, ...outcome });
  }
  assert.fail(`no such outcome: ${outcome.kind}`);
}

// The request as the second provider must have got it: its own format, its own
// key and model, what the client wrote otherwise untouched.
export function assertEncodedFor(request, format, { stream }) {
  assert.equal(request.path, format === 'openai' ? '/good/chat/completions' : '/good/messages');
  const { authorization, 'x-api-key': apiKey } = request.headers;
  const key = keyOf(`good-${format}`);
  assert.deepEqual({ authorization, apiKey }, format === 'openai' ? { authorization: `Bearer ${key}`, apiKey: undefined } : { authorization: undefined, apiKey: key });
  assert.equal(request.json.model, 'good-model');
  assert.equal(request.json.stream, stream || undefined);
  assert.equal(request.json.messages.length, 1);
  assert.ok(request.body.includes(PROMPT), request.body);
  assert.ok(request.body.includes('"temperature":0.10'), request.body);
  assert.equal(typeof request.json.max_tokens, format === 'anthropic' ? 'number' : 'undefined');
}
