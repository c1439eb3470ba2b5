// A strict stand-in for generativelanguage.googleapis.com: models/NAME with
// :generateContent, :streamGenerateContent?alt=sse, :embedContent and
// :batchEmbedContents. Requests are checked (gemini_rules.mjs) before what the
// test has scripted is said, whole or as an event stream.
import { isCount, Refusal } from './demand.mjs';
import { sign } from './gemini_contents.mjs';
import { bad, demand, members } from './gemini_demand.mjs';
import { modelRules } from './gemini_models.mjs';
import { checkRequest } from './gemini_rules.mjs';
import { Mock, pieces } from './http.mjs';

export { sign };

const statuses = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

export class GeminiMock extends Mock {
  // `base`: the path before /models.
  constructor({ key = 'AIza-mock', base = '/v1beta', ...options } = {}) {
    super(options);
    Object.assign(this, { key, base, count: 0 });
  }

  // What the next requests get as an answer, one each: members that are not to
  // be the default's, or a function of the request's body.
  //
  //   parts: of the first candidate; text is a short form of one text part
  //   candidates: lists of parts, of several; finishReason, finishMessage
  //   promptFeedback: instead of candidates; usage, model, id, headers
  // For streams:
  //   size, units: how texts are cut (see pieces())
  //   before: async (fragment, number) => ..., called before each is sent
  //   end: "error" sends an error instead of the last fragment, "cut" closes the
  //   connection there
  say(...scripts) {
    this.next(...scripts.map((script) => (request, response) => this.speak(request, response, script)));
  }

  // The next request fails.
  fail(status, message, { type = statuses[status] ?? 'UNKNOWN', headers = {}, details } = {}) {
    this.next((request, response) => this.sendError(response, new Refusal(message, status, type), { headers, details }));
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

  check(request) {
    const { method, url, headers, json } = request;
    const { pathname, searchParams } = new URL(url, 'http://mock');
    const [, model, verb] = /^\/models\/([^/:]+):(\w+)$/.exec(pathname.slice(this.base.length)) ?? [];
    const known = method === 'POST' && pathname.startsWith(this.base) && verbs[verb];
    if (!known) throw new Refusal('The requested URL was not found on this server.', 404, statuses[404]);
    this.checkKey(headers, searchParams);
    demand(headers['content-type']?.split(';')[0].trim() === 'application/json', '', 'Invalid content type.');
    demand(json !== undefined, '', 'Invalid JSON payload received.');
    Object.assign(request, { model: decodeURIComponent(model), verb });
    known.call(this, request, searchParams);
  }

  checkKey(headers, query) {
    const key = headers['x-goog-api-key'] ?? query.get('key');
    if (!key) {
      const text = "Method doesn't allow unregistered callers (callers without established identity).";
      throw new Refusal(text, 403, statuses[403]);
    }
    demand(key === this.key, '', 'API key not valid. Please pass a valid API key.');
  }

  checkGenerate({ model, json }) {
    const rules = modelRules(model);
    if (!rules) {
      const text = `models/${model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.`;
      throw new Refusal(text, 404, statuses[404]);
    }
    checkRequest(json, rules);
  }

  async fallback(request, response) {
    if (request.verb.endsWith('mbedContent') || request.verb.endsWith('mbedContents')) return this.embed(request, response);
    return this.speak(request, response, {});
  }

  sendError(response, { message, status, type }, { headers = {}, details } = {}) {
    response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', ...headers });
    response.end(JSON.stringify({ error: { code: status, message, status: type, ...(details && { details }) } }, null, 2));
  }

  send(response, json, headers = {}) {
    response.writeHead(200, { 'content-type': 'application/json; charset=UTF-8', 'transfer-encoding': 'chunked', ...headers });
    response.end(JSON.stringify(json, null, 2));
  }

  // Vectors that tell their texts apart.
  embed({ verb, json }, response) {
    const vector = ({ content, outputDimensionality: n = 4 }) => {
      const text = content.parts.map((part) => part.text).join('');
      return { values: Array.from({ length: n }, (_, i) => (text.length + i) / 8) };
    };
    const answer = verb === 'embedContent' ? { embedding: vector(json) } : { embeddings: json.requests.map(vector) };
    this.send(response, answer);
  }

  async speak(request, response, script) {
    const said = typeof script === 'function' ? await script(request.json) : script;
    this.count++;
    const signed = modelRules(request.model).signed;
    const candidates = said.candidates ?? [said.parts ?? [{ text: said.text ?? lastText(request.json) }]];
    const answer = {
      candidates: candidates.map((parts, index) => ({
        content: { parts: signed ? signParts(parts) : parts, role: 'model' },
        finishReason: said.finishReason ?? 'STOP',
        ...(said.finishMessage && { finishMessage: said.finishMessage }),
        ...(said.logprobsResult && { logprobsResult: said.logprobsResult }),
        index,
      })),
      usageMetadata: { promptTokenCount: 20, candidatesTokenCount: 5, totalTokenCount: 25, ...said.usage },
      modelVersion: said.model ?? request.model,
      responseId: said.id ?? `Mock-${this.count}`,
    };
    if (said.promptFeedback) {
      delete answer.candidates;
      delete answer.usageMetadata.candidatesTokenCount;
      answer.promptFeedback = said.promptFeedback;
    }
    if (request.verb === 'generateContent') return this.send(response, answer, said.headers);
    return this.stream(response, answer, said);
  }

  async stream(response, answer, said) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked', ...said.headers });
    let number = 0;
    let sent;
    for (const fragment of fragments(answer, said)) {
      if (said.before) await said.before(fragment, number);
      if (response.destroyed) return;
      if (fragment === 'cut') return sent.then(() => response.destroy());
      number++;
      sent = new Promise((done) => response.write(`data: ${JSON.stringify(fragment)}\r\n\r\n`, done));
    }
    response.end();
  }
}

