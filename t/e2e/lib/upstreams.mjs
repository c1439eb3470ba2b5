// The kinds of upstream that there are, behind one face, so that one table of
// scenarios serves them all; and the gateway in front of one, with the SDK.
import OpenAI from 'openai';
import { AnthropicMock } from '../../mock/anthropic.mjs';
import { GeminiMock } from '../../mock/gemini.mjs';
import { OpenAIMock } from '../../mock/openai.mjs';
import { Gateway, KEY } from './gateway.mjs';
import { checkedFetch } from './schema.mjs';

// What an upstream is to say, in words of no format:
//   text, refusal, calls ([{ id, name, input }]), finish (stop, length,
//   content_filter), usage ({ prompt, completion, cached, reasoning }),
//   id, model, headers, size, units, end: as the mocks take them
//   hold: a promise to wait for when all has been said but the end
const scripts = {
  openai: ({ text, calls, finish, usage, hold, ...said }) => ({
    ...said,
    content: text,
    tool_calls: calls?.map(({ id, name, input }) => ({ id, name, arguments: JSON.stringify(input) })),
    finish_reason: finish,
    usage: usage && {
      prompt_tokens: usage.prompt,
      completion_tokens: usage.completion,
      total_tokens: usage.prompt + usage.completion,
      prompt_tokens_details: { cached_tokens: usage.cached ?? 0 },
      completion_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    },
    before: hold && ((chunk) => chunk.choices?.[0]?.finish_reason && hold),
  }),
  anthropic: ({ text, refusal, calls, finish, usage, hold, ...said }) => ({
    ...said,
    text,
    content: refusal
      ? []
      : calls && [
          ...(text ? [{ type: 'text', text }] : []),
          ...calls.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input })),
        ],
    stop_reason: refusal ? 'refusal' : { stop: 'end_turn', length: 'max_tokens', content_filter: 'refusal' }[finish],
    stop_details: refusal && { type: 'refusal', category: 'cyber', explanation: refusal },
    usage: usage && {
      input_tokens: usage.prompt - (usage.cached ?? 0),
      cache_read_input_tokens: usage.cached ?? 0,
      output_tokens: usage.completion,
      ...(usage.reasoning && { output_tokens_details: { thinking_tokens: usage.reasoning } }),
    },
    before: hold && ((event) => event.type === 'message_delta' && hold),
  }),
  gemini: ({ text, refusal, calls, finish, usage, hold, ...said }) => ({
    ...said,
    parts: refusal
      ? []
      : calls
        ? [...(text ? [{ text }] : []), ...calls.map(({ id, name, input }) => ({ functionCall: { id, name, args: input } }))]
        : text === undefined
          ? undefined
          : [{ text }],
    finishReason: refusal ? 'SAFETY' : { stop: 'STOP', length: 'MAX_TOKENS', content_filter: 'SAFETY' }[finish],
    finishMessage: refusal,
    usage: usage && {
      promptTokenCount: usage.prompt,
      candidatesTokenCount: usage.completion - (usage.reasoning ?? 0),
      ...(usage.reasoning && { thoughtsTokenCount: usage.reasoning }),
      ...(usage.cached && { cachedContentTokenCount: usage.cached }),
      totalTokenCount: usage.prompt + usage.completion,
    },
    before: hold && ((fragment) => fragment.candidates?.[0].finishReason && hold),
  }),
};

// `model` and `other` are two that the mock knows; `path` is where it serves.
export const kinds = [
  {
    name: 'openai',
    Mock: OpenAIMock,
    key: 'sk-upstream-0123456789',
    model: 'gpt-4o',
    other: 'gpt-4.1',
    path: '/v1/chat/completions',
  },
  {
    name: 'anthropic',
    Mock: AnthropicMock,
    key: 'sk-ant-upstream-0123456789',
    model: 'claude-sonnet-4-5',
    other: 'claude-opus-4-5',
    path: '/v1/messages',
  },
];

export const openai = kinds[0];
export const anthropic = kinds[1];
export const gemini = {
  name: 'gemini',
  Mock: GeminiMock,
  key: 'AIza-upstream-0123456789',
  model: 'gemini-2.5-flash',
  other: 'gemini-3-flash-preview',
  path: '/v1beta/models/gemini-2.5-flash:generateContent',
};

// A gateway with one upstream of that kind, which serves every model name.
//   provider: more of llm_provider, project: in place of the one of KEY
//   models: names in place of every one, pass: more of its URL
//   http, location: more of the gateway's configuration
//   mock: options of the mock, client: options of the SDK
export async function serve(
  t,
  kind,
  { provider = '', models = '*', pass = '', http = '', location = '', project, mock: options, client = {} } = {},
) {
  const mock = await kind.Mock.start(t, { key: kind.key, ...options });
  const gateway = await Gateway.start(t, {
    http: `
  llm_provider up { type ${kind.name}; pass ${mock.url}${pass}; key ${kind.key}; ${provider} }
  llm_model ${models} { target up; }
  ${http}`,
    location,
    project,
  });
  return {
    kind,
    mock,
    gateway,
    client: new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0, fetch: checkedFetch(t), ...client }),
    model: kind.model,
    say: (...said) => mock.say(...said.map((one) => scripts[kind.name](one))),
  };
}

// The same tests for each kind of upstream: `run(t, up)` with what serve() gives.
export function forEachKind(test, name, options, run) {
  for (const kind of kinds) {
    test(`${kind.name}: ${name}`, async (t) => run(t, await serve(t, kind, options)));
  }
}

// All chunks of a stream.
export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

export const userSays = (content) => [{ role: 'user', content }];
