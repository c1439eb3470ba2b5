// Answers that could be read and are not what they should be: validate, the
// anomaly log, and escalate.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { OpenAIMock } from '../mock/openai.mjs';
import { accepted, refused } from './lib/conf.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { collect, userSays } from './lib/upstreams.mjs';

const SECRET = 'top-secret-words';

// Two upstreams behind the model `m`, the cheap one first.
async function serve(t, { model = '', location = '', log = true, workers = 1 } = {}) {
  const [cheap, dear] = [await OpenAIMock.start(t, { key: 'sk-one' }), await OpenAIMock.start(t, { key: 'sk-two' })];
  const gateway = await Gateway.start(t, {
    workers,
    secrets: [SECRET],
    http: (gateway) => `
      llm_provider cheap { type openai; pass ${cheap.url}; key sk-one; }
      llm_provider dear { type openai; pass ${dear.url}; key sk-two; }
      llm_model m { target cheap/gpt-4o-mini; target dear/gpt-4o; ${model} }
      llm_model only { target cheap/gpt-4o-mini; ${model} }
      ${log ? `llm_anomaly_log ${gateway.dir}/anomalies.json;` : ''}`,
    location,
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  const ask = async (body = {}) => {
    const { data, response } = await client.chat.completions.create({ model: 'm', messages: userSays('Hi'), ...body }).withResponse();
    const headers = { provider: response.headers.get('x-llm-provider'), attempts: response.headers.get('x-llm-attempts') };
    if (!body.stream) return { ...headers, message: data.choices[0].message, finish: data.choices[0].finish_reason };
    const chunks = await collect(data);
    return { ...headers, text: chunks.map((c) => c.choices[0]?.delta?.content ?? '').join(''), finish: chunks.findLast((c) => c.choices[0])?.choices[0].finish_reason };
  };
  const lines = async (n) => {
    const file = path.join(gateway.dir, 'anomalies.json');
    const read = () => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line));
    for (const end = Date.now() + 5000; read().length < n && Date.now() < end; ) await sleep(10);
    return read();
  };
  return { cheap, dear, gateway, ask, lines };
}

const raw = (body, type = 'application/json') => (request, response) => {
  response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
};
const args = (text) => ({ tool_calls: [{ id: 'c', name: 'f', arguments: text }] });
const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }];
const json = { response_format: { type: 'json_object' }, messages: userSays('JSON, please') };
const badArgs = args(`{"a": "${SECRET}`);

// What the cheap one says, the request, and the line.
const flaws = [
  ['no words', { content: '' }, {}, 'empty', 'choices[0].message'],
  ['arguments that are no JSON', badArgs, { tools }, 'tool_arguments', 'choices[0].message.tool_calls[0].function.arguments'],
  ['text where JSON was asked for', { content: SECRET }, json, 'not_json', 'choices[0].message.content'],
  ['counts that contradict each other', { content: 'Hi', usage: { prompt_tokens: 5, total_tokens: 9, prompt_tokens_details: { cached_tokens: 50 } } }, {}, 'usage', 'usage'],
];
const broken = [
  ['broken JSON', raw(`{"choices": [{"message": {"content": "${SECRET}"`), 'protocol'],
  ['no choices', raw(`{"id": "x", "object": "chat.completion", "x": "${SECRET}"}`), 'protocol'],
  ['HTML', raw(`<html>${SECRET}</html>`, 'text/html'), 'protocol'],
];

test('each is one line of JSON without a word of the answer', async (t) => {
  const { cheap, ask, lines } = await serve(t);
  let n = 0;
  for (const stream of [false, true]) {
    for (const [name, says, body, kind, place] of flaws) {
      cheap.say(says);
      await ask({ model: 'only', stream, ...body });
      const all = await lines(++n);
      assert.equal(all.length, n, name);
      const { time, request_id, ms, bytes, ...line } = all.at(-1);
      assert.deepEqual(line, { provider: 'cheap', model: 'gpt-4o-mini', kind, place, status: 200, attempt: 1, stream }, name);
      assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(request_id, /^[0-9a-f]{32}$/);
      assert.ok(ms >= 0 && bytes > 0, name);
    }
  }
  for (const [name, answer, kind] of broken) {
    cheap.next(answer);
    await assert.rejects(ask({ model: 'only' }), (error) => error.status === 502, name);
    const all = await lines(++n);
    assert.equal(all.length, n, name);
    assert.equal(all.at(-1).kind, kind, name);
  }
  // What is not about answers is not there.
  cheap.fail(500, 'broken');
  await assert.rejects(ask({ model: 'only' }));
  await ask({ model: 'only' });
  cheap.say({ content: '{"a"', finish_reason: 'length' });
  await ask({ model: 'only', ...json });
  assert.equal((await lines(n + 1)).length, n);
});

test('the log is opened anew on USR1, and off is off', async (t) => {
  const { cheap, gateway, ask, lines } = await serve(t);
  const file = path.join(gateway.dir, 'anomalies.json');
  cheap.say({ content: '' });
  await ask({ model: 'only' });
  assert.equal((await lines(1)).length, 1);
  fs.renameSync(file, `${file}.1`);
  gateway.signal('SIGUSR1');
  for (const end = Date.now() + 5000; !fs.existsSync(file) && Date.now() < end; ) await sleep(20);
  await gateway.waitForLog(/reopening logs/);
  // The worker is told after the master has done it.
  for (const end = Date.now() + 10000; fs.readFileSync(file, 'utf8') === '' && Date.now() < end; await sleep(50)) {
    cheap.say({ content: '' });
    await ask({ model: 'only' });
  }
  assert.equal((await lines(1))[0].kind, 'empty');

  await gateway.reload({ location: 'llm_anomaly_log off;' });
  const before = (await lines(1)).length;
  cheap.say({ content: '' });
  await ask({ model: 'only' });
  assert.equal((await lines(before)).length, before);
});

