// What a new binary (USR2) has, and what it has not, of the one before it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { answer, RawProvider } from '../mock/raw.mjs';
import { Daemon } from './lib/daemon.mjs';
import { module } from './lib/gateway.mjs';
import { ask, assertServed } from './lib/faulty.mjs';
import { childrenOf } from './lib/process.mjs';
import { eventually, within } from './lib/wire.mjs';

const SECRET = 'sk-upstream-0123456789';

async function start(t, { kind = Daemon, ...options } = {}) {
  const up = await RawProvider.start(t, (x) => answer(x, 'Hi'));
  const gateway = await kind.start(t, {
    env: { LLM_TEST_KEY: SECRET },
    http: `
      llm_provider up { type openai; pass http://127.0.0.1:${up.port}; key env:LLM_TEST_KEY; }
      llm_model m { target up; }`,
    ...options,
  });
  const served = async () => {
    for (const stream of [false, true]) assertServed(await ask(gateway, 'm', { stream }), { stream, text: 'Hi', provider: 'up', attempts: 1 });
    assert.equal(up.requests.at(-1).headers.authorization, `Bearer ${SECRET}`);
  };
  return { gateway, served };
}

async function leave(gateway) {
  // What it keeps alive it closes, even under a new request.
  for (const socket of Object.values(http.globalAgent.freeSockets).flat()) socket.destroy();
  gateway.signal('SIGQUIT');
  await within(gateway.exited, 'the end of the old nginx', 30000);
}

// nginx gives a new binary those variables alone that `env` lists.
test('a key from the environment is there when `env` names it', async (t) => {
  const { gateway, served } = await start(t, { main: 'env LLM_TEST_KEY;' });
  await served();
  await gateway.upgrade(t);
  await leave(gateway);
  await served();
});

test('a key from the environment that `env` does not name: the old nginx stays and says why', async (t) => {
  const { gateway, served } = await start(t, { allowedAlerts: [/\[emerg\]|new binary process \d+ exited/] });
  gateway.signal('SIGUSR2');
  await eventually(() => /new binary process \d+ exited/.test(gateway.errorLog()) || /exited with code/.test(gateway.errorLog()), 'the end of the new binary');
  const log = ['error.log', 'start.log'].map((name) => path.join(gateway.dir, name)).filter(fs.existsSync).map((file) => fs.readFileSync(file, 'utf8')).join('');
  assert.match(log, /key "env:LLM_TEST_KEY" of llm_provider "up": the environment variable is not set/);
  await served();
  await gateway.reload();
  await served();
});

// The module as it is loaded from a file of the test's own.
class Replaceable extends Daemon {
  get module() {
    return path.join(this.dir, 'module.so');
  }

  conf() {
    if (!fs.existsSync(this.module)) fs.copyFileSync(module, this.module);
    return super.conf().replace(module, this.module);
  }
}

// The loader takes what is mapped under that name already.
test('a module that is replaced: a reload goes on with the old one, a new binary has the new one', async (t) => {
  const { gateway, served } = await start(t, { kind: Replaceable, main: 'env LLM_TEST_KEY;' });
  const runsOld = (pid) => fs.readFileSync(`/proc/${pid}/maps`, 'utf8').includes('module.so (deleted)');
  assert.equal(gateway.workerPids().some(runsOld), false);
  fs.copyFileSync(module, `${gateway.module}.new`);
  fs.renameSync(`${gateway.module}.new`, gateway.module);

  const before = gateway.workerPids();
  await gateway.reload();
  await eventually(() => !gateway.workerPids().some((pid) => before.includes(pid)), 'new workers alone');
  assert.equal(gateway.workerPids().every(runsOld), true);
  await served();

  const pid = await gateway.upgrade(t);
  assert.equal(childrenOf(pid).some(runsOld), false);
  await leave(gateway);
  await served();
});
