// Errors as the SDK's typed exceptions: the gateway's own, and a provider's in
// OpenAI's terms, with nothing in them about the provider's key.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { keyLine } from './lib/gateway.mjs';
import { anthropic, forEachKind, openai, serve, userSays } from './lib/upstreams.mjs';

const {
  BadRequestError,
  AuthenticationError,
  PermissionDeniedError,
  NotFoundError,
  RateLimitError,
  InternalServerError,
  APIError,
} = OpenAI;

// What the client is told.
const rejected = { kind: BadRequestError, status: 400, type: 'invalid_request_error', code: null, param: null };
const tooLong = { ...rejected, code: 'context_length_exceeded' };
const policy = { ...rejected, code: 'content_policy_violation' };
const credential = {
  kind: InternalServerError,
  status: 502,
  type: 'upstream_error',
  code: 'upstream_credentials_exhausted',
  param: null,
};
const noModel = { kind: NotFoundError, status: 404, type: 'invalid_request_error', code: 'model_not_found', param: null };
const tooLarge = { kind: APIError, status: 413, type: 'invalid_request_error', code: 'request_too_large', param: null };
const limited = { kind: RateLimitError, status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded', param: null };
const overloaded = { kind: InternalServerError, status: 503, type: 'service_unavailable_error', code: 'overloaded', param: null };
const server = { kind: InternalServerError, status: 502, type: 'upstream_error', code: 'upstream_error', param: null };
const timeout = { kind: InternalServerError, status: 504, type: 'timeout_error', code: 'timeout', param: null };

// [status, message, more of the upstream's error, what the client is told]
const failures = {
  openai: [
    [
      400,
      "Invalid 'temperature'.",
      { param: 'temperature', code: 'decimal_above_max_value' },
      { ...rejected, param: 'temperature', code: 'decimal_above_max_value' },
    ],
    [400, 'No reason.', {}, rejected],
    [400, `The key ${openai.key} is not for this.`, {}, rejected],
    [
      400,
      "This model's maximum context length is 10 tokens. However, ...",
      { code: 'context_length_exceeded', param: 'messages' },
      { ...tooLong, param: 'messages' },
    ],
    [400, 'Invalid prompt: flagged as potentially violating our usage policy.', { code: 'invalid_prompt' }, policy],
    [401, `Incorrect API key provided: ${openai.key}.`, { code: 'invalid_api_key' }, credential],
    [403, 'Country, region, or territory not supported', { code: 'unsupported_country_region_territory' }, credential],
    [404, 'The model `x` does not exist or you do not have access to it.', { code: 'model_not_found' }, noModel],
    [413, 'Too large.', {}, tooLarge],
    [422, 'Unprocessable.', {}, rejected],
    [429, 'Rate limit reached.', { code: 'rate_limit_exceeded', headers: { 'retry-after': '7' } }, { ...limited, after: '7' }],
    [
      429,
      'Rate limit reached.',
      { code: 'rate_limit_exceeded', headers: { 'retry-after-ms': '1500' } },
      { ...limited, after: '2' },
    ],
    [429, 'Rate limit reached.', { code: 'rate_limit_exceeded' }, limited],
    [
      429,
      `You exceeded your current quota, ${openai.key}.`,
      { type: 'insufficient_quota', code: 'insufficient_quota' },
      credential,
    ],
    [500, 'The server had an error.', {}, server],
    [502, 'Bad gateway.', {}, server],
    [503, 'The engine is overloaded.', { headers: { 'retry-after': '3' } }, { ...overloaded, after: '3' }],
    [504, 'Too slow.', {}, timeout],
  ],
  anthropic: [
    [400, 'messages.0.content: no good', {}, rejected],
    [400, `The key ${anthropic.key} is not for this.`, {}, rejected],
    [400, 'prompt is too long: 200001 tokens > 200000 maximum', {}, tooLong],
    [400, 'Output blocked by content filtering policy', {}, policy],
    [400, `Your credit balance is too low to access the Anthropic API, ${anthropic.key}.`, {}, credential],
    [401, `invalid x-api-key ${anthropic.key}`, {}, credential],
    [402, `No money on ${anthropic.key}`, {}, credential],
    [403, `${anthropic.key} may not`, {}, credential],
    [404, 'model: claude-does-not-exist', {}, noModel],
    [413, 'Request exceeds the maximum size', {}, tooLarge],
    [429, 'This would exceed the rate limit', { headers: { 'retry-after': '7' } }, { ...limited, after: '7' }],
    [500, 'Internal server error', {}, server],
    [504, 'Too slow.', {}, timeout],
    [529, 'Overloaded', { headers: { 'retry-after': '3' } }, { ...overloaded, after: '3' }],
  ],
};

function assertError(error, { kind, status, type, code, param, after }) {
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
  const { status: s, type: t, code: c, param: p } = error;
  assert.deepEqual({ status: s, type: t, code: c, param: p }, { status, type, code, param });
  assert.equal(error.headers.get('retry-after'), after ?? null);
  assert.match(error.requestID, /^[\w-]+$/);
  return true;
}

forEachKind(test, "the provider's", {}, async (t, { kind, client, model, mock, gateway }) => {
  for (const [status, message, more, expected] of failures[kind.name]) {
    for (const stream of [false, true]) {
      await t.test(`${status} ${message}, ${stream ? 'streamed' : 'whole'}`, async () => {
        mock.fail(status, message, more);
        await assert.rejects(client.chat.completions.create({ model, messages: userSays('Hi'), stream }), (error) => {
          assert.doesNotMatch(JSON.stringify([error.message, error.error, [...error.headers]]), new RegExp(kind.key));
          if (expected !== credential) assert.ok(error.message.includes(message.replace(kind.key, '[key]')), error.message);
          return assertError(error, expected);
        });
      });
    }
  }
  assert.doesNotMatch(gateway.errorLog(), new RegExp(kind.key));
  assert.equal(mock.requests.length, 2 * failures[kind.name].length, 'one request each');
});

// A key that the provider does not know (any more).
forEachKind(
  test,
  "a refused key is not the client's fault",
  { mock: { key: 'sk-another' } },
  async (t, { client, model, gateway }) => {
    await assert.rejects(client.chat.completions.create({ model, messages: userSays('Hi') }), (error) => {
      assert.doesNotMatch(JSON.stringify([error.message, error.error]), /sk-/);
      return assertError(error, credential);
    });
    assert.doesNotMatch(gateway.errorLog(), /sk-/);
  },
);

const bodies = [
  ['an HTML page', 502, 'text/html', '<html><body>nginx</body></html>', /HTML error page/],
  ['nothing', 500, 'text/plain', '', /empty body/],
  ['broken JSON', 500, 'application/json', '{"error":', /./],
  ['an HTML page with a good status', 200, 'text/html', '<html>Log in</html>', /cannot be used/],
  ['broken JSON with a good status', 200, 'application/json', '{"id":', /cannot be used/],
  ['an answer of another format', 200, 'application/json', '{"hello":"world"}', /cannot be used/],
];

forEachKind(test, 'answers that are none', {}, async (t, { client, model, mock }) => {
  for (const [name, status, type, body, text] of bodies) {
    for (const stream of [false, true]) {
      await t.test(`${name}, ${stream ? 'streamed' : 'whole'}`, async () => {
        mock.next((request, response) => response.writeHead(status, { 'content-type': type }).end(body));
        await assert.rejects(client.chat.completions.create({ model, messages: userSays('Hi'), stream }), (error) => {
          assert.doesNotMatch(error.message, /<html|nginx|Log in/);
          assert.match(error.message, text);
          return assertError(error, server);
        });
      });
    }
  }
});

const OTHER = 'sk-other-1234567890';
const invalid = (param, code) => ({ ...rejected, param, code });

// [name, request, what the client is told]
const requests = [
  ['no messages', { messages: undefined }, invalid('messages', 'missing_required_parameter')],
  ['no model', { model: undefined }, invalid('model', 'missing_required_parameter')],
  ['an empty list', { messages: [] }, invalid('messages', 'empty_array')],
  ['an unknown role', { messages: [{ role: 'robot', content: 'x' }] }, invalid('messages[0].role', 'invalid_value')],
  ['no content', { messages: [{ role: 'user' }] }, invalid('messages[0].content', 'missing_required_parameter')],
  [
    'a part without a type',
    { messages: userSays([{ text: 'x' }]) },
    invalid('messages[0].content[0].type', 'missing_required_parameter'),
  ],
  ['a text for a number', { temperature: 'hot' }, invalid('temperature', 'invalid_type')],
  ['a model name with blanks', { model: 'a b' }, invalid('model', 'invalid_value')],
  ['a model that is not there', { model: 'gpt-none' }, { ...noModel, param: 'model' }],
  [
    'a model that is not allowed',
    { model: 'secret' },
    { kind: PermissionDeniedError, status: 403, type: 'permission_error', code: 'model_not_allowed', param: 'model' },
  ],
];

const invalidKey = {
  kind: AuthenticationError,
  status: 401,
  type: 'invalid_request_error',
  code: 'invalid_api_key',
  param: null,
};

test("the gateway's own", async (t) => {
  const { client, mock, gateway } = await serve(t, openai, {
    project: `llm_project test { ${keyLine()} models gpt-*; } llm_project other { ${keyLine(OTHER)} }`,
    models: 'gpt-4o secret',
  });
  for (const [name, request, expected] of requests) {
    await t.test(name, () =>
      assert.rejects(client.chat.completions.create({ model: 'gpt-4o', messages: userSays('Hi'), ...request }), (error) =>
        assertError(error, expected),
      ),
    );
  }
  await t.test('a wrong key', () =>
    assert.rejects(
      client.withOptions({ apiKey: 'sk-wrong' }).chat.completions.create({ model: 'gpt-4o', messages: userSays('Hi') }),
      (error) => {
        assert.doesNotMatch(error.message, /sk-wrong/);
        return assertError(error, invalidKey);
      },
    ),
  );
  await t.test('an endpoint that is not there', () =>
    assert.rejects(client.post('/nothing', { body: {} }), (error) => assertError(error, { ...noModel, code: 'not_found' })),
  );
  assert.equal(mock.requests.length, 0, 'nothing is sent');
  assert.doesNotMatch(gateway.errorLog(), /sk-wrong/);
});