test('validate off: nothing is looked at', async (t) => {
  const { cheap, gateway, ask } = await serve(t, { model: 'validate off;' });
  cheap.say(badArgs);
  assert.equal((await ask({ tools })).provider, 'cheap');
  assert.equal(fs.readFileSync(path.join(gateway.dir, 'anomalies.json'), 'utf8'), '');
});

test('validate log: the client gets the answer as it is', async (t) => {
  const { cheap, ask } = await serve(t);
  cheap.say(badArgs);
  const { provider, message } = await ask({ tools });
  assert.equal(provider, 'cheap');
  assert.equal(message.tool_calls[0].function.arguments, badArgs.tool_calls[0].arguments);
});

test('validate retry: another target is asked, and the flawed answer is better than none', async (t) => {
  const { cheap, dear, ask, lines } = await serve(t, { model: 'validate retry;' });
  cheap.say(badArgs);
  dear.say(args('{"a":1}'));
  const good = await ask({ tools });
  assert.deepEqual([good.provider, good.attempts], ['dear', '2']);
  assert.equal(good.message.tool_calls[0].function.arguments, '{"a":1}');

  cheap.say({ content: 'not JSON' });
  dear.say({ content: '{"a":1}' });
  assert.equal((await ask(json)).message.content, '{"a":1}');

  // Both are flawed: the last one.
  cheap.say({ content: 'one' });
  dear.say({ content: 'two' });
  const last = await ask(json);
  assert.deepEqual([last.provider, last.message.content], ['dear', 'two']);

  // The other one fails.
  cheap.say({ content: 'one' });
  dear.fail(500, 'broken');
  const spare = await ask(json);
  assert.deepEqual([spare.provider, spare.message.content, spare.attempts], ['cheap', 'one', '2']);

  // The other one says nothing at all.
  cheap.say({ content: 'one' });
  dear.say({ content: '' });
  assert.equal((await ask(json)).message.content, 'one');

  // Streams have begun when it shows.
  cheap.say({ content: 'one' });
  assert.equal((await ask({ ...json, stream: true })).text, 'one');
  assert.equal((await lines(8)).length, 8);
});

const reasons = [
  ['refusal', { refusal: 'No.' }, {}],
  ['refusal', { content: 'I', finish_reason: 'content_filter' }, {}],
  ['length', { content: 'It beg', finish_reason: 'length' }, {}],
  ['empty', { content: '' }, {}],
  ['invalid', { content: 'Sure!' }, json],
];
for (const [reason, says, body] of reasons) {
  test(`escalate on=${reason}: ${JSON.stringify(says)}`, async (t) => {
    const { cheap, dear, ask } = await serve(t, { model: `escalate on=${reason} streams=hold;`, log: false });
    for (const stream of [false, true]) {
      cheap.say(says);
      dear.say({ content: '{"good":true}' });
      const { provider, message, text } = await ask({ stream, ...body });
      assert.equal(provider, 'dear');
      assert.equal(stream ? text : message.content, '{"good":true}');

      // A good answer stays.
      cheap.say({ content: '{"fine":1}' });
      assert.equal((await ask({ stream, ...body })).provider, 'cheap');

      // The better one fails: what there was before.
      if (reason === 'empty') continue;
      cheap.say(says);
      dear.fail(500, 'broken');
      const spare = await ask({ stream, ...body });
      assert.deepEqual([spare.provider, spare.attempts], ['cheap', '2']);
    }
  });
}

test('escalate: other reasons do not count, nor do streams that are not held', async (t) => {
  const { cheap, ask } = await serve(t, { model: 'escalate on=length;', log: false });
  cheap.say({ refusal: 'No.' });
  assert.equal((await ask()).provider, 'cheap');
  cheap.say({ content: 'It beg', finish_reason: 'length' });
  const { provider, text } = await ask({ stream: true });
  assert.deepEqual([provider, text], ['cheap', 'It beg']);
});

test('escalate: a stream that is too long to be held goes out', async (t) => {
  const { cheap, ask } = await serve(t, { model: 'escalate on=length streams=hold;', log: false });
  const text = 'x'.repeat(200000);
  cheap.say({ content: text, finish_reason: 'length', size: 1000 });
  const answer = await ask({ stream: true });
  assert.deepEqual([answer.provider, answer.text.length], ['cheap', text.length]);
});

const provider = 'llm_provider p { type openai; pass http://127.0.0.1:1; key none; }\n';
const model = (line) => `${provider}llm_model m { target p; ${line} #!\n}`;
accepted('all reasons', `${provider}llm_model m { target p; validate retry; escalate streams=hold on=invalid,refusal,length,empty; }`);
refused('validate with another word', model('validate yes;'), /invalid value "yes" in "validate", it must be "off" or "log" or "retry"/);
refused('escalate without a reason', model('escalate streams=hold;'), /"escalate" directive needs "on=REASON,\.\.\."/);
refused('escalate with an unknown reason', model('escalate on=invalid,anger;'), /has an unknown reason: there are invalid, refusal, length and empty/);
refused('escalate with no reason', model('escalate on=;'), /has an unknown reason/);
refused('escalate with another parameter', model('escalate on=length streams=off;'), /knows only the parameters/);
refused('escalate twice', model('escalate on=length; escalate on=empty;'), /"escalate" directive is duplicate/);
