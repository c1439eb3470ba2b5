// A strict stand-in for api.cohere.com: POST /v2/chat, /v2/embed and /v2/rerank.
// Requests are checked before what the test has scripted is said, whole or as an
// event stream.
import { Mock, pieces } from './http.mjs';

class Refusal extends Error {
  constructor(message, status = 400) {
    super(message);
    this.status = status;
  }
}

const demand = (good, message, status) => {
  if (!good) throw new Refusal(message, status);
};
const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
const members = (object, known, where) => {
  for (const name of Object.keys(object)) demand(known.includes(name), `unknown field: parameter '${where}${name}' is not a valid field`, 422);
};
const between = (v, least, most, name) => demand(v === undefined || (typeof v === 'number' && v >= least && v <= most), `invalid ${name}: must be between ${least} and ${most}`);

const CHAT = ['model', 'messages', 'stream', 'tools', 'strict_tools', 'tool_choice', 'documents', 'citation_options', 'response_format',
  'safety_mode', 'max_tokens', 'stop_sequences', 'temperature', 'seed', 'frequency_penalty', 'presence_penalty', 'k', 'p', 'logprobs',
  'thinking', 'priority'];

function checkParts(content, types, where) {
  if (typeof content === 'string') return demand(content !== '', `${where}: content must not be empty`);
  demand(Array.isArray(content) && content.length > 0, `${where}: content must be a string or a list of parts`);
  for (const part of content) {
    demand(types.includes(part.type), `${where}: a part of type '${part.type}' has no place here`);
    if (part.type === 'text') demand(typeof part.text === 'string', `${where}: text is missing`);
    if (part.type === 'thinking') demand(typeof part.thinking === 'string', `${where}: thinking is missing`);
    if (part.type === 'image_url') demand(typeof part.image_url?.url === 'string', `${where}: image_url.url is missing`);
  }
}

function checkMessages(messages) {
  demand(Array.isArray(messages) && messages.length > 0, 'messages must not be empty');
  const open = new Set();
  messages.forEach((message, i) => {
    const where = `messages[${i}]`;
    demand(isObject(message), `${where} is no object`);
    const { role, content, tool_calls: calls, tool_plan: plan } = message;
    demand(['system', 'user', 'assistant', 'tool'].includes(role), `${where}: invalid role '${role}'`);
    if (role === 'tool') {
      members(message, ['role', 'tool_call_id', 'content'], `${where}.`);
      demand(open.delete(message.tool_call_id), `${where}: no call has the id '${message.tool_call_id}'`);
      return checkParts(content, ['text', 'document'], where);
    }
    demand(open.size === 0, `${where}: tool calls without results`);
    if (role !== 'assistant') {
      members(message, ['role', 'content'], `${where}.`);
      return checkParts(content, role === 'user' ? ['text', 'image_url'] : ['text'], where);
    }
    members(message, ['role', 'content', 'tool_calls', 'tool_plan', 'citations'], `${where}.`);
    demand(plan === undefined || typeof plan === 'string', `${where}: tool_plan must be a string`);
    if (!calls) return checkParts(content, ['text', 'thinking'], where);
    demand(content === undefined, `${where}: a message with tool calls has no content`);
    for (const call of calls) {
      demand(call.type === 'function' && typeof call.id === 'string' && call.id !== '', `${where}: a call needs type and id`);
      demand(typeof call.function?.name === 'string' && typeof call.function.arguments === 'string', `${where}: a call needs name and arguments`);
      demand(isObject(JSON.parse(call.function.arguments)), `${where}: arguments must be an object`);
      open.add(call.id);
    }
  });
  demand(open.size === 0, 'tool calls without results');
}

function checkTools({ tools, tool_choice: choice, strict_tools: strict, response_format: format }) {
  demand(choice === undefined || ['REQUIRED', 'NONE'].includes(choice), `invalid tool_choice '${choice}'`);
  demand(choice === undefined || tools?.length > 0, 'tool_choice needs tools');
  demand(strict === undefined || typeof strict === 'boolean', 'strict_tools must be a boolean');
  if (format) {
    members(format, ['type', 'json_schema'], 'response_format.');
    demand(['text', 'json_object'].includes(format.type), `invalid response_format.type '${format.type}'`);
    demand(!tools?.length, 'response_format is not supported with tools');
  }
  for (const tool of tools ?? []) {
    members(tool, ['type', 'function'], 'tools.');
    members(tool.function, ['name', 'description', 'parameters'], 'tools.function.');
    demand(tool.type === 'function' && /^[a-zA-Z_][\w-]*$/.test(tool.function.name), 'invalid tool name');
    demand(isObject(tool.function.parameters), 'a tool needs parameters');
  }
}