const verbs = {
  generateContent: GeminiMock.prototype.checkGenerate,
  streamGenerateContent(request, query) {
    demand(query.get('alt') === 'sse', '', 'The mock streams events only (alt=sse).');
    this.checkGenerate(request);
  },
  embedContent: ({ json }) => checkEmbedding(json, ''),
  batchEmbedContents: ({ model, json }) => {
    members(json, ['requests'], '');
    demand(Array.isArray(json.requests) && json.requests.length > 0, '', '* BatchEmbedContentsRequest.requests: missing field.');
    demand(json.requests.length <= 100, '', 'at most 100 requests can be in one batch');
    json.requests.forEach((one, i) => {
      demand(one.model === `models/${model}`, '', `* BatchEmbedContentsRequest.requests[${i}].model: unexpected model name format`);
      checkEmbedding(one, `requests[${i}]`);
    });
  },
};

const tasks = [
  'RETRIEVAL_QUERY',
  'RETRIEVAL_DOCUMENT',
  'SEMANTIC_SIMILARITY',
  'CLASSIFICATION',
  'CLUSTERING',
  'QUESTION_ANSWERING',
  'FACT_VERIFICATION',
  'CODE_RETRIEVAL_QUERY',
];

function checkEmbedding(json, place) {
  members(json, ['model', 'content', 'taskType', 'title', 'outputDimensionality'], place);
  const good = json.content?.parts?.length > 0 && json.content.parts.every(({ text }) => typeof text === 'string');
  demand(good, '', `* ${place}.content: missing field.`);
  if (json.taskType !== undefined && !tasks.includes(json.taskType)) bad(`${place}.task_type`, json.taskType);
  if (json.outputDimensionality !== undefined) demand(isCount(json.outputDimensionality), `${place}.output_dimensionality`, 'invalid');
}

// The first call of a turn is signed, or else the text.
function signParts(parts) {
  const at = parts.findIndex((part) => part.functionCall);
  const which = at >= 0 ? at : parts.findLastIndex((part) => part.text !== undefined && !part.thought);
  return parts.map((part, i) => (i === which ? { thoughtSignature: sign(part), ...part } : part));
}

function lastText({ contents }) {
  return contents.at(-1).parts.findLast((part) => part.text !== undefined)?.text ?? '(no text)';
}

// Counts are running totals; the prompt's may grow at the very end.
function* fragments(answer, said) {
  const { candidates = [], usageMetadata, promptFeedback, ...rest } = answer;
  const { promptTokenCount, candidatesTokenCount, ...counts } = usageMetadata;
  const early = { promptTokenCount: Math.min(promptTokenCount, 7), candidatesTokenCount: 1, totalTokenCount: 8 };
  const fragment = (index, parts, more, usage = early) => ({
    candidates: [{ content: { parts, role: 'model' }, index, ...more }],
    usageMetadata: usage,
    ...rest,
  });
  for (const { content, index } of candidates) {
    for (const part of content.parts) {
      if (part.text === undefined) {
        yield fragment(index, [part]);
        continue;
      }
      const { text, thoughtSignature, ...kind } = part;
      for (const piece of pieces(text, said.size, said.units)) yield fragment(index, [{ text: piece, ...kind }]);
      if (thoughtSignature) yield fragment(index, [{ text: '', thoughtSignature, ...kind }]);
    }
  }
  if (said.end === 'cut') return yield 'cut';
  if (said.end === 'error') return yield { error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } };
  if (promptFeedback) return yield { promptFeedback, usageMetadata, ...rest };
  for (const { index, content, ...more } of candidates) {
    yield fragment(
      index,
      [{ text: '' }],
      more,
      { promptTokenCount, candidatesTokenCount, ...counts },
    );
  }
}
