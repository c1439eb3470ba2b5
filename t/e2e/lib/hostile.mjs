// A gateway that is attacked, and what has to hold whatever was done to it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { answer, RawProvider } from '../../mock/raw.mjs';
import { FORMATS, keyOf, provider } from './faulty.mjs';
import { Gateway } from './gateway.mjs';
import { chat } from './http.mjs';
import { freePort } from './port.mjs';
import { assertNotGrown, eventually, memoryOf, peakOf, resetPeak, socketsOf } from './wire.mjs';

const MB = 1024; // in kilobytes

// Providers of either format that say `Hi`, or what `scripts` has for the first
// part of the path; for each of them a model of its name.
export async function startTarget(t, { scripts = {}, http = '', server = '', limits = '', ...options } = {}) {
  const up = await RawProvider.start(t, (x) => (scripts[x.name] ? scripts[x.name](x) : answer(x, 'Hi')));
  const clear2 = await freePort();
  const names = ['', ...Object.keys(scripts)].flatMap((name) => FORMATS.map((format) => [name ? `${name}-${format}` : format, name || 'good', format]));
  const gateway = await Gateway.start(t, {
    server: `listen 127.0.0.1:${clear2} http2; ${server}`,
    http: `
      ${names.map(([model, name, format]) => provider(model, format, `http://127.0.0.1:${up.port}/${name}`, limits) + ` llm_model ${model} { target ${model}; }`).join('\n')}
      ${http}`,
    secrets: [keyOf('')],
    ...options,
  });
  const [pid] = gateway.workerPids();
  await serves(gateway);
  await gateway.waitForIdle();
  return new Target(gateway, up, clear2, pid);
}

// The next request is answered, translated or not.
async function serves(gateway) {
  for (const format of FORMATS) {
    const { status, body } = await chat(gateway, { model: format, messages: [{ role: 'user', content: 'Hi' }] }, { connection: 'close' });
    assert.equal(status, 200, body);
    assert.equal(JSON.parse(body).choices[0].message.content, 'Hi');
  }
}

class Target {
  constructor(gateway, up, clear2, pid) {
    Object.assign(this, { gateway, up, clear2, pid });
    this.port = gateway.port;
    this.sockets = socketsOf(pid);
    this.memory = memoryOf(pid);
  }

  // What is measured from here on is the next attack's.
  brace() {
    this.memory = memoryOf(this.pid);
    resetPeak(this.pid);
  }

  // `peak`: megabytes that the attack may have cost at any time; `rest`: what
  // may be left of it.
  async survives({ peak = 8, rest = peak } = {}) {
    assertNotGrown(this.pid, this.memory, peak * MB, peakOf);
    assert.deepEqual(this.gateway.workerPids(), [this.pid], 'the worker is another one');
    await serves(this.gateway);
    await this.gateway.waitForIdle();
    await this.up.until(() => this.up.sockets.size === 0, 'the end of all upstream connections');
    assertNotGrown(this.pid, this.memory, rest * MB);
  }

  // To be called when all clients have gone.
  async letsGo() {
    await eventually(() => socketsOf(this.pid) <= this.sockets, 'the end of all connections of the worker');
  }

  // Bytes in files of bodies, which have no name any more.
  spooled() {
    const dir = `/proc/${this.pid}/fd`;
    let bytes = 0;
    for (const fd of fs.readdirSync(dir)) {
      try {
        if (fs.readlinkSync(`${dir}/${fd}`).includes('/client_body/')) bytes += fs.statSync(`${dir}/${fd}`).size;
      } catch {
        // closed in between
      }
    }
    return bytes;
  }
}

// OpenAI's error object and nothing else, from whichever client.
export function assertRefused({ status, headers, body }, expected, { type = 'invalid_request_error', code, param } = {}) {
  assert.equal(status, expected, body);
  assert.equal(headers['content-type'], 'application/json');
  assert.ok(headers['x-request-id'], 'x-request-id');
  const parsed = JSON.parse(body);
  assert.deepEqual(Object.keys(parsed), ['error']);
  assert.deepEqual(Object.keys(parsed.error), ['message', 'type', 'param', 'code']);
  assert.equal(parsed.error.type, type);
  if (code !== undefined) assert.equal(parsed.error.code, code);
  if (param !== undefined) assert.equal(parsed.error.param, param);
}
