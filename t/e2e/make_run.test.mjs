// What `make run` does with its surroundings.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { after } from './lib/after.mjs';
import { module, nginx, tempDir } from './lib/gateway.mjs';
import { request } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { until } from './lib/until.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const script = path.join(root, 'conf/run.sh');
const env = (more) => {
  const all = { ...process.env, NGINX_BIN: nginx, SO: module, ...more };
  delete all.OPENAI_API_KEY;
  delete all.ANTHROPIC_API_KEY;
  return all;
};
const attempt = (more) => spawnSync(script, { cwd: tempDir('cwd'), env: env(more), encoding: 'utf8', timeout: 30000 });

async function run(t, more) {
  const child = spawn(script, { cwd: root, env: env(more), stdio: 'pipe' });
  const exited = new Promise((done) => child.once('exit', done));
  after(t, async () => {
    child.kill('SIGTERM');
    await exited;
  });
  child.log = '';
  child.stderr.on('data', (data) => (child.log += data));
  let said = '';
  child.stdout.on('data', (data) => (said += data));
  const url = `http://127.0.0.1:${more.PORT}/v1/models`;
  const headers = { authorization: 'Bearer sk-local-test' };
  child.ask = async () => (await request(url, { headers, agent: false })).status;
  await until(() => child.exitCode !== null || said.includes('Ctrl-C stops it all'), 'a gateway');
  assert.equal(child.exitCode, null, child.log);
  return child;
}

test('a second one in the same directory is refused, and does the first no harm', async (t) => {
  const dir = tempDir('run');
  const first = await run(t, { PORT: String(await freePort()), RUN_DIR: dir });
  const second = attempt({ PORT: String(await freePort()), RUN_DIR: dir });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /runs in .* already \(process \d+\): stop it, or take another RUN_DIR= and PORT=/);
  assert.equal(second.stdout, '');
  assert.equal(await first.ask(), 200);
  assert.ok(fs.existsSync(path.join(dir, 'sandbox.sock')));
  assert.doesNotMatch(first.log, /alert|exited on signal/);
});

test('the module that runs is not written over', async (t) => {
  const dir = tempDir('run');
  const so = path.join(dir, 'modules', path.basename(module));
  const options = { PORT: String(await freePort()), RUN_DIR: dir };
  await run(t, options);
  const before = fs.statSync(so).ino;
  fs.rmSync(path.join(dir, 'nginx.pid')); // as if nobody knew that it runs
  attempt(options); // fails for the port
  assert.notEqual(fs.statSync(so).ino, before, 'another file in its place');
});

test('a port in use: said before anything is promised', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  after(t, () => server.close());
  const { status, stdout, stderr } = attempt({ PORT: String(server.address().port), RUN_DIR: tempDir('run') });
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /Address already in use/);
  assert.match(stderr, /nginx did not start; PORT= takes another port/);
});

for (const port of ['', '0', 'abc', '65536', '99999999', '-1', '80 80']) {
  test(`PORT=${port}`, () => {
    const dir = path.join(tempDir('run'), 'none');
    const { status, stdout, stderr } = attempt({ PORT: port, RUN_DIR: dir });
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /is no port: take a number from 1 to 65535/);
    assert.ok(!fs.existsSync(dir));
  });
}

for (const [name, message] of Object.entries({
  '': /RUN_DIR is empty/,
  'a b': /only letters, digits/,
  'a&b': /only letters, digits/,
  'a|b': /only letters, digits/,
  'a;b': /only letters, digits/,
  "a'b": /only letters, digits/,
  [`x${'y'.repeat(120)}`]: /too long for the socket/,
})) {
  test(`RUN_DIR=${name.slice(0, 20)}`, async () => {
    const { status, stdout, stderr } = attempt({ PORT: String(await freePort()), RUN_DIR: name });
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, message);
  });
}

test('a directory with blanks in its path is named as the reason', () => {
  const dir = path.join(tempDir('run'), 'two words');
  fs.mkdirSync(dir);
  fs.copyFileSync(path.join(root, 'Makefile'), path.join(dir, 'Makefile'));
  const { status, stderr } = spawnSync('make', ['help'], { cwd: dir, encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /make cannot build in a directory with blanks in its path: .*two words/);
});