function checkChat(json) {
  members(json, CHAT, '');
  demand(typeof json.model === 'string' && json.model !== '', 'model is required');
  demand(!/nonexistent/.test(json.model), `model '${json.model}' not found, make sure the correct model ID was used and that you have access to the model.`, 404);
  checkMessages(json.messages);
  checkTools(json);
  between(json.temperature, 0, 2, 'temperature');
  between(json.p, 0.01, 0.99, 'p');
  between(json.k, 0, 500, 'k');
  between(json.frequency_penalty, 0, 1, 'frequency_penalty');
  between(json.presence_penalty, 0, 1, 'presence_penalty');
  demand(json.stop_sequences === undefined || (Array.isArray(json.stop_sequences) && json.stop_sequences.length <= 5), 'too many stop sequences');
  if (json.thinking) {
    demand(/reasoning/.test(json.model), `thinking is not supported by model '${json.model}'`);
    demand(['enabled', 'disabled'].includes(json.thinking.type), 'invalid thinking.type');
  }
}

function checkEmbed(json) {
  members(json, ['model', 'input_type', 'texts', 'images', 'inputs', 'embedding_types', 'output_dimension', 'truncate', 'max_tokens'], '');
  demand(typeof json.model === 'string', 'model is required');
  demand(['search_document', 'search_query', 'classification', 'clustering', 'image'].includes(json.input_type), 'valid input_type must be provided with the provided model');
  demand(Array.isArray(json.texts) && json.texts.length > 0 && json.texts.length <= 96, 'invalid request: total number of texts must be at most 96');
  demand(json.texts.every((text) => typeof text === 'string'), 'texts must be strings');
}

function checkRerank(json) {
  members(json, ['model', 'query', 'documents', 'top_n', 'max_tokens_per_doc', 'priority'], '');
  demand(typeof json.query === 'string' && json.query !== '', 'query must not be empty');
  demand(Array.isArray(json.documents) && json.documents.every((one) => typeof one === 'string'), 'documents must be strings');
}

const CHECKS = { chat: checkChat, embed: checkEmbed, rerank: checkRerank };

export class CohereMock extends Mock {
  constructor({ key = 'co-mock', ...options } = {}) {
    super(options);
    Object.assign(this, { key, count: 0 });
  }

  // What the next requests get, one each: members of the answer that are not to
  // be the default's, or a function of the request's body.
  //   text, thinking, calls ([{ id, name, arguments }]), plan, finish_reason, usage, id
  //   headers; for streams: size, units, end ("error", "cut"), before
  say(...scripts) {
    this.next(...scripts.map((script) => (request, response) => this.speak(request, response, script)));
  }

