// A strict stand-in for api.anthropic.com: POST /v1/messages and nothing else.
// Requests are checked (anthropic_rules.mjs) before what the test has scripted
// is said, whole or as an event stream.
import { redact, signThinking } from './anthropic_messages.mjs';
import { checkRequest } from './anthropic_rules.mjs';
import { Refusal } from './demand.mjs';
import { Mock, pieces } from './http.mjs';

export { redact, signThinking };

const versions = ['2023-06-01', '2026-10-21'];
const maxBody = 32 * 1024 * 1024;

const types = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export class AnthropicMock extends Mock {
  // `base`: the path before /messages.
  constructor({ key = 'sk-ant-mock', base = '/v1', ...options } = {}) {
    super(options);
    Object.assign(this, { key, base, count: 0 });
  }

  // What the next requests get as an answer, one each: the message's members
  // that are not to be the default's, or a function of the request's body.
  //
  //   content: blocks; text is a short form of one text block
  //   stop_reason, stop_sequence, stop_details, usage, model, id
  //   headers: more headers
  // For streams:
  //   size, units: how texts are cut (see pieces())
  //   before: async (event, number) => ..., called before each event is sent
  //   end: "error" sends an error event instead of message_delta, "cut" closes
  //   the connection there
  say(...scripts) {
    this.next(...scripts.map((script) => (request, response) => this.speak(request, response, script)));
  }

  // The next request fails.
  fail(status, message, { type = types[status] ?? 'api_error', headers = {} } = {}) {
    this.next((request, response) => this.sendError(response, new Refusal(message, status, type), headers));
  }

  async answer(request, response) {
    try {
      this.check(request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return this.sendError(response, error);
    }
    return this.scripted(request, response);
  }

  check({ method, path, headers, body, json }) {
    if (method !== 'POST' || path !== `${this.base}/messages`) throw new Refusal('Not Found', 404, types[404]);
    const version = headers['anthropic-version'];
    // Anthropic's SDK of the newer version sends its key as a bearer token.
    const bearer = version === '2026-10-21' ? headers.authorization?.replace(/^Bearer /, '') : undefined;
    const key = headers['x-api-key'] ?? bearer;
    if (key === undefined) throw new Refusal('x-api-key header is required', 401, types[401]);
    if (key !== this.key) throw new Refusal('invalid x-api-key', 401, types[401]);
    if (version === undefined) throw new Refusal('anthropic-version: header is required');
    if (!versions.includes(version)) throw new Refusal(`anthropic-version: "${version}" is not a valid version`);
    if (headers['content-type']?.split(';')[0].trim() !== 'application/json') {
      throw new Refusal('content-type: must be application/json', 415);
    }
    if (body.length > maxBody) throw new Refusal('Request exceeds the maximum allowed number of bytes.', 413, types[413]);
    if (json === undefined || !isUtf8(body)) throw new Refusal('The request body is not valid JSON');
    const betas = (headers['anthropic-beta'] ?? '').split(',').filter(Boolean);
    checkRequest(json, { version, betas });
  }

  async fallback(request, response) {
    return this.speak(request, response, {});
  }

  // Every answer has these, and a number of its own.
  head() {
    this.count++;
    return { 'request-id': `req_01Mock${this.count}`, 'anthropic-organization-id': '00000000-0000-0000-0000-000000000000' };
  }

  sendError(response, { message, status, type }, headers = {}) {
    const head = this.head();
    response.writeHead(status, { 'content-type': 'application/json', ...head, ...headers });
    response.end(JSON.stringify({ type: 'error', error: { type, message }, request_id: head['request-id'] }));
  }

  async speak(request, response, script) {
    const said = typeof script === 'function' ? await script(request.json) : script;
    const head = { ...this.head(), ...said.headers };
    const message = this.message(request.json, said);
    if (request.json.stream) return this.stream(response, message, said, head);
    response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked', ...head });
    response.end(JSON.stringify(message));
  }

  message(json, said) {
    const content = said.content ?? [{ type: 'text', text: said.text ?? lastText(json) }];
    const calls = content.some((block) => block.type === 'tool_use');
    return {
      model: said.model ?? json.model,
      id: said.id ?? `msg_01Mock${this.count}`,
      type: 'message',
      role: 'assistant',
      content: content.map(complete),
      stop_reason: said.stop_reason ?? (calls ? 'tool_use' : 'end_turn'),
      stop_sequence: said.stop_sequence ?? null,
      ...(said.stop_details && { stop_details: said.stop_details }),
      usage: {
        input_tokens: 20,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
        output_tokens: 5,
        service_tier: 'standard',
        ...said.usage,
      },
    };
  }

  async stream(response, message, said, head) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...head });
    let number = 0;
    let sent;
    for (const event of streamEvents(message, said)) {
      if (said.before) await said.before(event, number);
      if (response.destroyed) return;
      if (event === 'cut') return sent.then(() => response.destroy());
      sent = new Promise((done) => response.write(frame(event, number++), done));
    }
    response.end();
  }
}

