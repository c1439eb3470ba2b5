// A gateway whose first targets fail in every way of the fault table, and what
// its clients must see of it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { PAGE, SECRET, startFaults } from '../../mock/faults.mjs';
import { answer, RawProvider } from '../../mock/raw.mjs';
import { Gateway } from './gateway.mjs';
import { authorized, events, textOf } from './http.mjs';

export const FORMATS = ['openai', 'anthropic'];
export const GOOD = { openai: 'said by the good openai', anthropic: 'said by the good anthropic' };
export const other = { openai: 'anthropic', anthropic: 'openai' };

export const keyOf = (name) => `${SECRET}-${name}`;

export const provider = (name, type, pass, rest = '') =>
  `llm_provider ${name} { type ${type}; pass ${pass}; key ${keyOf(name)}; ${rest} }`;

// For every row and format the models first-ROW-FORMAT, with a good provider of
// the other format behind it, and last-ROW-FORMAT, with nothing behind it.
export async function startFaulty(t, rows, { http: more = () => '', allowedAlerts } = {}) {
  const faulty = await startFaults(t);
  const good = await RawProvider.start(t, (x) => answer(x, GOOD[x.format]));
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
    location: 'llm_max_event 16k; llm_max_response 64k; llm_max_tool_arguments 8k;',
    http: (gateway) => `
      ${FORMATS.map((f) => provider(`good-${f}`, f, `http://127.0.0.1:${good.port}/good`)).join('\n')}
      ${rows.flatMap((fault) => FORMATS.map((f) => row(fault, f))).join('\n')}
      ${more(gateway)}`,
  });
  return { gateway, faulty, good };
}

// Escapes and digits that must arrive as they were written.
const PROMPT = String.raw`"Gr\u00fc\u00dfe"`;
export const requestFor = (model, stream) =>
  `{"model":"${model}","messages":[{"role":"user","content":${PROMPT}}],"temperature":0.10${stream ? ',"stream":true' : ''}}`;

// A request whose answer is watched while it comes. `onContent` runs when the
// first token is there.
export function ask(gateway, model, { stream = false, onContent, body = requestFor(model, stream) } = {}) {
  return new Promise((done, fail) => {
    const options = { method: 'POST', headers: authorized() };
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

export function assertNothingLeaks(gateway, answer) {
  const seen = answer.body + JSON.stringify(answer.headers);
  for (const secret of [SECRET, PAGE]) {
    assert.ok(!seen.includes(secret), `${secret} in the answer: ${seen}`);
    assert.ok(!gateway.errorLog().includes(secret), `${secret} in the error log`);
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