  fail(status, message, { headers = {} } = {}) {
    this.next((request, response) => this.sendError(response, new Refusal(message, status), headers));
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

  check({ method, path, headers, json }) {
    const check = CHECKS[/^\/v2\/(\w+)$/.exec(path)?.[1]];
    demand(check, 'no such route', 404);
    demand(method === 'POST', 'method not allowed', 405);
    const key = headers.authorization?.match(/^Bearer (.+)$/i)?.[1];
    demand(key !== undefined, 'no api key supplied', 401);
    demand(key === this.key, 'invalid api token', 401);
    demand(headers['content-type']?.split(';')[0].trim() === 'application/json', 'invalid content type');
    demand(isObject(json), 'invalid json');
    check(json);
  }

  async fallback(request, response) {
    return this.speak(request, response, {});
  }

  head() {
    this.count++;
    return { 'x-debug-trace-id': `trace${this.count}`, 'x-trial-endpoint-call-limit': '40' };
  }

  sendError(response, { message, status }, headers = {}) {
    response.writeHead(status, { 'content-type': 'application/json', ...this.head(), ...headers });
    response.end(JSON.stringify({ id: `error${this.count}`, message }));
  }

  async speak(request, response, script) {
    const said = typeof script === 'function' ? await script(request.json) : script;
    const head = { ...this.head(), ...said.headers };
    const body = { '/v2/chat': () => this.message(request.json, said), '/v2/embed': () => this.embedding(request.json, said), '/v2/rerank': () => this.ranking(request.json, said) }[request.path]();
    if (request.json.stream) return this.stream(response, body, said, head);
    response.writeHead(200, { 'content-type': 'application/json', ...head });
    response.end(JSON.stringify(body));
  }

  message(json, said) {
    const { calls, text, thinking, plan } = said;
    const content = [
      ...(thinking ? [{ type: 'thinking', thinking }] : []),
      ...(calls ? [] : [{ type: 'text', text: text ?? lastText(json) }]),
    ];
    return {
      id: said.id ?? `00000000-0000-0000-0000-${String(this.count).padStart(12, '0')}`,
      message: {
        role: 'assistant',
        ...(calls
          ? { tool_plan: plan ?? text ?? 'I will call it.', tool_calls: calls.map(({ id, name, arguments: args }) => ({ id, type: 'function', function: { name, arguments: args } })) }
          : { content }),
      },
      finish_reason: said.finish_reason ?? (calls ? 'TOOL_CALL' : 'COMPLETE'),
      usage: { billed_units: { input_tokens: 12, output_tokens: 7 }, tokens: { input_tokens: 507, output_tokens: 10 }, cached_tokens: 448, ...said.usage },
    };
  }

  embedding(json, said) {
    return {
      id: `embed${this.count}`,
      texts: json.texts,
      embeddings: { float: said.embeddings ?? json.texts.map((text) => [text.length, 0.5, -0.25]) },
      meta: { api_version: { version: '2' }, billed_units: { input_tokens: json.texts.length } },
      response_type: 'embeddings_by_type',
    };
  }

  ranking(json, said) {
    const results = json.documents.map((text, index) => ({ index, relevance_score: 1 / (1 + text.length) })).sort((a, b) => b.relevance_score - a.relevance_score);
    return { id: `rank${this.count}`, results: said.results ?? results.slice(0, json.top_n), meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } } };
  }

  async stream(response, body, said, head) {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...head });
    let number = 0;
    for (const event of streamEvents(body, said)) {
      if (said.before) await said.before(event, number++);
      if (response.destroyed) return;
      if (event === 'cut') return response.destroy();
      await new Promise((done) => response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`, done));
    }
    response.end();
  }
}

function lastText({ messages }) {
  const { content } = messages.findLast(({ role }) => role !== 'system' && role !== 'assistant');
  if (typeof content === 'string') return content;
  return content.findLast(({ type }) => type === 'text')?.text ?? '(no text)';
}

function* streamEvents({ id, message, finish_reason, usage }, said) {
  const { size, units } = said;
  const of = (more) => ({ delta: { message: more } });
  yield { id, type: 'message-start', ...of({ role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] }) };
  for (const tool_plan of pieces(message.tool_plan ?? '', size, units)) yield { type: 'tool-plan-delta', ...of({ tool_plan }) };
  for (const [index, call] of (message.tool_calls ?? []).entries()) {
    yield { type: 'tool-call-start', index, ...of({ tool_calls: { ...call, function: { name: call.function.name, arguments: '' } } }) };
    for (const args of pieces(call.function.arguments, size, units)) yield { type: 'tool-call-delta', index, ...of({ tool_calls: { function: { arguments: args } } }) };
    yield { type: 'tool-call-end', index };
  }
  for (const [index, { type, [type]: text }] of (message.content ?? []).entries()) {
    yield { type: 'content-start', index, ...of({ content: { type, [type]: '' } }) };
    for (const piece of pieces(text, size, units)) yield { type: 'content-delta', index, ...of({ content: { [type]: piece } }) };
    yield { type: 'content-end', index };
  }
  if (said.end === 'cut') return yield 'cut';
  yield { type: 'message-end', delta: { finish_reason: said.end === 'error' ? 'ERROR' : finish_reason, usage } };
}
