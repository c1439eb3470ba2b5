// Providers' keys: where they come from, and files that change while nginx
// runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { frame, Gateway, keyLine, tempDir } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { answer, startStub } from './lib/stub.mjs';
import { until } from './lib/until.mjs';

const behaviours = { m: (res, body) => answer(res, body) };
const messages = [{ role: 'user', content: 'x' }];

// The key that the provider sees.
async function seen(gateway, stub, model = 'm') {
  await chat(gateway, { model, messages });
  const { headers } = stub.requests.at(-1);
  return headers.authorization ?? headers['x-api-key'];
}
const becomes = (gateway, stub, key) => until(async () => (await seen(gateway, stub)) === `Bearer ${key}`, `the key ${key}`);

// Files are looked at once a second.
describe('keys of providers', { concurrency: 4 }, () => {
  test('from the environment, a file and the configuration', async (t) => {
    const stub = await startStub(t, behaviours);
    const sources = {
      env: ['env:LLM_TEST_KEY', 'sk-env'],
      padded: ['env:LLM_TEST_PADDED if_set', 'sk-padded'],
      file: ['file:keys/one', 'sk-file'],
      literal: ['sk-literal', 'sk-literal'],
      quoted: ['"sk-{quoted};#"', 'sk-{quoted};#'],
      none: ['none', undefined],
    };
    const gateway = await Gateway.start(t, {
      env: { LLM_TEST_KEY: 'sk-env', LLM_TEST_PADDED: ' sk-padded\n' },
      http: (gateway) => {
        fs.mkdirSync(path.join(gateway.dir, 'keys'));
        fs.writeFileSync(path.join(gateway.dir, 'keys/one'), '  sk-file \r\n');
        return Object.entries(sources)
          .flatMap(([name, [key]]) =>
            ['openai', 'anthropic'].map((type) => `
              llm_provider ${name}-${type} { type ${type}; pass http://127.0.0.1:${stub.port}; key ${key}; }
              llm_model ${name}-${type} { target ${name}-${type}/m; }`),
          )
          .join('');
      },
    });
    for (const [name, [, key]] of Object.entries(sources)) {
      assert.equal(await seen(gateway, stub, `${name}-openai`), key && `Bearer ${key}`);
      assert.equal(stub.requests.at(-1).headers['x-api-key'], undefined);
      assert.equal(await seen(gateway, stub, `${name}-anthropic`), key);
      assert.equal(stub.requests.at(-1).headers.authorization, undefined);
    }
  });

  // A gateway whose key is in the file `key` below its directory.
  async function withFile(t, options = {}) {
    const stub = await startStub(t, behaviours);
    const http = `
      llm_provider p { type openai; pass http://127.0.0.1:${stub.port}; key file:key; }
      llm_model m { target p; }`;
    const gateway = await Gateway.start(t, {
      http: (gateway) => {
        fs.writeFileSync(path.join(gateway.dir, 'key'), 'sk-1');
        return http;
      },
      ...options,
    });
    const file = path.join(gateway.dir, 'key');
    assert.equal(await seen(gateway, stub), 'Bearer sk-1');
    return { gateway, stub, file };
  }

  const replace = (file, text) => {
    fs.writeFileSync(`${file}.new`, text);
    fs.renameSync(`${file}.new`, file);
  };
  const changes = {
    'written anew': (file, key) => fs.writeFileSync(file, key),
    'replaced': (file, key) => replace(file, key),
    'replaced by an older one': (file, key) => {
      fs.writeFileSync(`${file}.new`, key);
      fs.utimesSync(`${file}.new`, 1, 1);
      fs.renameSync(`${file}.new`, file);
    },
    'behind a link that moves': (file, key) => {
      fs.writeFileSync(`${file}-${key}`, key);
      fs.symlinkSync(`${file}-${key}`, `${file}.new`);
      fs.renameSync(`${file}.new`, file);
    },
    'written twice in one second': (file, key) => {
      fs.writeFileSync(file, 'sk-x');
      fs.writeFileSync(file, key);
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    test(`a file is ${name}`, async (t) => {
      const { gateway, stub, file } = await withFile(t);
      for (const key of ['sk-2', 'sk-3']) {
        change(file, key);
        await becomes(gateway, stub, key);
      }
      // Between the emptying of a file and its filling it may be read.
      if (!name.startsWith('written')) assert.doesNotMatch(gateway.errorLog(), /\[error\]/);
    });
  }

  test('a change right after it was read', async (t) => {
    const { gateway, stub, file } = await withFile(t);
    fs.writeFileSync(file, 'sk-2');
    await becomes(gateway, stub, 'sk-2');
    // The same second, the same size, the same file.
    fs.writeFileSync(file, 'sk-3');
    await becomes(gateway, stub, 'sk-3');
  });

  const damages = {
    'is gone': [(file) => fs.rmSync(file), 'the file cannot be read'],
    'is empty': [(file) => fs.writeFileSync(file, '\n'), 'the file is empty'],
    'has two words': [(file) => replace(file, 'sk 2'), 'the file holds blanks or control characters'],
    'is a directory': [
      (file) => {
        fs.rmSync(file);
        fs.mkdirSync(file);
      },
      'the file cannot be read',
    ],
    'is huge': [(file) => replace(file, 'k'.repeat(20000)), 'the file is larger than a key can be'],
  };
  for (const [name, [damage, why]] of Object.entries(damages)) {
    test(`a file that ${name}: the last good key is kept`, async (t) => {
      const { gateway, stub, file } = await withFile(t);
      damage(file);
      const line = `llm: key "file:key" has changed, but ${why}: the former one is used`;
      await until(async () => {
        assert.equal(await seen(gateway, stub), 'Bearer sk-1');
        return gateway.errorLog().includes(line);
      }, line);
      // Said once, not with every request.
      const date = async () => (await chat(gateway, { model: 'm', messages })).headers.date;
      const first = await date();
      await until(async () => (await date()) !== first);
      assert.equal(gateway.errorLog().split(line).length, 2);
      if (fs.statSync(file, { throwIfNoEntry: false })?.isDirectory()) fs.rmdirSync(file);
      replace(file, 'sk-2');
      await becomes(gateway, stub, 'sk-2');
    });
  }

  // Workers as nobody when the master is root: it can read everything.
  function reachable(dir) {
    for (let at = dir; at !== '/'; at = path.dirname(at)) if ((fs.statSync(at).mode & 0o005) !== 0o005) return false;
    return true;
  }
  test('a file that may not be read, and then may: nothing but its mode changes', async (t) => {
    const nobody = process.getuid() === 0 && `user nobody ${spawnSync('id', ['-gn', 'nobody'], { encoding: 'utf8' }).stdout.trim()};`;
    const stub = await startStub(t, behaviours);
    const probe = tempDir();
    fs.chmodSync(probe, 0o755);
    if (nobody && !reachable(probe)) return t.skip('nobody may not enter the directory of the tests');
    const gateway = await Gateway.start(t, {
      configure: (gateway) => {
        fs.chmodSync(gateway.dir, 0o755);
        fs.writeFileSync(path.join(gateway.dir, 'key'), 'sk-1');
        const http = `
          llm_zone z 1m; llm_project test { ${keyLine()} }
          llm_provider p { type openai; pass http://127.0.0.1:${stub.port}; key file:key; }
          llm_model m { target p; }
          server { listen 127.0.0.1:${gateway.port}; location /v1/ { llm_gateway on; } }`;
        return frame({ dir: gateway.dir, http }).replace('user root;', nobody || '');
      },
    });
    const file = path.join(gateway.dir, 'key');
    assert.equal(await seen(gateway, stub), 'Bearer sk-1');
    fs.writeFileSync(`${file}.new`, 'sk-2', { mode: 0o000 });
    fs.renameSync(`${file}.new`, file);
    await until(async () => {
      assert.equal(await seen(gateway, stub), 'Bearer sk-1');
      return /key "file:key" has changed, but the file cannot be read: the former one is used/.test(gateway.errorLog());
    });
    fs.chmodSync(file, 0o644);
    await becomes(gateway, stub, 'sk-2');
  });

  test('if_set: a file that comes later needs a reload', async (t) => {
    const stub = await startStub(t, behaviours);
    const gateway = await Gateway.start(t, {
      http: `
        llm_provider p { type openai; pass http://127.0.0.1:${stub.port}; key file:key if_set; }
        llm_model m { target p; }`,
    });
    assert.equal((await chat(gateway, { model: 'm', messages })).status, 503);
    fs.writeFileSync(path.join(gateway.dir, 'key'), 'sk-1');
    assert.equal((await chat(gateway, { model: 'm', messages })).status, 503);
    await gateway.reload();
    await until(async () => (await chat(gateway, { model: 'm', messages })).status === 200);
    assert.equal(stub.requests.at(-1).headers.authorization, 'Bearer sk-1');
  });

  test('a reload keeps the key of the environment, and reads files anew', async (t) => {
    const stub = await startStub(t, behaviours);
    const gateway = await Gateway.start(t, {
      env: { LLM_TEST_KEY: 'sk-env' },
      http: (gateway) => {
        fs.writeFileSync(path.join(gateway.dir, 'key'), 'sk-1');
        return `
          llm_provider p { type openai; pass http://127.0.0.1:${stub.port}; key file:key; }
          llm_provider q { type openai; pass http://127.0.0.1:${stub.port}; key env:LLM_TEST_KEY; }
          llm_model m { target p; }
          llm_model n { target q/m; }`;
      },
    });
    for (const round of [1, 2]) {
      assert.equal(await seen(gateway, stub, 'n'), 'Bearer sk-env', `round ${round}`);
      await gateway.reload();
    }
  });

  test('several providers share an upstream and its connections, each with its key', async (t) => {
    const stub = await startStub(t, behaviours);
    const names = ['p1', 'p2', 'p3'];
    const gateway = await Gateway.start(t, {
      http: `
        upstream shared { server 127.0.0.1:${stub.port}; keepalive 4; }
        ${names.map((n) => `llm_provider ${n} { type openai; pass http://shared/${n}; key sk-${n}; host ${n}.test; header x-name ${n}; } llm_model ${n} { target ${n}/m; }`).join('\n')}
        llm_provider a { type anthropic; pass http://shared; key sk-a; }
        llm_model a { target a/m; }`,
    });
    for (let round = 0; round < 2; round++) {
      for (const name of names) {
        assert.equal(await seen(gateway, stub, name), `Bearer sk-${name}`);
        const { headers, url } = stub.requests.at(-1);
        assert.deepEqual([headers.host, headers['x-name'], url], [`${name}.test`, name, `/${name}/chat/completions`]);
      }
      assert.equal(await seen(gateway, stub, 'a'), 'sk-a');
      assert.equal(stub.requests.at(-1).url, '/v1/messages');
    }
    assert.equal(stub.connections(), 1);
  });
});
