// What Gemini's failures are to the OpenAI SDK: errors instead of an answer, and
// streams that break off.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { chat, events, textOf } from './lib/http.mjs';
import { gemini, serve, userSays } from './lib/upstreams.mjs';

const quota = (id) => ({ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId: id }] });
const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' };

// [status, message, details, what the client gets: status, type, code, retry-after]
const failures = [
  [400, 'Invalid value at "x"', undefined, 400, 'invalid_request_error', 'INVALID_ARGUMENT'],
  [400, 'API key not valid. Please pass a valid API key.', undefined, 502, 'upstream_error', 'upstream_credentials_exhausted'],
  [
    400,
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    undefined,
    400,
    'invalid_request_error',
    'context_length_exceeded',
  ],
  [403, 'The caller does not have permission', undefined, 502, 'upstream_error', 'upstream_credentials_exhausted'],
  [404, 'models/x is not found for API version v1beta', undefined, 404, 'invalid_request_error', 'model_not_found'],
  [429, 'You exceeded your current quota.', [quota('PerMinute'), retry], 429, 'rate_limit_error', 'rate_limit_exceeded', '35'],
  [429, 'You exceeded your current quota.', [quota('RequestsPerDay'), retry], 502, 'upstream_error', 'upstream_credentials_exhausted'],
  [500, 'An internal error has occurred.', undefined, 502, 'upstream_error', 'upstream_error'],
  [503, 'The model is overloaded.', undefined, 503, 'service_unavailable_error', 'overloaded'],
  [504, 'Deadline expired.', undefined, 504, 'timeout_error', 'timeout'],
];

for (const stream of [false, true]) {
  test(`errors instead of an answer, ${stream ? 'streamed' : 'whole'}`, async (t) => {
    const { client, model, mock } = await serve(t, gemini);
    for (const [status, message, details, ...told] of failures) {
      mock.fail(status, message, { details });
      await assert.rejects(client.chat.completions.create({ model, messages: userSays('Hi'), stream }), (error) => {
        assert.ok(error instanceof OpenAI.APIError, String(error));
        const { status: code, type, code: name, headers } = error;
        const got = [code, type, name, headers.get('retry-after')];
        assert.deepEqual(got, [...told.slice(0, 3), told[3] ?? null], message);
        assert.ok(!error.message.includes('API key not valid'), 'what is about the key stays here');
        return true;
      });
    }
  });
}

test('a model that went wrong', async (t) => {
  const { client, model, mock } = await serve(t, gemini);
  mock.say({ parts: [], finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage: 'Malformed function call: f(]' });
  mock.say({ parts: [], finishReason: 'MALFORMED_FUNCTION_CALL' });
  for (const stream of [false, true]) {
    await assert.rejects(client.chat.completions.create({ model, messages: userSays('Hi'), stream }), {
      status: 502,
      code: 'upstream_error',
    });
  }
});

const ends = {
  error: { type: 'service_unavailable_error', code: 'overloaded', message: /The model is overloaded/ },
  cut: { type: 'upstream_error', code: 'stream_interrupted', message: /./ },
};

for (const [end, { type, code, message }] of Object.entries(ends)) {
  test(`a stream that ends with ${end}`, async (t) => {
    const { gateway, client, model, say } = await serve(t, gemini);
    const request = { model, messages: userSays('Hi'), stream: true };
    for (const calls of [undefined, [{ name: 'f', input: { a: 'b' } }]]) {
      say({ text: 'Hello there', calls, end });
      let text = '';
      const read = async () => {
        for await (const chunk of await client.chat.completions.create(request)) text += chunk.choices[0].delta.content ?? '';
      };
      await assert.rejects(read(), (error) => {
        assert.ok(error instanceof OpenAI.APIError, error.constructor.name);
        assert.deepEqual([error.type, error.code], [type, code]);
        assert.match(error.message, message);
        return true;
      });
      assert.equal(text, 'Hello there');
    }

    say({ text: 'Hello there', end });
    const answer = await chat(gateway, { ...request, stream_options: { include_usage: true } });
    assert.equal(answer.status, 200);
    assert.equal(answer.trailersComplete, true, 'the response itself ends as it should');
    const chunks = events(answer.body);
    assert.equal(textOf(chunks), 'Hello there');
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'error');
    assert.ok(!answer.body.includes('[DONE]'));
  });
}
