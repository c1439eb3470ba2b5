// A real nginx with the module, in a directory of its own.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after } from './after.mjs';
import { request } from './http.mjs';
import { freePort } from './port.mjs';
import { childrenOf } from './process.mjs';

const root = path.resolve(import.meta.dirname, '../../..');
export const nginx = process.env.LLM_NGINX ?? '/usr/sbin/nginx';
export const module = process.env.LLM_MODULE ?? path.join(root, 'build/release/ngx_http_llm_gateway_module.so');
const work = process.env.LLM_WORK ?? path.join(root, 'build/e2e');

export const KEY = 'sk-test-1234567890';
export const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');
export const keyLine = (key = KEY, rest = '') => `key sha256:${sha256(key)} ${rest};`;

export function tempDir(name = 'test') {
  fs.mkdirSync(work, { recursive: true });
  return fs.mkdtempSync(path.join(work, `${name}-`));
}

// A new binary (USR2) gets no other variable than these.
const tools = ['ASAN_OPTIONS', 'LSAN_OPTIONS', 'UBSAN_OPTIONS'].filter((name) => process.env[name]);

// The part of a configuration that every test needs and none is about.
export function frame({ dir, main = '', events = '', http = '' }) {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
load_module ${module};
daemon off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log info;
${process.getuid() === 0 ? 'user root;' : ''}
worker_shutdown_timeout 30s; ${tools.map((name) => `env ${name};`).join(' ')}
${main}
events { worker_connections 4096; ${events} }
http {
  access_log ${dir}/access.log;
  ${temp.map((t) => `${t}_temp_path ${dir}/temp/${t};`).join(' ')}
  client_max_body_size 64m;
  client_body_buffer_size 256k;
  ${http}
}
`;
}

// nginx leaves everything it has read behind when it was only to test it.
const noLeaks = process.env.ASAN_OPTIONS && { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS}:detect_leaks=0` };

// Runs `nginx -t` on a configuration and returns { ok, output }.
export function check(conf, { dir = tempDir('check'), env = {} } = {}) {
  fs.mkdirSync(path.join(dir, 'temp'), { recursive: true });
  const file = path.join(dir, 'nginx.conf');
  fs.writeFileSync(file, typeof conf === 'function' ? conf(dir) : conf);
  const run = spawnSync(nginx, ['-t', '-p', dir, '-e', path.join(dir, 'start.log'), '-c', file], {
    encoding: 'utf8',
    env: { ...process.env, ...noLeaks, ...env },
  });
  const log = fs.existsSync(path.join(dir, 'start.log')) ? fs.readFileSync(path.join(dir, 'start.log'), 'utf8') : '';
  return { ok: run.status === 0, output: run.stderr + log, dir };
}

export class Gateway {
  // `http`: what goes into http{} besides the zone and the project of KEY (or a
  // function of the gateway that returns it);
  // `server` and `location`: what goes into those. `t`: the test it lives in.
  // Every test ends with a look at the error log, at requests left over and for
  // `secrets` (texts) in whatever nginx has written.
  static async start(t, options = {}) {
    const gateway = new this(options);
    after(t, () => gateway.finish());
    await gateway.launch();
    return gateway;
  }

  constructor({
    main = '',
    http = '',
    server = '',
    location = '',
    listen = '',
    workers = 1,
    zone = 'gateway 8m',
    project = `llm_project test { ${keyLine()} }`,
    env = {},
    allowedAlerts = [],
    secrets = [],
    configure,
  } = {}) {
    this.dir = tempDir('gateway');
    this.options = { main, http, server, location, listen, workers, zone, project, env, allowedAlerts, secrets, configure };
    fs.mkdirSync(path.join(this.dir, 'temp'), { recursive: true });
  }

  conf() {
    const { main, http, server, location, listen, workers, zone, project, configure } = this.options;
    if (configure) return configure(this);
    return frame({
      dir: this.dir,
      main: `worker_processes ${workers}; ${main}`,
      http: `
  llm_zone ${zone};
  ${project}
  ${typeof http === 'function' ? http(this) : http}
  server {
    listen 127.0.0.1:${this.port} ${listen};
    ${server}
    location /v1/ { llm_gateway on; ${location} }
    location = /_active { access_log off; default_type text/plain; return 200 "$llm_active_requests"; }
  }`,
    });
  }

  get file() {
    return path.join(this.dir, 'nginx.conf');
  }

