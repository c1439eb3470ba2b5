// Vertex AI's ways to serve Gemini's and Anthropic's models: the same bodies under
// other paths, with access tokens.
import { AnthropicMock } from './anthropic.mjs';
import { checkRequest } from './anthropic_rules.mjs';
import { Refusal } from './demand.mjs';
import { demand } from './gemini_demand.mjs';
import { GeminiMock } from './gemini.mjs';

const base = (publisher, { project = 'p-1', location = 'europe-west1' }) =>
  `/v1/projects/${project}/locations/${location}/publishers/${publisher}`;

function checkToken({ authorization }, token) {
  if (authorization === `Bearer ${token}`) return;
  throw new Refusal('Request had invalid authentication credentials. Expected OAuth 2 access token.', 401, 'UNAUTHENTICATED');
}

export class VertexMock extends GeminiMock {
  constructor(options = {}) {
    super({ ...options, base: base('google', options) });
  }

  checkKey(headers) {
    checkToken(headers, this.key);
  }

  checkGenerate(request) {
    super.checkGenerate(request);
    for (const { parts } of request.json.contents) {
      for (const { fileData, functionCall, functionResponse } of parts) {
        demand(!fileData || fileData.mimeType, '', 'The mime type of file data must be set.');
        demand(functionCall?.id === undefined && functionResponse?.id === undefined, '', 'Unknown name "id"');
      }
    }
    demand(request.json.serviceTier === undefined, '', 'Unknown name "serviceTier"');
  }
}

export class VertexAnthropicMock extends AnthropicMock {
  constructor(options = {}) {
    super(options);
    this.base = base('anthropic', options);
  }

  check(request) {
    const { path, headers, json } = request;
    const [, model, verb] = /^\/models\/([^/:]+):(rawPredict|streamRawPredict)$/.exec(path.slice(this.base.length)) ?? [];
    if (!path.startsWith(this.base) || !model) throw new Refusal('Not Found', 404, 'not_found_error');
    checkToken(headers, this.key);
    if (headers['anthropic-version']) throw new Refusal('anthropic-version: not as a header here');
    const { anthropic_version: version, ...body } = json ?? {};
    if (version !== 'vertex-2023-10-16') throw new Refusal('anthropic_version: Field required');
    if ('model' in body) throw new Refusal('model: Extra inputs are not permitted');
    if (Boolean(body.stream) !== (verb === 'streamRawPredict')) throw new Refusal('stream: does not fit the method');
    // From here on it is as its own API.
    request.json = { model: decodeURIComponent(model), ...body };
    checkRequest(request.json, { version: '2023-06-01', betas: [] });
  }
}
