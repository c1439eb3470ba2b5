// A provider at the level of its socket: whole requests are read, a script
// does the rest, byte by byte if it wants to.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { after } from '../e2e/lib/after.mjs';

// One request and the socket its answer goes to.
export class Exchange {
  constructor(provider, socket, request) {
    Object.assign(this, { provider, socket, request });
    // Of the form  [/name]/chat/completions,  [/name]/messages  or
    // [/name]/models/model:generateContent.
    this.name = request.path.split('/')[1];
    const generate = /:(streamG|g)enerateContent(\?alt=sse)?$/.exec(request.path);
    this.format = generate ? 'gemini' : request.path.endsWith('/messages') ? 'anthropic' : 'openai';
    this.stream = generate ? generate[1] === 'streamG' : request.json?.stream === true;
    this.closed = socket.closed ? Promise.resolve() : new Promise((done) => socket.once('close', done));
  }

  // Resolves when the bytes are in the kernel's hands.
  write(bytes) {
    return new Promise((done) => this.socket.write(bytes, done));
  }

  end(bytes) {
    this.socket.end(bytes);
  }

  // RST, not FIN; what lies in the other side's buffer may be lost.
  reset() {
    (this.socket.resetAndDestroy ?? this.socket.destroy).call(this.socket);
  }
}

export class RawProvider {
  // `script(exchange)` answers; `connected(socket)` may spoil the connection
  // before there is a request. `secure`: options of tls.createServer().
  static async start(t, script, options = {}) {
    const provider = new RawProvider(script, options);
    after(t, () => provider.stop());
    await provider.listen();
    return provider;
  }

  constructor(script, { secure, connected, port = 0 } = {}) {
    Object.assign(this, { script, connected });
    this.exchanges = []; // the books: every request that arrived whole
    this.connections = 0;
    this.sockets = new Set();
    this.waiters = [];
    this.wantedPort = port;
    const accept = (socket) => this.accept(socket);
    this.server = secure ? tls.createServer(secure, accept) : net.createServer({ noDelay: true }, accept);
    this.server.on('tlsClientError', () => {});
  }

  async listen() {
    this.server.listen(this.wantedPort, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
  }

  get requests() {
    return this.exchanges.map((x) => x.request);
  }

  async stop() {
    for (const socket of this.sockets) socket.destroy();
    if (this.server.listening) await new Promise((done) => this.server.close(done));
  }

  // The n-th exchange, as soon as its request is there.
  async exchange(n, ms = 10000) {
    await this.until(() => this.exchanges.length >= n, `request ${n} at the provider`, ms);
    return this.exchanges[n - 1];
  }

  until(condition, what, ms = 10000) {
    if (condition()) return Promise.resolve();
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`waited in vain for ${what}`)), ms);
      this.waiters.push(() => {
        if (!condition()) return false;
        clearTimeout(timer);
        done();
        return true;
      });
    });
  }

  changed() {
    this.waiters = this.waiters.filter((waiter) => !waiter());
  }

  accept(socket) {
    this.connections++;
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.sockets.delete(socket);
      this.changed();
    });
    this.changed();
    if (this.connected?.(socket)) return;

    const connection = this.connections;
    let number = 0;
    let input = Buffer.alloc(0);
    socket.on('data', (data) => {
      input = Buffer.concat([input, data]);
      for (let request; (request = cutRequest(input)); ) {
        input = input.subarray(request.size);
        const exchange = new Exchange(this, socket, { ...request, connection, number: ++number });
        this.exchanges.push(exchange);
        this.changed();
        Promise.resolve(this.script(exchange)).catch((error) => {
          // A script that writes to a connection that is gone has done its part.
          if (!socket.destroyed) throw error;
        });
      }
    });
  }
}

function cutRequest(input) {
  const end = input.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [line, ...fields] = input.subarray(0, end).toString('latin1').split('\r\n');
  const headers = {};
  for (const field of fields) {
    const colon = field.indexOf(':');
    headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
  }
  const length = Number(headers['content-length'] ?? 0);
  const size = end + 4 + length;
  if (input.length < size) return null;
  const body = input.subarray(end + 4, size).toString('utf8');
  const [method, path] = line.split(' ');
  let json;
  try {
    json = JSON.parse(body);
  } catch {
    json = undefined;
  }
  return { method, path, headers, body, json, size };
}

// --- framing --------------------------------------------------------------------

