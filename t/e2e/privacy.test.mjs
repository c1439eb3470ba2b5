// What people ask and what they are told: between client and provider, and in
// no log, at whatever level, whatever goes wrong.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { faults, startFaults } from '../mock/faults.mjs';
import { answer, chunk, errorBody, RawProvider, sized, stream, streamError, streamHead, toolStream } from '../mock/raw.mjs';
import { FORMATS, keyOf, provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { post, Wire } from './lib/wire.mjs';

const PROMPT = 'my-secret-prompt';
const SAID = 'my-secret-answer';

const withPrompt = (model, streamed, more = {}) =>
  JSON.stringify({
    model,
    stream: streamed,
    user: PROMPT,
    tools: [{ type: 'function', function: { name: 'f', description: PROMPT } }],
    messages: [
      { role: 'system', content: PROMPT },
      { role: 'user', content: [{ type: 'text', text: PROMPT }, { type: 'image_url', image_url: { url: `https://${PROMPT}.test/a.png` } }] },
    ],
    ...more,
  });

// How an answer, or what is none, can hold the secret.
const scripts = {
  good: (x) => answer(x, SAID),
  page: (x) => x.write(sized(502, `<html>${SAID}</html>`, { 'content-type': 'text/html' })),
  quoted: (x) => x.write(sized(400, errorBody[x.format](400, `bad prompt: ${PROMPT} ${SAID}`))),
  limited: (x) => x.write(sized(429, errorBody[x.format](429, `${PROMPT} ${SAID}`))),
  header: (x) => x.write(sized(200, '{}', { 'x-said': SAID })),
  'bad-header': (x) => x.write(`HTTP/1.1 200 OK\r\n${SAID}: \0\r\n\r\n`),
  'no-http': (x) => x.write(`${SAID}\r\n\r\n`),
  'broken-json': (x) => x.write(sized(200, `{"${SAID}": "${SAID}`)),
  'broken-event': (x) => x.write(streamHead() + chunk(`data: {"${SAID}": "${SAID}\n\n`)),
  'unknown-event': (x) => x.write(streamHead() + chunk(`event: ${SAID}\ndata: {"type":"${SAID}"}\n\n`) + '0\r\n\r\n'),
  'error-event': (x) => x.write(streamHead() + chunk(streamError[x.format](`${PROMPT} ${SAID}`))),
  'bad-chunk': (x) => x.write(`${streamHead()}${SAID}\r\n`),
  dies: async (x) => {
    const { opening, content } = stream[x.format]([SAID]);
    await x.write(streamHead() + [...opening, ...content].map(chunk).join(''));
    x.end();
  },
  arguments: async (x) => {
    await x.write(streamHead() + toolStream[x.format]([`{"${SAID}`]).map(chunk).join(''));
    x.reset();
  },
};

// What a client sends that is none of a request.
const bodies = [
  `{"model":"good-openai","messages":[{"role":"user","content":"${PROMPT}`,
  `{"${PROMPT}":1,"${PROMPT}":2}`,
  `${PROMPT}`,
  `{"model":"good-openai","messages":[{"role":"${PROMPT}","content":"x"}]}`,
];

test('no prompt and no answer in a log', async (t) => {
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const names = Object.keys(scripts).flatMap((name) => FORMATS.map((format) => [`${name}-${format}`, name, format]));
  const gateway = await Gateway.start(t, {
    location: 'client_body_buffer_size 1k; llm_max_tool_arguments 1k;',
    http: (gateway) => `
      error_log ${gateway.dir}/error.log debug;
      log_format all '$request $status $llm_error $llm_finish_reason $llm_provider $llm_model $llm_request_model';
      access_log ${gateway.dir}/access.log all;
      ${names.map(([name, at, format]) => provider(name, format, `http://127.0.0.1:${up.port}/${at}`)).join('\n')}
      ${names.map(([name]) => `llm_model ${name} { target ${name}; }`).join('\n')}`,
  });
  let heard = 0;
  const send = async (body, headers) => {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(body, headers));
    const response = await wire.response();
    assert.ok(!JSON.stringify(response).includes(keyOf('')), 'a key in the answer');
    if (response.body.includes(SAID)) heard++;
    return response.status;
  };
  for (const [name] of names) {
    for (const streamed of [false, true]) {
      await send(withPrompt(name, streamed));
      await send(withPrompt(name, streamed, { n: 2, logprobs: true })); // refused, for one of them
    }
  }
  for (const body of bodies) assert.equal(await send(body), 400);
  assert.equal(await send(withPrompt('good-openai', false), { authorization: 'Bearer wrong' }), 401);
  assert.ok(heard >= 8, 'nobody has heard an answer');
  assert.ok(up.requests.filter((r) => r.body.includes(PROMPT)).length >= 2 * names.length);

  await gateway.waitForIdle();
  const log = gateway.errorLog();
  assert.match(log, /\[debug\]/);
  for (const secret of [PROMPT, SAID, keyOf('')]) {
    const line = log.split('\n').find((one) => one.includes(secret));
    assert.equal(line, undefined, secret);
    assert.ok(!fs.readFileSync(`${gateway.dir}/access.log`, 'utf8').includes(secret), `${secret} in the access log`);
  }
});

// nginx itself writes headers into a debug log, the client's key among them; at
// other levels nobody does.
test('no client key in a log that is not for debugging', async (t) => {
  const faulty = await startFaults(t);
  const rows = faults.filter(({ name }) => ['500', '502-html', 'close-before-headers', 'no-http', 'broken-json'].includes(name));
  const gateway = await Gateway.start(t, {
    http: `
      ${rows.map(({ name }) => provider(name, 'openai', `http://127.0.0.1:${faulty.port}/${name}`)).join('\n')}
      ${rows.map(({ name }) => `llm_model m${name} { target ${name}; }`).join('\n')}`,
  });
  for (const { name } of rows) {
    const wire = await Wire.connect(t, gateway.port);
    await wire.send(post(withPrompt(`m${name}`, false)));
    assert.equal((await wire.response()).status, 502, name);
  }
  const log = gateway.errorLog();
  assert.equal(log.match(/llm: upstream "/g).length >= rows.length, true);
  for (const secret of [KEY, PROMPT, keyOf('')]) assert.ok(!log.includes(secret), `${secret} in the error log`);
});
