// The Anthropic mock is strict: headers and bodies as a whole.
import assert from 'node:assert/strict';
import test from 'node:test';
import { AnthropicMock } from '../mock/anthropic.mjs';
import { base, headers, post } from './lib/anthropic.mjs';
import { request } from './lib/http.mjs';

const drop = (name) => ({ [name]: undefined });

// [name, headers, body, status, error type]
const transports = [
  ['no key', drop('x-api-key'), {}, 401, 'authentication_error'],
  ['a wrong key', { 'x-api-key': 'sk-other' }, {}, 401, 'authentication_error'],
  ['no version', drop('anthropic-version'), {}, 400, 'invalid_request_error'],
  ['an unknown version', { 'anthropic-version': '2020-01-01' }, {}, 400, 'invalid_request_error'],
  ['another media type', { 'content-type': 'text/plain' }, {}, 415, 'invalid_request_error'],
  ['an unknown model', {}, { model: 'claude-does-not-exist' }, 404, 'not_found_error'],
  ['sampling in the newer version', { 'anthropic-version': '2026-10-21' }, { temperature: 1 }, 400, 'invalid_request_error'],
];

test('transport', async (t) => {
  const mock = await AnthropicMock.start(t);
  for (const [name, more, members, status, type] of transports) {
    await t.test(name, async () => {
      const merged = Object.fromEntries(Object.entries({ ...headers, ...more }).filter(([, value]) => value !== undefined));
      const answer = await request(`${mock.url}/v1/messages`, {
        method: 'POST',
        headers: merged,
        body: JSON.stringify({ ...base, ...members }),
      });
      assert.equal(answer.status, status, answer.body);
      const { type: outer, error, request_id: id } = JSON.parse(answer.body);
      assert.deepEqual({ outer, inner: error.type, id }, { outer: 'error', inner: type, id: answer.headers['request-id'] });
    });
  }
  for (const body of ['{"model":', '', '[]', Buffer.from('7b226d6f64656c223a22ff227d', 'hex')]) {
    await t.test(`the body ${JSON.stringify(body.toString())}`, async () => {
      assert.equal((await post(mock, body)).status, 400);
    });
  }
  await t.test('too large a body', async () => {
    assert.equal((await post(mock, Buffer.alloc(32 * 1024 * 1024 + 1, ' '))).status, 413);
  });
});