function isUtf8(bytes) {
  return Buffer.compare(Buffer.from(bytes.toString('utf8')), bytes) === 0;
}

function complete(block) {
  if (block.type === 'thinking') return { ...block, signature: block.signature ?? signThinking(block.thinking) };
  return block;
}

function lastText({ messages }) {
  const { content } = messages.findLast(({ role }) => role === 'user');
  if (typeof content === 'string') return content;
  return content.findLast((block) => block.type === 'text')?.text ?? '(no text)';
}

// As recorded: padding before the last brace, but none in a ping.
function frame(event, number) {
  if (event.type === 'ping') return 'event: ping\ndata: {"type": "ping"}\n\n';
  const json = JSON.stringify(event);
  const padding = ' '.repeat((number * 7) % 16);
  return `event: ${event.type}\ndata: ${json.slice(0, -1)}${padding}}\n\n`;
}

function* streamEvents(message, said) {
  const { usage, stop_reason, stop_sequence, stop_details, content } = message;
  const begun = { ...message, content: [], stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } };
  delete begun.stop_details;
  yield { type: 'message_start', message: begun };
  if (content.length === 0) yield { type: 'ping' };
  for (const [index, block] of content.entries()) {
    yield { type: 'content_block_start', index, content_block: opened(block) };
    if (index === 0) yield { type: 'ping' };
    for (const delta of deltas(block, said)) yield { type: 'content_block_delta', index, delta };
    yield { type: 'content_block_stop', index };
  }
  if (said.end === 'cut') return yield 'cut';
  if (said.end === 'error') return yield { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
  // The counts are totals, not what has come since the start.
  const { cache_creation, service_tier, ...counts } = usage;
  yield { type: 'message_delta', delta: { stop_reason, stop_sequence, ...(stop_details && { stop_details }) }, usage: counts };
  yield { type: 'message_stop' };
}

// A block as it is when it begins; kinds without deltas are whole already.
function opened(block) {
  if (block.type === 'text') return { ...block, text: '' };
  if (block.type === 'tool_use') return { ...block, input: {} };
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' };
  return block;
}

function* deltas(block, { size, units }) {
  if (block.type === 'text') {
    for (const text of pieces(block.text, size, units)) yield { type: 'text_delta', text };
  } else if (block.type === 'thinking') {
    for (const thinking of pieces(block.thinking, size, units)) yield { type: 'thinking_delta', thinking };
    yield { type: 'signature_delta', signature: block.signature };
  } else if (block.type === 'tool_use') {
    yield { type: 'input_json_delta', partial_json: '' };
    const input = JSON.stringify(block.input);
    if (input === '{}') return; // a call without arguments has no other piece
    for (const partial_json of pieces(input, size, units)) yield { type: 'input_json_delta', partial_json };
  }
}
