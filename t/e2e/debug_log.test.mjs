// With error_log at the level debug, nginx reads a connection where an event's
// data is, of every timer that is set, deleted or fires: of the module's, too.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { answer, chunk, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { ask, assertBroken, assertError, assertServed, FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';

const LATE = { status: 504, type: 'timeout_error', code: 'timeout' };

const events = (x, texts) => [...stream[x.format]([]).opening, ...stream[x.format](texts).content].map(chunk).join('');
const scripts = {
  good: (x) => answer(x, 'Hi'),
  silent: () => {},
  token: (x) => x.write(streamHead() + events(x, ['Hello'])),
  // Its last event is there, the end of its framing is not.
  unfinished: (x) => x.write(streamHead() + events(x, ['Hi']) + stream[x.format]([]).ending.map(chunk).join('')),
};

for (const format of FORMATS) {
  test(`each timer fires under a debug log, ${format}`, async (t) => {
    const up = await RawProvider.start(t, (x) => scripts[x.name](x));
    const nobody = await freePort();
    const limits = 'first_token_timeout 200ms; idle_timeout 200ms; total_timeout 5s;';
    const gateway = await Gateway.start(t, {
      http: (gateway) => `
        error_log ${gateway.dir}/debug.log debug;
        resolver 127.0.0.1:${nobody};
        upstream unknown { llm_server api.test:1; }
        ${Object.keys(scripts).map((name) => provider(name, format, `http://127.0.0.1:${up.port}/${name}`, limits)).join('\n')}
        ${provider('late', format, `http://127.0.0.1:${up.port}/silent`, 'total_timeout 200ms;')}
        ${provider('unknown', format, 'http://unknown/v1', 'host api.test;')}
        ${[...Object.keys(scripts), 'late'].map((name) => `llm_model ${name} { target ${name}; }`).join('\n')}
        llm_model second { target silent; target good; }`,
    });
    assertError(await ask(gateway, 'late'), { ...LATE, attempts: 1 });
    assertError(await ask(gateway, 'silent', { stream: true }), { ...LATE, attempts: 1 });
    assertServed(await ask(gateway, 'second', { stream: true }), { stream: true, text: 'Hi', provider: 'good', attempts: 2 });
    assertBroken(await ask(gateway, 'token', { stream: true }), { text: 'Hello', type: 'timeout_error', code: 'timeout' });
    assertServed(await ask(gateway, 'unfinished', { stream: true }), { stream: true, text: 'Hi', provider: 'unfinished', attempts: 1 });
    const log = fs.readFileSync(path.join(gateway.dir, 'debug.log'), 'utf8');
    assert.match(log, /event timer add: \d+: 200:/);
    const [worker] = gateway.workerPids();
    assert.match(log, new RegExp(`\\b${worker}#`), 'the first worker is still there');
  });
}
