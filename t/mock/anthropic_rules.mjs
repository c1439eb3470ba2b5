// What POST /v1/messages refuses, with the texts the real one uses where they
// are known. The first rule that is broken throws a Refusal.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { checkMessages } from './anthropic_messages.mjs';
import { modelRules } from './anthropic_models.mjs';
import {
  Refusal,
  demand,
  demandArray,
  demandMembers,
  demandObject,
  demandOneOf,
  demandString,
  isCount,
  isObject,
  refuse,
} from './demand.mjs';

const topLevel = [
  'model!',
  'max_tokens!',
  'messages!',
  'system',
  'stop_sequences',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'metadata',
  'service_tier',
  'cache_control',
  'speed',
  'inference_geo',
  'container',
  'diagnostics',
];

// Throws when the server would answer with an error.
export function checkRequest(json, { version, betas }) {
  demand(isObject(json), 'body', 'Input should be a valid dictionary');
  const withBetas = betas.length ? [...topLevel, 'context_management', 'mcp_servers'] : topLevel;
  const sampling = ['temperature', 'top_p', 'top_k'];
  demandMembers(json, version === '2023-06-01' ? withBetas : withBetas.filter((name) => !sampling.includes(name)));
  demandString(json.model, 'model');
  const rules = modelRules(json.model);
  if (!rules) throw new Refusal(`model: ${json.model}`, 404, 'not_found_error');

  demand(isCount(json.max_tokens), 'max_tokens', 'Input should be a valid integer');
  demand(json.max_tokens >= 1, 'max_tokens', 'Input should be greater than or equal to 1');
  demand(
    json.max_tokens <= rules.max,
    'max_tokens',
    `${json.max_tokens} > ${rules.max}, which is the maximum allowed number of output tokens for ${json.model}`,
  );
  if (json.stream !== undefined) demand(typeof json.stream === 'boolean', 'stream', 'Input should be a valid boolean');
  if (json.service_tier !== undefined) demandOneOf(json.service_tier, ['auto', 'standard_only'], 'service_tier');
  if (json.speed !== undefined) demandOneOf(json.speed, ['standard', 'fast'], 'speed');
  if (json.metadata !== undefined) {
    demandObject(json.metadata, 'metadata');
    demandMembers(json.metadata, ['user_id'], 'metadata');
    if (json.metadata.user_id !== undefined) demandString(json.metadata.user_id, 'metadata.user_id');
  }
  checkStop(json);
  const thinks = checkThinking(json, rules);
  checkSampling(json, rules, thinks);
  checkTools(json, rules, thinks);
  checkOutput(json, rules);
  checkMessages(json, rules, thinks);
  checkCaching(json);
}

function checkStop({ stop_sequences: stop }) {
  if (stop === undefined) return;
  demandArray(stop, 'stop_sequences');
  stop.forEach((text, i) => {
    demandString(text, `stop_sequences.${i}`);
    demand(text.trim() !== '', 'stop_sequences', 'each stop sequence must contain non-whitespace');
  });
}

// Whether the model is going to think.
function checkThinking({ thinking, max_tokens: max, model, output_config: config }, rules) {
  if (thinking === undefined) return false;
  demandObject(thinking, 'thinking');
  const { type, display } = thinking;
  demandOneOf(type, ['enabled', 'adaptive', 'disabled', 'between_tools'], 'thinking.type');
  const possible = { enabled: rules.budget, adaptive: rules.adaptive, disabled: rules.off, between_tools: rules.between };
  demand(possible[type], 'thinking.type', `${type} is not supported for ${model}`);
  demandMembers(
    thinking,
    ['type!', ...(type === 'enabled' ? ['budget_tokens!', 'display'] : type === 'adaptive' ? ['display'] : [])],
    `thinking.${type}`,
  );
  if (display !== undefined) demandOneOf(display, ['summarized', 'omitted'], `thinking.${type}.display`);
  if (type === 'enabled') {
    const budget = thinking.budget_tokens;
    demand(isCount(budget) && budget >= 1024, 'thinking.enabled.budget_tokens', 'Input should be greater than or equal to 1024');
    demand(budget < max, 'max_tokens', '`max_tokens` must be greater than `thinking.budget_tokens`');
  }
  const tooMuch =
    ['xhigh', 'max'].includes(config?.effort) && (type === 'between_tools' || (type === 'disabled' && rules.offUpToHigh));
  demand(!tooMuch, 'thinking.type', `${type} is not supported with effort '${config?.effort}'`);
  return type === 'enabled' || type === 'adaptive';
}