export const head = (status, headers = {}, version = '1.1') =>
  `HTTP/${version} ${status} Mock\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

export const chunk = (bytes) => `${Buffer.byteLength(bytes).toString(16)}\r\n${bytes}\r\n`;
export const LAST_CHUNK = '0\r\n\r\n';

// A whole answer with its length.
export const sized = (status, body, headers = {}) =>
  head(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers }) + body;

export const streamHead = (headers = {}) =>
  head(200, { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked', ...headers });

// --- what providers say ---------------------------------------------------------

const tokens = { input: 5, output: 7 };
const anthropicUsage = { input_tokens: tokens.input, output_tokens: tokens.output };
const openaiUsage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 };

function geminiAnswer(model, parts, finishReason) {
  return {
    candidates: [{ content: { parts, role: 'model' }, ...(finishReason && { finishReason }), index: 0 }],
    usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 7, totalTokenCount: 12 },
    modelVersion: model,
    responseId: 'mock',
  };
}

export const whole = {
  openai: (text, model = 'mock-model') =>
    JSON.stringify({
      id: 'chatcmpl-mock',
      object: 'chat.completion',
      created: 1700000000,
      model,
      choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, finish_reason: 'stop' }],
      usage: openaiUsage,
    }),
  anthropic: (text, model = 'mock-model') =>
    JSON.stringify({
      id: 'msg_mock',
      type: 'message',
      role: 'assistant',
      model,
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
      usage: anthropicUsage,
    }),
  gemini: (text, model = 'mock-model') => JSON.stringify(geminiAnswer(model, [{ text }], 'STOP')),
};

const data = (object) => `data: ${JSON.stringify(object)}\n\n`;
const named = (object) => `event: ${object.type}\n${data(object)}`;

function openaiChunk(model, delta, finish = null) {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return data({ id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 1700000000, model, choices });
}

// A stream in three parts: what comes before the first token, an event for each
// piece of text, and what ends it.
export const stream = {
  openai: (pieces, model = 'mock-model') => ({
    opening: [openaiChunk(model, { role: 'assistant', content: '' })],
    content: pieces.map((content) => openaiChunk(model, { content })),
    ending: [
      openaiChunk(model, {}, 'stop'),
      data({ id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 1, model, choices: [], usage: openaiUsage }),
      'data: [DONE]\n\n',
    ],
  }),
  anthropic: (pieces, model = 'mock-model') => ({
    opening: [
      named({
        type: 'message_start',
        message: { id: 'msg_mock', type: 'message', role: 'assistant', model, content: [], usage: anthropicUsage },
      }),
      named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
      named({ type: 'ping' }),
    ],
    content: pieces.map((text) => named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    ending: [
      named({ type: 'content_block_stop', index: 0 }),
      named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: anthropicUsage }),
      named({ type: 'message_stop' }),
    ],
  }),
  gemini: (pieces, model = 'mock-model') => ({
    opening: [data(geminiAnswer(model, [{ text: '' }]))],
    content: pieces.map((text) => data(geminiAnswer(model, [{ text }]))),
    ending: [data(geminiAnswer(model, [{ text: '' }], 'STOP'))],
  }),
};

// A tool call whose arguments come in the given pieces.
export const toolStream = {
  openai: (pieces) => [
    openaiChunk('mock-model', {
      role: 'assistant',
      tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } }],
    }),
    ...pieces.map((piece) => openaiChunk('mock-model', { tool_calls: [{ index: 0, function: { arguments: piece } }] })),
  ],
  anthropic: (pieces) => [
    ...stream.anthropic([]).opening.slice(0, 1),
    named({ type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'call_1', name: 'f', input: {} } }),
    ...pieces.map((partial_json) =>
      named({ type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json } }),
    ),
  ],
  gemini: (pieces) => [
    data(geminiAnswer('mock-model', [{ functionCall: { name: 'f', willContinue: true } }])),
    ...pieces.map((stringValue) => {
      const partialArgs = [{ jsonPath: '$.a', stringValue, willContinue: true }];
      return data(geminiAnswer('mock-model', [{ functionCall: { partialArgs, willContinue: true } }]));
    }),
  ],
};

export const streamError = {
  openai: (message) => data({ error: { message, type: 'server_error', param: null, code: null } }),
  anthropic: (message) => named({ type: 'error', error: { type: 'api_error', message } }),
  gemini: (message) => data({ error: { code: 500, message, status: 'INTERNAL' } }),
};

// An error body in the provider's form, by status.
const anthropicTypes = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};
const geminiStatuses = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED' };
export const errorBody = {
  openai: (status, message) =>
    JSON.stringify({ error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param: null, code: null } }),
  anthropic: (status, message) =>
    JSON.stringify({ type: 'error', error: { type: anthropicTypes[status] ?? 'api_error', message }, request_id: 'req_mock' }),
  gemini: (status, message) => JSON.stringify({ error: { code: status, message, status: geminiStatuses[status] ?? 'UNKNOWN' } }),
};

// Answers as a provider in good health.
export async function answer(x, text) {
  if (!x.stream) return x.write(sized(200, whole[x.format](text, x.request.json.model)));
  const { opening, content, ending } = stream[x.format](text.split(/(?<= )/), x.request.json.model);
  await x.write(streamHead());
  for (const event of [...opening, ...content, ...ending]) await x.write(chunk(event));
  return x.write(LAST_CHUNK);
}
