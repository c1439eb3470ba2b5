// Providers' keys: nowhere but in the requests to the provider.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { run } from './lib/conf.mjs';
import { Gateway, nginx } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';

const SECRET = 'sk-do-not-tell-anyone';
const provider = (key, more = '') => `llm_provider p { type openai; pass http://127.0.0.1:1; key ${key}; ${more} }`;

const outputs = [
  ['an environment variable', provider('env:LLM_TEST_KEY'), true],
  ['a file', provider('file:key'), true],
  ['a literal', provider(SECRET), true],
  ['a bad environment variable', provider('env:LLM_TEST_BAD'), false],
  ['a bad file', provider('file:bad'), false],
  ['a bad literal', provider(`"${SECRET} x"`), false],
  ['a literal with something behind it', provider(`${SECRET} ${SECRET}`), false],
  ['a literal with too much behind it', provider(`${SECRET} ${SECRET} x`), false],
  ['a literal given twice', provider(SECRET, `key ${SECRET};`), false],
  ['a client key', `llm_zone z 1m; llm_project a { key ${SECRET}; }`, false],
  ['a client key behind a kind of hash', `llm_zone z 1m; llm_project a { key sha256:${SECRET}; }`, false],
];
for (const [name, conf, good] of outputs) {
  test(`nginx -t says nothing of ${name}`, () => {
    const result = run({ http: conf, env: { LLM_TEST_KEY: SECRET, LLM_TEST_BAD: `${SECRET} x` }, files: { key: SECRET, bad: `${SECRET} x` } });
    assert.equal(result.ok, good, result.output);
    assert.doesNotMatch(result.output, /do-not-tell/);
  });
}

test('nginx -T prints the file as it is and no more', () => {
  const { dir, conf } = run({ http: `${provider('env:LLM_TEST_KEY')} ${provider('file:key').replace(' p ', ' q ')}`, env: { LLM_TEST_KEY: SECRET }, files: { key: SECRET } });
  const dump = spawnSync(nginx, ['-T', '-p', dir, '-e', path.join(dir, 'start.log'), '-c', path.join(dir, 'nginx.conf')], {
    encoding: 'utf8',
    env: { ...process.env, LLM_TEST_KEY: SECRET },
  });
  assert.equal(dump.status, 0, dump.stderr);
  assert.ok(dump.stdout.includes(conf.trim()));
  assert.doesNotMatch(dump.stdout + dump.stderr, /do-not-tell/);
});

// An upstream that says aloud what it was given.
async function tattler(t) {
  const seen = [];
  const server = http.createServer((req, res) => {
    seen.push(req.headers.authorization ?? req.headers['x-api-key']);
    req.resume().on('end', () => {
      const status = Number(req.url.split('/')[1]);
      if (!status) return req.socket.end(`not HTTP: ${seen.at(-1)}`);
      res.writeHead(status, { 'content-type': 'application/json', 'x-your-key': seen.at(-1), 'x-request-id': 'req-1' });
      res.end(JSON.stringify({ error: { message: `Incorrect API key provided: ${seen.at(-1)}`, code: 'invalid_api_key' } }));
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return { port: server.address().port, seen };
}

test('no key in a debug log, an access log or an answer', async (t) => {
  const upstream = await tattler(t);
  const rows = [];
  for (const [type, name] of [['openai', 'o'], ['anthropic', 'a']]) {
    for (const status of [200, 400, 401, 403, 429, 500, 0]) rows.push([`${name}-${status}`, type, status]);
  }
  const keys = ['env:LLM_TEST_KEY', 'file:key', SECRET];
  const gateway = await Gateway.start(t, {
    env: { LLM_TEST_KEY: SECRET },
    http: (gateway) => {
      fs.writeFileSync(path.join(gateway.dir, 'key'), SECRET);
      return `
        error_log ${gateway.dir}/error.log debug;
        log_format all '$request $status $llm_provider $llm_error $llm_model';
        access_log ${gateway.dir}/access.log all;
        ${rows.map(([name, type, status], i) => `
          llm_provider ${name} { type ${type}; pass http://127.0.0.1:${upstream.port}/${status}; key ${keys[i % 3]}; }
          llm_model ${name} { target ${name}; }`).join('')}`;
    },
  });
  for (const [name] of rows) {
    for (const stream of [false, true]) {
      const answer = await chat(gateway, { model: name, stream, messages: [{ role: 'user', content: 'x' }] });
      assert.doesNotMatch(JSON.stringify(answer), /do-not-tell|x-your-key/i, name);
    }
  }
  assert.equal(upstream.seen.length, 2 * rows.length);
  assert.ok(upstream.seen.every((key) => key.includes(SECRET)));
  const log = gateway.errorLog();
  assert.match(log, /\[debug\]/);
  assert.doesNotMatch(log, /do-not-tell/);
  assert.doesNotMatch((await gateway.accessLog(2 * rows.length)).join('\n'), /do-not-tell/);
});