function checkSampling({ temperature, top_p: topP, top_k: topK, model }, rules, thinks) {
  const between = (v, low, high, name) => {
    demand(typeof v === 'number' && v >= low && v <= high, name, `range: ${low}..${high}`);
  };
  if (temperature !== undefined) {
    between(temperature, 0, 1, 'temperature');
    demand(rules.sampling || temperature === 1, 'temperature', `is deprecated for ${model}`);
    demand(!thinks || temperature === 1, 'temperature', 'may only be set to 1 when thinking is enabled');
  }
  if (topP !== undefined) {
    between(topP, 0, 1, 'top_p');
    demand(rules.sampling || topP >= 0.99, 'top_p', `is deprecated for ${model}`);
    demand(!thinks || topP >= 0.95, 'top_p', 'must be greater than or equal to 0.95 or unset when thinking is enabled');
    const both = rules.both || temperature === undefined;
    demand(both, 'top_p', '`temperature` and `top_p` cannot both be specified for this model. Please use only one.');
  }
  if (topK !== undefined) {
    demand(isCount(topK), 'top_k', 'Input should be a valid integer');
    demand(rules.sampling, 'top_k', `is deprecated for ${model}`);
    demand(!thinks, 'top_k', 'must be unset when thinking is enabled');
  }
}

const schemas = new Ajv2020({ strict: false, logger: false });
const toolName = /^[a-zA-Z0-9_-]{1,128}$/;

function checkTools({ tools, tool_choice: choice }, rules, thinks) {
  const names = [];
  if (tools !== undefined) {
    demandArray(tools, 'tools');
    tools.forEach((tool, i) => names.push(checkTool(tool, `tools.${i}`, rules)));
    demand(new Set(names).size === names.length, 'tools', 'Tool names must be unique.');
  }
  if (choice === undefined) return;
  demandObject(choice, 'tool_choice');
  const { type } = choice;
  demandOneOf(type, ['auto', 'any', 'tool', 'none'], 'tool_choice.type');
  const members = { auto: [], any: [], tool: ['name!'], none: [] }[type];
  demandMembers(choice, ['type!', ...members, ...(type === 'none' ? [] : ['disable_parallel_tool_use'])], `tool_choice.${type}`);
  demand(names.length > 0, 'tool_choice', 'tool_choice may only be specified while providing tools');
  if (type === 'auto' || type === 'none') return;
  demand(rules.forced, 'tool_choice', `forcing a tool is not supported for this model`);
  demand(!thinks, 'thinking', 'Thinking may not be enabled when tool_choice forces tool use.');
  if (type === 'tool') demand(names.includes(choice.name), 'tool_choice', `Tool '${choice.name}' not found in provided tools`);
}

function checkTool(tool, place, rules) {
  demandObject(tool, place);
  if (tool.type !== undefined && tool.type !== 'custom') {
    demand(/_\d{8}$/.test(tool.type), `${place}.type`, 'Input tag is not one of the expected tags');
    demandString(tool.name, `${place}.name`);
    return tool.name;
  }
  const at = `${place}.custom`;
  const optional = ['type', 'description', 'strict', 'cache_control', 'eager_input_streaming', 'defer_loading', 'input_examples'];
  demandMembers(tool, ['name!', 'input_schema!', ...optional], at);
  demandString(tool.name, `${at}.name`);
  demand(toolName.test(tool.name), `${at}.name`, `String should match pattern '${toolName.source}'`);
  if (tool.description !== undefined) demandString(tool.description, `${at}.description`);
  demandObject(tool.input_schema, `${at}.input_schema`);
  demand(tool.input_schema.type !== undefined, `${at}.input_schema.type`, 'Field required');
  demandOneOf(tool.input_schema.type, ['object'], `${at}.input_schema.type`);
  for (const word of ['oneOf', 'allOf', 'anyOf']) {
    demand(
      tool.input_schema[word] === undefined,
      `${at}.input_schema`,
      'input_schema does not support oneOf, allOf, or anyOf at the top level',
    );
  }
  const valid = schemas.validateSchema(tool.input_schema);
  demand(valid, `${at}.input_schema`, 'JSON schema is invalid. It must match JSON Schema draft 2020-12');
  if (tool.strict) {
    demand(rules.format, `${at}.strict`, 'is not supported for this model');
    checkClosedSchema(tool.input_schema, `${at}.input_schema`);
  }
  return tool.name;
}

