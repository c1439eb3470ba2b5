// Memory runs out in nginx at the n-th allocation of a request, for every n, for
// once and for a while: the client gets the right answer, an error or a cut
// connection, the worker goes on, and the next request is served.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { answer, RawProvider } from '../mock/raw.mjs';
import { Gateway, tempDir } from './lib/gateway.mjs';
import { authorized } from './lib/http.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const library = path.join(root, 'build/preload/failing_memory.so');
const FOR_A_WHILE = 3;
const MAX = 5000; // allocations of one request: more are none

function build() {
  const { MAKEFLAGS, MAKELEVEL, ...env } = process.env;
  const run = spawnSync('make', ['-s', path.relative(root, library)], { cwd: root, env, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
}

// The orders that the preloaded library takes.
class Memory {
  constructor(file) {
    this.fd = fs.openSync(file, 'w+');
    this.order(-1, 0);
  }

  order(succeed, fail) {
    const words = Buffer.alloc(16);
    words.writeBigInt64LE(BigInt(fail), 8);
    fs.writeSync(this.fd, words, 8, 8, 8); // first, what must be there when it starts
    words.writeBigInt64LE(BigInt(succeed), 0);
    fs.writeSync(this.fd, words, 0, 8, 0);
  }

  // How many of `fail` allocations have failed by now.
  failed(fail) {
    const words = Buffer.alloc(16);
    fs.readSync(this.fd, words, 0, 16, 0);
    return fail - Math.max(Number(words.readBigInt64LE(8)), 0);
  }
}

const texts = { openai: 'one two three four', anthropic: 'eins zwei drei vier' };
const bodyFor = (model, stream) => JSON.stringify({ model, stream, messages: [{ role: 'user', content: 'Count "them".' }], temperature: 0.5 });

// { status, body, complete } or { cut: true }; never waits for ever.
function ask(gateway, model, stream, headers) {
  return new Promise((done, fail) => {
    const options = { method: 'POST', headers: { ...authorized(), ...headers }, agent: false, timeout: 20000 };
    const req = http.request(`${gateway.url}/chat/completions`, options, (res) => {
      let body = '';
      const end = () => done({ status: res.statusCode, body, complete: res.complete });
      res.setEncoding('utf8');
      res.on('data', (part) => (body += part));
      res.on('error', end);
      res.on('end', end);
    });
    req.on('timeout', () => fail(new Error('the request hangs')));
    req.on('error', () => done({ cut: true }));
    req.end(bodyFor(model, stream));
  });
}

const isRight = (text) => Object.values(texts).includes(text);
const beginsRight = (text) => Object.values(texts).some((whole) => whole.startsWith(text));

function checkStream({ body, complete }) {
  const parts = body.split('\n\n');
  const rest = parts.pop(); // of an event that the connection's end has cut
  assert.ok(rest === '' || !complete, `half an event: ${body}`);
  const data = parts.filter((p) => p !== ': ping').map((p) => p.slice('data: '.length));
  const done = data.at(-1) === '[DONE]';
  if (done) data.pop();
  const chunks = data.map((d) => JSON.parse(d));
  const text = chunks.map((c) => c.choices?.[0]?.delta?.content ?? '').join('');
  const errors = chunks.filter((c) => c.error);
  if (done) {
    assert.equal(errors.length, 0, body);
    assert.ok(isRight(text), body);
    return 'served';
  }
  assert.ok(beginsRight(text), body);
  assert.equal(errors.length, complete ? 1 : 0, body);
  if (!complete) return 'cut';
  assert.equal(chunks.at(-1), errors[0], body);
  assert.equal(errors[0].choices[0].finish_reason, 'error');
  return 'error chunk';
}

// What became of a request, or an assertion that fails.
function check(reply, stream) {
  if (reply.cut) return 'cut';
  const { status, body, complete } = reply;
  if (status !== 200) {
    assert.ok(status >= 500 && status < 600, `${status} ${body}`);
    assert.doesNotMatch(body, /one|eins/);
    return String(status);
  }
  if (stream) return checkStream(reply);
  if (!complete) return 'cut';
  assert.ok(isRight(JSON.parse(body).choices[0].message.content), body);
  return 'served';
}

// What else is done for a request.
const kinds = [
  { format: 'openai', what: '' },
  { format: 'anthropic', what: '' },
  { format: 'openai', what: ', traced and hedged', lines: 'hedge race;', headers: { 'x-llm-trace': '1' } },
];
for (const { format, what, lines = '', headers = {} } of kinds) {
  for (const stream of [false, true]) {
    for (const fail of [1, FOR_A_WHILE]) {
      const name = `${format}, ${stream ? 'streamed' : 'whole'}, ${fail === 1 ? 'once' : 'for a while'}${what}`;
      test(`memory runs out at every allocation: ${name}`, async (t) => {
        build();
        const file = path.join(tempDir('memory'), 'orders');
        const memory = new Memory(file);
        const provider = await RawProvider.start(t, (x) => answer(x, texts[x.format]));
        const gateway = await Gateway.start(t, {
          env: {
            LD_PRELOAD: library,
            LLM_FAILING_MEMORY: file,
            ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
          },
          allowedAlerts: [/(malloc|posix_memalign)\(.*\) failed \(12: /],
          http: ['openai', 'anthropic']
            .map((f) => `llm_provider ${f} { type ${f}; pass http://127.0.0.1:${provider.port}; key k; total_timeout 5s; }`)
            .concat(`llm_model openai { target openai; fallback anthropic/b; ${lines} }`, 'llm_model anthropic { target anthropic; fallback openai/b; }')
            .join('\n'),
        });
        await gateway.active(); // served by the worker, which is there then
        const [worker] = gateway.workerPids();
        const outcomes = {};
        let n = 0;
        for (; ; n++) {
          assert.ok(n < MAX, 'no end of allocations');
          try {
            memory.order(n, fail);
            const reply = await ask(gateway, format, stream, headers);
            const failed = memory.failed(fail);
            memory.order(-1, 0);
            if (failed === 0) break;
            const outcome = check(reply, stream);
            outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
            const next = await ask(gateway, format, stream, headers);
            assert.equal(check(next, stream), 'served', `the next request: ${JSON.stringify(next)}`);
            assert.deepEqual(gateway.workerPids(), [worker], 'another worker');
          } catch (error) {
            error.message = `allocation ${n + 1}: ${error.message}`;
            throw error;
          }
        }
        t.diagnostic(`${n} allocations: ${JSON.stringify(outcomes)}`);
        assert.ok(n > 20 && (outcomes['500'] ?? 0) + (outcomes.cut ?? 0) > 20, `${n} allocations: ${JSON.stringify(outcomes)}`);
      });
    }
  }
}
