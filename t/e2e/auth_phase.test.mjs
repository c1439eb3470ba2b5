// Variables of the caller are used before nginx knows the location; what the
// location says of keys still counts.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gateway, KEY } from './lib/gateway.mjs';
import { chat } from './lib/http.mjs';
import { withSandbox } from './lib/sandbox.mjs';

const cases = [
  ['llm_auth off in the server, on in the location', 'llm_auth off;', 'llm_auth on;', true],
  ['llm_auth off in the location', '', 'llm_auth off;', false],
  ['llm_auth nowhere', '', '', true],
  ['llm_auth off in the server', 'llm_auth off;', '', false],
];
for (const [name, server, location, asks] of cases) {
  test(name, async (t) => {
    const gateway = await Gateway.start(t, {
      http: withSandbox(),
      server: `set $early "$llm_project:$llm_key_id"; add_header x-early $early; ${server}`,
      location,
    });
    const body = { model: 'm', messages: [{ role: 'user', content: 'x' }] };
    for (const key of [KEY, 'sk-wrong', '']) {
      const answer = await chat(gateway, body, { authorization: `Bearer ${key}` });
      assert.equal(answer.status, !asks || key === KEY ? 200 : 401, `key "${key}"`);
      if (answer.status === 200) assert.match(answer.headers['x-early'], key === KEY ? /^test:[0-9a-f]{8}$/ : /^:$/);
    }
  });
}