function checkOutput({ output_config: config, model }, rules) {
  if (config === undefined) return;
  demandObject(config, 'output_config');
  demandMembers(config, ['effort', 'format'], 'output_config');
  if (config.effort !== undefined) {
    demandOneOf(config.effort, ['low', 'medium', 'high', 'xhigh', 'max'], 'output_config.effort');
    if (rules.effort.length === 0) throw new Refusal('This model does not support the effort parameter.');
    if (!rules.effort.includes(config.effort)) {
      const supported = [...rules.effort].sort().join(', ');
      throw new Refusal(`This model does not support effort level '${config.effort}'. Supported levels: ${supported}.`);
    }
  }
  if (config.format === undefined) return;
  demandObject(config.format, 'output_config.format');
  demandOneOf(config.format.type, ['json_schema'], 'output_config.format.type');
  demandMembers(config.format, ['type!', 'schema!'], 'output_config.format');
  demand(rules.format, 'output_config.format', `'${model}' does not support output format.`);
  checkClosedSchema(config.format.schema, 'output_config.format.schema');
}

const unknownWords = `minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern minItems maxItems
  uniqueItems minProperties maxProperties not oneOf patternProperties`.split(/\s+/);
const formats = ['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'];

// The part of JSON Schema that a grammar can be made of.
export function checkClosedSchema(root, place) {
  let optional = 0;
  const open = [];
  const definition = (ref) =>
    ref
      .split('/')
      .slice(1)
      .reduce((at, step) => at?.[step], root);
  const walk = (schema) => {
    if (!isObject(schema)) return;
    for (const word of unknownWords)
      demand(!(word in schema), place, `For '${schema.type}' type, property '${word}' is not supported`);
    if (schema.format !== undefined)
      demand(formats.includes(schema.format), place, `'format: ${schema.format}' is not supported`);
    if (schema.type === 'object' || schema.properties) {
      demand(
        schema.additionalProperties === false,
        place,
        "For 'object' type, 'additionalProperties' must be explicitly set to false",
      );
      const named = Object.keys(schema.properties ?? {});
      optional += named.filter((name) => !(schema.required ?? []).includes(name)).length;
    }
    if (schema.$ref) {
      const target = definition(schema.$ref);
      demand(target, place, `$ref '${schema.$ref}' leads nowhere`);
      demand(!open.includes(target), place, 'Circular reference detected');
      open.push(target);
      walk(target);
      open.pop();
    }
    for (const list of ['anyOf', 'allOf', 'prefixItems']) (schema[list] ?? []).forEach(walk);
    if (schema.properties) Object.values(schema.properties).forEach(walk);
    walk(schema.items);
  };
  walk(root);
  demand(optional <= 24, place, 'Schemas contains too many optional parameters');
}

// All marks of one request, in the order of the prefix they end.
function checkCaching(json) {
  const marks = [];
  const look = (holder, place) => {
    if (holder?.cache_control === undefined || holder.cache_control === null) return;
    const mark = holder.cache_control;
    demandObject(mark, `${place}.cache_control`);
    demandOneOf(mark.type, ['ephemeral'], `${place}.cache_control.type`);
    demandMembers(mark, ['type!', 'ttl'], `${place}.cache_control`);
    if (mark.ttl !== undefined) demandOneOf(mark.ttl, ['5m', '1h'], `${place}.cache_control.ttl`);
    marks.push({ place, ttl: mark.ttl ?? '5m' });
  };
  const lookAtBlocks = (blocks, place) => {
    if (!Array.isArray(blocks)) return;
    blocks.forEach((block, i) => {
      look(block, `${place}.${i}`);
      if (block.type === 'tool_result') lookAtBlocks(block.content, `${place}.${i}.content`);
    });
  };
  lookAtBlocks(json.tools, 'tools');
  lookAtBlocks(json.system, 'system');
  json.messages.forEach((message, i) => lookAtBlocks(message.content, `messages.${i}.content`));
  look(json, '');
  if (marks.length > 4) throw new Refusal(`A maximum of 4 blocks with cache_control may be provided. Found ${marks.length}.`);
  const first = marks.findIndex(({ ttl }) => ttl === '5m');
  const late = first < 0 ? undefined : marks.slice(first).find(({ ttl }) => ttl === '1h');
  if (late) refuse(late.place, "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block");
}
