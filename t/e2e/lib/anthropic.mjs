// Pieces of requests in Anthropic's format, and a table of them put before the
// mock.
import assert from 'node:assert/strict';
import { AnthropicMock, signThinking } from '../../mock/anthropic.mjs';
import { request } from './http.mjs';

export const headers = { 'x-api-key': 'sk-ant-mock', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
export const user = (content) => ({ role: 'user', content });
export const assistant = (content) => ({ role: 'assistant', content });
export const text = (words, more) => ({ type: 'text', text: words, ...more });
export const call = (id, more) => ({ type: 'tool_use', id, name: 'f', input: {}, ...more });
export const result = (id, more) => ({ type: 'tool_result', tool_use_id: id, ...more });
export const tool = (more) => ({ name: 'f', input_schema: { type: 'object' }, ...more });
export const thought = (words, signature = signThinking(words)) => ({ type: 'thinking', thinking: words, signature });
export const mark = { cache_control: { type: 'ephemeral' } };

export const base = { model: 'claude-sonnet-4-5', max_tokens: 4096, messages: [user('Hello')] };
export const thinking = { thinking: { type: 'enabled', budget_tokens: 1024 } };
export const say = (...messages) => ({ messages });
export const ask = (...content) => say(user(content));

export function post(mock, body, more = {}) {
  return request(`${mock.url}/v1/messages`, { method: 'POST', headers: { ...headers, ...more }, body });
}

// Rows of [name, members over those of `base`, the error or undefined].
export function holdTo(test, name, rows) {
  test(name, async (t) => {
    const mock = await AnthropicMock.start(t);
    for (const [row, members, error] of rows) {
      await t.test(row, async () => {
        const { status, body } = await post(mock, JSON.stringify({ ...base, ...members }));
        if (!error) return assert.equal(status, 200, body);
        assert.equal(status, 400, body);
        const { type, message } = JSON.parse(body).error;
        assert.equal(type, 'invalid_request_error');
        assert.match(message, error);
      });
    }
  });
}
