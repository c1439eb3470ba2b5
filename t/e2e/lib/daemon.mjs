// A gateway that runs in the background, as a server does: nginx upgrades itself
// in place only when whoever started it is gone.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after } from './after.mjs';
import { Gateway, nginx } from './gateway.mjs';
import { freePort } from './port.mjs';
import { childrenOf, isAlive, sanitized } from './process.mjs';
import { until } from './until.mjs';

// What Gateway asks of a child process.
class Background {
  constructor(pid) {
    this.pid = pid;
    this.signalCode = null;
  }

  get exitCode() {
    return isAlive(this.pid) ? null : 0;
  }

  kill(signal) {
    process.kill(this.pid, signal);
  }
}

export class Daemon extends Gateway {
  conf() {
    // A new binary has no other variables; sanitizers are told by theirs.
    return super.conf().replace('daemon off;', `daemon on; ${sanitized ? 'env ASAN_OPTIONS; env UBSAN_OPTIONS;' : ''}`);
  }

  async launch() {
    this.port = await freePort();
    fs.writeFileSync(this.file, this.conf());
    const { status } = spawnSync(nginx, ['-p', this.dir, '-e', path.join(this.dir, 'start.log'), '-c', this.file], {
      stdio: 'ignore',
      env: { ...process.env, ...this.options.env },
    });
    assert.equal(status, 0, `nginx did not start:\n${fs.readFileSync(path.join(this.dir, 'start.log'), 'utf8')}${this.errorLog()}`);
    this.process = new Background(await until(() => this.pidFile(), 'its pid'));
    await until(() => this.workerPids().length >= this.options.workers, 'its workers');
  }

  // Looked for only when somebody waits for it.
  get exited() {
    return until(() => this.process.exitCode !== null, 'the end of nginx', 30000);
  }

  pidFile() {
    try {
      return Number(fs.readFileSync(path.join(this.dir, 'nginx.pid'), 'utf8'));
    } catch {
      return 0; // renamed a moment ago
    }
  }

  // Starts a new nginx beside this one (USR2) and gives its pid; it is ended with
  // the test. What `process` says is still of the old one.
  async upgrade(t) {
    const old = this.process.pid;
    this.signal('SIGUSR2');
    const pid = await until(() => {
      const now = this.pidFile();
      return now && now !== old && childrenOf(now).length >= this.options.workers && now;
    }, 'a new nginx');
    after(t, async () => {
      if (isAlive(pid)) process.kill(pid, 'SIGTERM');
      await until(() => !isAlive(pid), 'the end of the new nginx');
    });
    return pid;
  }
}