  get url() {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  async launch() {
    this.port = await freePort();
    fs.writeFileSync(this.file, this.conf());
    this.process = spawn(nginx, ['-p', this.dir, '-e', path.join(this.dir, 'start.log'), '-c', this.file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...this.options.env },
    });
    this.stderr = '';
    this.process.stderr.on('data', (data) => (this.stderr += data));
    this.exited = new Promise((done) => this.process.once('exit', done));
    for (const end = Date.now() + 30000; Date.now() < end; await sleep(25)) {
      if (this.process.exitCode !== null) break;
      // The master listens before it has workers, and would lose a signal then.
      if ((await isOpen(this.port)) && this.workerPids().length >= this.options.workers) return;
    }
    const log = fs.existsSync(path.join(this.dir, 'start.log')) ? fs.readFileSync(path.join(this.dir, 'start.log'), 'utf8') : '';
    throw new Error(`nginx did not start: ${this.stderr}${log}`);
  }

  // Waits until the log says so.
  async waitForLog(pattern, ms = 10000) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) {
      if (pattern.test(this.errorLog())) return;
    }
    assert.fail(`${pattern} is not in the error log:\n${this.errorLog()}`);
  }

  errorLog() {
    const file = path.join(this.dir, 'error.log');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  }

  // Lines of the access log; nginx writes them when the request is over.
  async accessLog(lines = 1, ms = 5000) {
    const file = path.join(this.dir, 'access.log');
    for (const end = Date.now() + ms; ; await sleep(10)) {
      const all = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
      if (all.length >= lines || Date.now() > end) return all;
    }
  }

  async active() {
    // No connection that a worker may be about to close.
    const answer = await request(`http://127.0.0.1:${this.port}/_active`, { agent: false });
    return Number(answer.body);
  }

  async waitForIdle(ms = 5000) {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
      if ((await this.active()) === 0) return;
    }
    assert.equal(await this.active(), 0, 'requests that never ended');
  }

  // Writes the configuration anew and has nginx load it.
  async reload(options = {}) {
    Object.assign(this.options, options);
    fs.writeFileSync(this.file, this.conf());
    const old = this.workerPids();
    this.signal('SIGHUP');
    // Until they are told, the old workers take requests as well.
    const ended = (pid) => new RegExp(`\\b${pid}#${pid}: gracefully shutting down`).test(this.errorLog()) || !this.workerPids().includes(pid);
    for (const end = Date.now() + 10000; !old.every(ended); await sleep(20)) {
      if (Date.now() > end) assert.fail(`no new worker after a reload:\n${this.errorLog()}`);
    }
    // What they keep alive they close, even under a new request.
    for (const socket of Object.values(http.globalAgent.freeSockets).flat()) socket.destroy();
  }

  signal(name) {
    process.kill(this.process.pid, name);
  }

  workerPids() {
    return childrenOf(this.process.pid);
  }

  async stop() {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode) return;
    this.signal('SIGTERM');
    await Promise.race([this.exited, sleep(10000, null, { ref: false })]);
    if (this.process.exitCode === null) this.process.kill('SIGKILL');
  }

  async finish() {
    try {
      const alive = this.process && this.process.exitCode === null && !this.process.signalCode;
      if (alive && !this.options.configure) await this.waitForIdle();
    } finally {
      await this.stop();
    }
    this.assertCleanLog();
    this.assertNoSecrets();
  }

  // Everything in the directory that nginx may have written: logs, and files of
  // bodies. `given`: what the test has put there.
  given = [];
  written() {
    const names = fs.readdirSync(this.dir, { recursive: true }).map((name) => path.join(this.dir, name));
    return names.filter((name) => ![this.file, ...this.given].includes(name) && fs.statSync(name).isFile());
  }

  assertNoSecrets() {
    const { secrets } = this.options;
    if (!secrets.length) return;
    const texts = [['stderr', Buffer.from(this.stderr ?? '')], ...this.written().map((name) => [name, fs.readFileSync(name)])];
    for (const [name, text] of texts) {
      for (const secret of secrets) {
        const at = text.indexOf(secret);
        if (at >= 0) assert.fail(`${secret} in ${name}: ${text.subarray(Math.max(0, at - 200), at + 200)}`);
      }
    }
  }

  assertCleanLog() {
    const bad = this.errorLog()
      .split('\n')
      .filter((line) => /\[(alert|crit|emerg)\]|exited on signal|Sanitizer/.test(line))
      .filter((line) => !this.options.allowedAlerts.some((allowed) => allowed.test(line)));
    assert.deepEqual(bad, [], 'the error log');
  }
}

export function isOpen(port, host = '127.0.0.1') {
  return new Promise((done) => {
    const socket = net.connect({ port, host });
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
