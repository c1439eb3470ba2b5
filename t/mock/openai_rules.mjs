// What POST /v1/chat/completions refuses: OpenAI's own schema of a request
// where it is at hand, and what a schema cannot say.
import { validator } from './openai_schema.mjs';

export class Refusal extends Error {
  constructor(message, { param = null, code = null, status = 400, type = 'invalid_request_error' } = {}) {
    super(message);
    Object.assign(this, { param, code, status, type });
  }
}

const fields = new Set(
  `model messages max_completion_tokens max_tokens temperature top_p n stop presence_penalty frequency_penalty logit_bias
  logprobs top_logprobs seed stream stream_options tools tool_choice parallel_tool_calls functions function_call
  response_format reasoning_effort verbosity modalities audio prediction web_search_options store metadata service_tier
  user safety_identifier prompt_cache_key prompt_cache_options prompt_cache_retention moderation`.split(/\s+/),
);

const known = /^(gpt-\d|o\d|chatgpt-)/;
const reasons = (model) => /^o\d/.test(model) || (/^gpt-[5-9]/.test(model) && !/^gpt-5-chat/.test(model));

// Throws when the server would answer with an error.
export function checkRequest(json) {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Refusal('The body must be a JSON object.');
  if (json.model === undefined) throw new Refusal('you must provide a model parameter');
  for (const name of Object.keys(json)) {
    if (!fields.has(name)) throw new Refusal(`Unknown parameter: '${name}'.`, { param: name, code: 'unknown_parameter' });
  }
  checkShape(json);
  if (!known.test(json.model)) {
    const message = `The model \`${json.model}\` does not exist or you do not have access to it.`;
    throw new Refusal(message, { status: 404, code: 'model_not_found' });
  }
  if (json.stream_options && !json.stream) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw new Refusal(message, { param: 'stream_options' });
  }
  checkModel(json);
  checkTools(json);
  checkFormat(json);
  checkMessages(json.messages);
}

function checkShape(json) {
  const errors = validator('CreateChatCompletionRequest')(json);
  if (!errors.length) return;
  // The deepest place is where the right branch of a choice went wrong.
  const deepest = errors.reduce((a, b) => (b.instancePath.split('/').length > a.instancePath.split('/').length ? b : a));
  const missing = deepest.keyword === 'required' ? `/${deepest.params.missingProperty}` : '';
  const param = `${deepest.instancePath}${missing}`
    .slice(1)
    .replace(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.');
  if (missing) throw new Refusal(`Missing required parameter: '${param}'.`, { param, code: 'missing_required_parameter' });
  throw new Refusal(`Invalid value for '${param}': ${deepest.message}.`, { param, code: 'invalid_value' });
}

function checkModel(json) {
  if (!reasons(json.model)) return;
  const refuse = (param, hint = '') => {
    const message = `Unsupported parameter: '${param}' is not supported with this model.${hint}`;
    throw new Refusal(message, { param, code: 'unsupported_parameter' });
  };
  if (json.max_tokens != null) refuse('max_tokens', " Use 'max_completion_tokens' instead.");
  for (const param of [
    'temperature',
    'top_p',
    'presence_penalty',
    'frequency_penalty',
    'logit_bias',
    'logprobs',
    'top_logprobs',
  ]) {
    if (json[param] != null) refuse(param);
  }
}

const toolName = /^[a-zA-Z0-9_-]{1,64}$/;

function checkTools({ tools, tool_choice: choice, parallel_tool_calls: parallel }) {
  const named = (tool) => tool[tool.type]?.name;
  for (const [i, tool] of (tools ?? []).entries()) {
    if (!toolName.test(named(tool))) {
      const param = `tools[${i}].${tool.type}.name`;
      throw new Refusal(`Invalid '${param}': string does not match pattern.`, { param, code: 'invalid_value' });
    }
    if (tool.function?.strict)
      checkStrict(tool.function.parameters, `function '${named(tool)}'`, `tools[${i}].function.parameters`);
  }
  for (const [param, value] of Object.entries({ tool_choice: choice, parallel_tool_calls: parallel })) {
    if (value == null || value === 'none' || tools?.length) continue;
    throw new Refusal(`Invalid value for '${param}': '${param}' is only allowed when 'tools' are specified.`, { param });
  }
  const wanted = choice?.function?.name ?? choice?.custom?.name;
  if (wanted !== undefined && !tools.some((tool) => named(tool) === wanted)) {
    throw new Refusal(`Tool choice '${wanted}' not found in 'tools' parameter.`, { param: 'tool_choice' });
  }
}

// In strict mode every object is closed and all of its members are required.
function checkStrict(schema, owner, param) {
  const bad = (text) => {
    throw new Refusal(`Invalid schema for ${owner}: ${text}`, { param, code: 'invalid_function_parameters' });
  };
  const walk = (node) => {
    if (typeof node !== 'object' || node === null) return;
    if (node.type === 'object') {
      if (node.additionalProperties !== false) bad("'additionalProperties' is required to be supplied and to be false.");
      const missing = Object.keys(node.properties ?? {}).find((name) => !(node.required ?? []).includes(name));
      if (missing) bad(`'required' is required to be supplied and to be an array including every key. Missing '${missing}'.`);
    }
    for (const inner of Object.values(node)) walk(inner);
  };
  if (schema?.type !== 'object') bad('schema must be a JSON Schema of \'type: "object"\'.');
  walk(schema);
}

function checkFormat({ response_format: format, messages }) {
  if (format?.type === 'json_object' && !/json/i.test(JSON.stringify(messages))) {
    const message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
    throw new Refusal(message, { param: 'messages' });
  }
  if (format?.type !== 'json_schema') return;
  const { name, schema, strict } = format.json_schema;
  if (!toolName.test(name)) {
    throw new Refusal("Invalid 'response_format.json_schema.name'.", {
      param: 'response_format.json_schema.name',
      code: 'invalid_value',
    });
  }
  if (strict) checkStrict(schema, `response_format '${name}'`, 'response_format');
}

// Every call is answered before anything else is said, and nothing else is.
function checkMessages(messages) {
  let open = [];
  for (const [i, message] of messages.entries()) {
    const param = `messages.[${i}].role`;
    if (message.role === 'tool') {
      if (!open.includes(message.tool_call_id)) {
        const text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
        throw new Refusal(`Invalid parameter: ${text}`, { param });
      }
      open = open.filter((id) => id !== message.tool_call_id);
      continue;
    }
    checkOpen(open, param);
    open = (message.tool_calls ?? []).map((call) => call.id);
    checkImages(message.content, i);
  }
  checkOpen(open, 'messages');
}

function checkOpen(open, param) {
  if (!open.length) return;
  const text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";
  throw new Refusal(`${text} The following tool_call_ids did not have response messages: ${open.join(', ')}`, { param });
}

function checkImages(content, i) {
  if (!Array.isArray(content)) return;
  for (const [k, part] of content.entries()) {
    if (part.type !== 'image_url') continue;
    const { url } = part.image_url;
    if (/^https?:\/\/\S+$/.test(url) || /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$/.test(url)) continue;
    throw new Refusal('Invalid image URL.', { param: `messages[${i}].content[${k}].image_url.url`, code: 'invalid_image_url' });
  }
}
