// A strict stand-in for api.openai.com: POST /v1/chat/completions and nothing
// else. Requests are checked (openai_rules.mjs) before what the test has
// scripted is said, whole or in chunks.
import { Mock, pieces } from './http.mjs';
import { Refusal, checkRequest } from './openai_rules.mjs';

const types = { 429: 'requests', 500: 'server_error', 502: 'server_error', 503: 'service_unavailable_error' };

export class OpenAIMock extends Mock {
  // `base`: the path before /chat/completions.
  constructor({ key = 'sk-mock', base = '/v1', ...options } = {}) {
    super(options);
    Object.assign(this, { key, base, count: 0 });
  }

  // What the next requests get as an answer, one each: what is not to be the
  // default's, or a function of the request's body.
  //
  //   content, refusal, tool_calls ({ id, name, arguments }), finish_reason
  //   message: more members of it, usage, model, id
  //   headers: more headers
  // For streams:
  //   size, units: how texts are cut (see pieces())
  //   before: async (chunk, number) => ..., called before each chunk is sent
  //   end: "error" sends an error instead of the finish reason, "cut" closes
  //   the connection there
  say(...scripts) {
    this.next(...scripts.map((script) => (request, response) => this.speak(request, response, script)));
  }

  // The next request fails.
  fail(status, message, { type = types[status] ?? 'invalid_request_error', code = null, param = null, headers = {} } = {}) {
    this.next((request, response) => this.sendError(response, new Refusal(message, { status, type, code, param }), headers));
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

  check({ method, url, headers, body, json }) {
    if (url !== `${this.base}/chat/completions`) throw new Refusal(`Invalid URL (${method} ${url})`, { status: 404 });
    if (method !== 'POST') throw new Refusal(`Not allowed to ${method} on ${url}`, { status: 405 });
    const key = headers.authorization?.match(/^Bearer (.+)$/)?.[1];
    if (key === undefined) throw new Refusal("You didn't provide an API key.", { status: 401 });
    if (key !== this.key) throw new Refusal(`Incorrect API key provided: ${key}.`, { status: 401, code: 'invalid_api_key' });
    if (headers['content-type']?.split(';')[0].trim() !== 'application/json') {
      throw new Refusal('Unsupported content type. This API method only accepts application/json requests.', { status: 415 });
    }
    if (json === undefined || Buffer.compare(Buffer.from(body.toString('utf8')), body) !== 0) {
      throw new Refusal('We could not parse the JSON body of your request.');
    }
    checkRequest(json);
  }

  async fallback(request, response) {
    return this.speak(request, response, {});
  }

  // Every answer has these, and a number of its own.
  head() {
    this.count++;
    return { 'x-request-id': `req_mock${this.count}`, 'openai-version': '2020-10-01', 'openai-processing-ms': '5' };
  }

  sendError(response, { message, status, type, code, param }, headers = {}) {
    response.writeHead(status, { 'content-type': 'application/json', ...this.head(), ...headers });
    response.end(JSON.stringify({ error: { message, type, param, code } }, null, 2));
  }

  async speak(request, response, script) {
    const { json } = request;
    const said = typeof script === 'function' ? await script(json) : script;
    const head = { ...this.head(), ...said.headers };
    const answer = this.completion(json, said);
    if (json.stream) return this.stream(response, answer, said, head, json);
    const body = JSON.stringify(answer, null, 2);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...head });
    response.end(body);
  }

  completion(json, said) {
    const calls = said.tool_calls?.map(({ id, name, arguments: args }) => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    }));
    const message = {
      role: 'assistant',
      content: said.content ?? (calls || said.refusal ? null : lastText(json)),
      refusal: said.refusal ?? null,
      annotations: [],
      ...(calls && { tool_calls: calls }),
      ...said.message,
    };
    const finish_reason = said.finish_reason ?? (calls ? 'tool_calls' : 'stop');
    return {
      id: said.id ?? `chatcmpl-Mock${this.count}`,
      object: 'chat.completion',
      created: 1770933892,
      model: said.model ?? json.model,
      choices: Array.from({ length: json.n ?? 1 }, (_, index) => ({ index, message, logprobs: null, finish_reason })),
      usage: {
        prompt_tokens: 20,
        completion_tokens: 5,
        total_tokens: 25,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: {
          reasoning_tokens: 0,
          audio_tokens: 0,
          accepted_prediction_tokens: 0,
          rejected_prediction_tokens: 0,
        },
        ...said.usage,
      },
      service_tier: 'default',
      system_fingerprint: 'fp_mock',
    };
  }

  async stream(response, answer, said, head, { stream_options: options }) {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', ...head });
    let number = 0;
    let sent;
    for (const chunk of chunks(answer, said, options)) {
      if (said.before) await said.before(chunk, number);
      if (response.destroyed) return;
      if (chunk === 'cut') return sent.then(() => response.destroy());
      const data = typeof chunk === 'string' ? chunk : JSON.stringify(chunk);
      sent = new Promise((done) => response.write(`data: ${data}\n\n`, done));
      number++;
    }
    response.end();
  }
}

function lastText({ messages }) {
  const { content } = messages.findLast(({ role }) => role === 'user') ?? messages.at(-1);
  if (typeof content === 'string') return content;
  return content.findLast((part) => part.type === 'text')?.text ?? '(no text)';
}

function* chunks({ choices, usage, object, ...common }, said, options) {
  let number = 0;
  const chunk = (list, counts = null) => ({
    id: common.id,
    object: 'chat.completion.chunk',
    created: common.created,
    model: common.model,
    service_tier: common.service_tier,
    system_fingerprint: common.system_fingerprint,
    choices: list,
    ...(options?.include_usage && { usage: counts }),
    // Padding that hides how long a token is.
    ...(options?.include_obfuscation !== false && { obfuscation: 'x'.repeat((number++ * 7) % 16) }),
  });
  const part = (index, delta, finish_reason = null) => chunk([{ index, delta, logprobs: null, finish_reason }]);

  for (const { index, message } of choices) {
    for (const delta of deltas(message, said)) yield part(index, delta);
  }
  if (said.end === 'cut') return yield 'cut';
  if (said.end === 'error') {
    return yield { error: { message: 'The server had an error.', type: 'server_error', param: null, code: null } };
  }
  for (const { index, finish_reason } of choices) yield part(index, {}, finish_reason);
  if (options?.include_usage) yield chunk([], usage);
  yield '[DONE]';
}

function* deltas({ content, refusal, tool_calls: calls = [], reasoning_content: reasoning }, { size, units }) {
  const header = (call, index) => ({
    index,
    id: call.id,
    type: 'function',
    function: { name: call.function.name, arguments: '' },
  });
  const callsOnly = content === null && calls.length > 0;
  // Role and header of a call share a chunk when there is no text.
  yield {
    role: 'assistant',
    content: callsOnly ? null : '',
    ...(callsOnly && { tool_calls: [header(calls[0], 0)] }),
    refusal: null,
  };
  if (reasoning) for (const piece of pieces(reasoning, size, units)) yield { reasoning_content: piece };
  if (content) for (const piece of pieces(content, size, units)) yield { content: piece };
  if (refusal) for (const piece of pieces(refusal, size, units)) yield { refusal: piece };
  for (const [index, call] of calls.entries()) {
    if (!callsOnly || index > 0) yield { tool_calls: [header(call, index)] };
    for (const piece of pieces(call.function.arguments, size, units))
      yield { tool_calls: [{ index, function: { arguments: piece } }] };
  }
}
