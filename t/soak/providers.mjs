// Providers that do what a prompt orders, and mark all they say with its nonce.
import path from 'node:path';
import { AnthropicMock } from '../mock/anthropic.mjs';
import { OpenAIMock } from '../mock/openai.mjs';

// An order as the text of a message. What comes behind `pad=` is ballast.
export const order = ({ nonce, does = 'text', tokens = 8, piece = 7, pad = '' }) =>
  `nonce=${nonce} does=${does} tokens=${tokens} piece=${piece} pad=${pad}`;

const ORDER = /nonce=(\w+) does=(\w+) tokens=(\d+) piece=(\d+) pad=/;

export const NONCE = /N[0-9a-f]{12}/g;
export const textFor = (nonce, tokens) => Array.from({ length: tokens }, (_, i) => `<${nonce}:${i}>`).join(' ');
export const argumentsFor = (nonce, tokens) => ({ nonce, list: Array.from({ length: tokens }, (_, i) => i) });

const never = new Promise(() => {});

// What is said in words of each format; `call` is a tool call, `end` how a
// stream breaks off.
const formats = {
  openai: ({ text, call, ...rest }, nonce) => ({
    ...rest,
    content: text,
    tool_calls: call && [{ id: `call_${nonce}`, name: 'look', arguments: JSON.stringify(call) }],
    headers: { 'x-request-id': nonce },
  }),
  anthropic: ({ text, call, ...rest }, nonce) => ({
    ...rest,
    text,
    content: call && [{ type: 'tool_use', id: `toolu_${nonce}`, name: 'look', input: call }],
    headers: { 'request-id': nonce },
  }),
};

const failures = {
  limited: [429, 'rate_limit_error', 'slow down', { 'retry-after': '3' }],
  failing: [500, 'api_error', 'it broke'],
  overloaded: [503, 'overloaded_error', 'too much'],
  refusing: [400, 'invalid_request_error', 'not like this'],
};

const obeying = (Base, format) =>
  class extends Base {
    async fallback(request, response) {
      this.requests.length = 0; // nobody reads these books
      const [, nonce, ordered, tokens, piece] = ORDER.exec(request.text);
      // Of two targets the first one fails and the second does not.
      const does = ordered.endsWith('First') ? (this.bad ? ordered.slice(0, -'First'.length) : 'text') : ordered;
      const say = (said) => this.speak(request, response, { size: Number(piece), ...formats[format](said, nonce) });
      const text = textFor(nonce, Number(tokens));
      switch (does) {
        case 'text':
          return say({ text });
        case 'tools':
          return say({ call: argumentsFor(nonce, Number(tokens)) });
        case 'stalling': // after the first tokens, until the client goes
          return say({ text, before: (chunk, number) => number > 5 && never });
        case 'error':
        case 'cut':
          return say({ text, end: does });
        case 'silent':
          return never;
        case 'closing':
          return request.socket.destroy();
        case 'page':
          response.writeHead(502, { 'content-type': 'text/html' });
          return response.end(`<html>${nonce}</html>`);
        default: {
          const [status, type, message, headers] = failures[does];
          const error = { status, type, message: `${message}, ${nonce}`, code: null, param: null };
          return this.sendError(response, error, { 'x-request-id': nonce, 'request-id': nonce, ...headers });
        }
      }
    }
  };

const Mocks = { openai: obeying(OpenAIMock, 'openai'), anthropic: obeying(AnthropicMock, 'anthropic') };

// { good: { openai, anthropic }, bad: { ... } }: of the same kind, but the bad
// ones stand in front of the good ones where a request fails over.
export async function startProviders(t) {
  const start = async (bad) => {
    const mocks = { openai: await Mocks.openai.start(t), anthropic: await Mocks.anthropic.start(t) };
    for (const mock of Object.values(mocks)) mock.bad = bad;
    return mocks;
  };
  const [good, bad] = [await start(false), await start(true)];
  const all = [good, bad].flatMap((mocks) => Object.values(mocks));
  return { good, bad, letGo: () => all.forEach(({ sockets }) => sockets.forEach((socket) => socket.destroy())) };
}

export const httpFor = ({ good, bad }) =>
  Object.entries({ good, bad })
    .flatMap(([name, mocks]) =>
      Object.entries(mocks).map(
        ([format, mock]) => `
  upstream ${name}-${format} { server ${mock.address} max_fails=0; keepalive 16; }
  llm_provider ${name}-${format} { type ${format}; pass http://${name}-${format}; host ${format}.test; key ${mock.key}; breaker off; first_token_timeout ${mock.bad ? '3s' : '60s'}; }`,
      ),
    )
    .join('') + `
  llm_model gpt-good { target good-openai/gpt-4o; }
  llm_model claude-good { target good-anthropic/claude-sonnet-4-5; }
  llm_model gpt-bad { target bad-openai/gpt-4o; }
  llm_model claude-bad { target bad-anthropic/claude-sonnet-4-5; }
  llm_model gpt-over { target bad-openai/gpt-4o; target good-anthropic/claude-sonnet-4-5; validate retry; }
  llm_model claude-over { target bad-anthropic/claude-sonnet-4-5; fallback good-openai/gpt-4o; validate retry; }
  llm_prices ${path.join(import.meta.dirname, '../../conf/llm_prices.json')} check=2s;`;

// Dollars, as conf/llm_prices.json says.
const prices = { openai: [2.5e-6, 1e-5], anthropic: [3e-6, 1.5e-5] };
export function costOf(provider, { prompt_tokens, completion_tokens }) {
  const [input, output] = prices[provider.split('-')[1]];
  return Number((prompt_tokens * input + completion_tokens * output).toFixed(9));
}
