// What generateContent refuses, with the texts the real one uses where they are
// known. The first rule that is broken throws a Refusal.
import { Ajv2020 } from 'ajv/dist/2020.js';
import { isCount, isObject } from './demand.mjs';
import { checkContents } from './gemini_contents.mjs';
import { bad, demand, members, oneOf } from './gemini_demand.mjs';

const topLevel = [
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'safetySettings',
  'generationConfig',
  'cachedContent',
  'serviceTier',
];

// Throws when the server would answer with an error.
export function checkRequest(json, rules) {
  members(json, topLevel, '');
  const names = checkTools(json, rules);
  checkToolConfig(json, names);
  checkConfig(json, rules, names.length > 0);
  checkSafety(json);
  if (json.serviceTier !== undefined) oneOf(json.serviceTier, ['standard', 'flex', 'priority'], 'service_tier');
  checkContents(json, rules);
}

const config = [
  'temperature',
  'topP',
  'topK',
  'candidateCount',
  'maxOutputTokens',
  'stopSequences',
  'presencePenalty',
  'frequencyPenalty',
  'seed',
  'responseLogprobs',
  'logprobs',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'responseModalities',
  'thinkingConfig',
  'mediaResolution',
  'speechConfig',
  'imageConfig',
];

function checkConfig({ generationConfig: c }, rules, hasFunctions) {
  if (c === undefined) return;
  const at = 'generation_config';
  members(c, config, at);
  const number = (name, low, high) => {
    if (c[name] === undefined) return;
    const good = typeof c[name] === 'number' && c[name] >= low && c[name] <= high;
    demand(good, '', `* GenerateContentRequest.generation_config.${name}: ${name} must be in the range [${low}, ${high}].`);
  };
  number('temperature', 0, 2);
  number('topP', 0, 1);
  number('presencePenalty', -2, 1.99);
  number('frequencyPenalty', -2, 1.99);
  for (const name of ['topK', 'candidateCount', 'maxOutputTokens', 'seed', 'logprobs']) {
    if (c[name] !== undefined) demand(isCount(c[name]) && c[name] < 2 ** 31, `${at}.${name}`, `(TYPE_INT32), ${c[name]}`);
  }
  number('candidateCount', 1, 8);
  number('maxOutputTokens', 1, 65536);
  for (const name of ['presencePenalty', 'frequencyPenalty']) {
    demand(c[name] === undefined || rules.penalties, '', 'Penalty is not enabled for this model');
  }
  if (c.stopSequences !== undefined) {
    demand(Array.isArray(c.stopSequences) && c.stopSequences.length <= 5, '', 'The number of stop sequences must be at most 5.');
    for (const text of c.stopSequences) demand(typeof text === 'string' && text !== '', `${at}.stop_sequences`, 'must not be empty');
  }
  checkThinking(c, rules);
  checkFormat(c, rules, hasFunctions);
}

function checkThinking({ thinkingConfig: t }, rules) {
  if (t === undefined) return;
  const at = 'generation_config.thinking_config';
  members(t, ['includeThoughts', 'thinkingBudget', 'thinkingLevel'], at);
  demand(rules.budget || rules.levels, '', 'Thinking is not supported by this model.');
  demand(!(t.thinkingBudget !== undefined && t.thinkingLevel), '', 'You can only set only one of thinking budget and thinking level.');
  if (t.thinkingLevel !== undefined) {
    demand(rules.levels?.includes(t.thinkingLevel), '', `Thinking level ${t.thinkingLevel} is not supported for this model.`);
  }
  if (t.thinkingBudget === undefined || t.thinkingBudget === -1 || !rules.budget) return;
  const [least, most, off] = rules.budget;
  if (t.thinkingBudget === 0) demand(off, '', 'Budget 0 is invalid. This model only works in thinking mode.');
  else
    demand(
      t.thinkingBudget >= least && t.thinkingBudget <= most,
      '',
      `The thinking budget ${t.thinkingBudget} is invalid. Please choose a value between ${least} and ${most}.`,
    );
}

function checkFormat(c, rules, hasFunctions) {
  const { responseMimeType: mime, responseSchema, responseJsonSchema } = c;
  if (mime !== undefined) oneOf(mime, ['text/plain', 'application/json', 'text/x.enum'], 'generation_config.response_mime_type');
  const json = mime === 'application/json';
  demand(!json || !hasFunctions || rules.mixed, '', "Function calling with a response mime type: 'application/json' is unsupported");
  if (responseSchema !== undefined) {
    demand(json, '', "response schema is only supported with 'application/json'");
    demand(responseJsonSchema === undefined, '', 'responseSchema and responseJsonSchema exclude each other');
    checkSchema(responseSchema, 'generation_config.response_schema');
  }
  if (responseJsonSchema !== undefined) {
    demand(json && rules.jsonSchema, '', 'response_json_schema is not supported for this model');
    checkJsonSchema(responseJsonSchema, 'generation_config.response_json_schema');
  }
}

const schemas = new Ajv2020({ strict: false, logger: false });

function checkJsonSchema(schema, place) {
  demand(isObject(schema), place, 'Invalid value');
  demand(schemas.validateSchema(schema), place, 'the schema is invalid');
}

const schemaMembers = [
  'type',
  'format',
  'title',
  'description',
  'nullable',
  'default',
  'example',
  'items',
  'minItems',
  'maxItems',
  'enum',
  'properties',
  'propertyOrdering',
  'required',
  'minProperties',
  'maxProperties',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'anyOf',
];
const types = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null'];
const formats = { string: ['enum', 'date-time'], number: ['float', 'double'], integer: ['int32', 'int64'] };

// The subset of OpenAPI that this is.
export function checkSchema(schema, place) {
  members(schema, schemaMembers, place);
  if (schema.anyOf !== undefined) {
    demand(Object.keys(schema).length === 1, '', `When using any_of, it must be the only field set at ${place}`);
    schema.anyOf.forEach((one, i) => checkSchema(one, `${place}.any_of[${i}]`));
    return;
  }
  const type = String(schema.type).toLowerCase();
  demand(typeof schema.type === 'string' && types.includes(type), `${place}.type`, `(type.googleapis.com/Type), ${JSON.stringify(schema.type)}`);
  if (schema.format !== undefined) {
    demand(formats[type]?.includes(schema.format), '', `* ${place}.format: only 'enum' and 'date-time' are supported for STRING type`);
  }
  if (schema.enum !== undefined) {
    demand(type === 'string', '', `* ${place}.enum: only allowed for STRING type`);
    demand(schema.enum.every((v) => typeof v === 'string' && v !== ''), '', `* ${place}.enum: cannot be empty`);
  }
  if (type === 'array') {
    demand(schema.items !== undefined, '', `* ${place}.items: missing field.`);
    checkSchema(schema.items, `${place}.items`);
  }
  const names = Object.keys(schema.properties ?? {});
  for (const name of names) checkSchema(schema.properties[name], `${place}.properties[${name}]`);
  for (const name of schema.required ?? []) demand(names.includes(name), '', `* ${place}.required: property is not defined: ${name}`);
  const order = schema.propertyOrdering;
  if (order) demand(JSON.stringify([...order].sort()) === JSON.stringify([...names].sort()), '', `* ${place}.property_ordering: mismatch`);
}

const functionName = /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/;

// The names of functions.
function checkTools({ tools }, rules) {
  if (tools === undefined) return [];
  demand(Array.isArray(tools), 'tools', 'Proto field is not repeating');
  const lists = tools.filter((tool) => tool.functionDeclarations);
  demand(lists.length <= 1, '', 'Multiple tools are supported only when they are all search tools.');
  const names = [];
  tools.forEach((tool, i) => {
    members(tool, ['functionDeclarations', 'googleSearch', 'urlContext', 'codeExecution'], `tools[${i}]`);
    demand(Object.keys(tool).length > 0, '', `tools[${i}].tool_type: required one_of 'tool_type' must have one initialized field`);
    tool.functionDeclarations?.forEach((f, k) => {
      const at = `tools[${i}].function_declarations[${k}]`;
      members(f, ['name', 'description', 'parameters', 'parametersJsonSchema', 'response'], at);
      demand(functionName.test(f.name), '', `GenerateContentRequest.${at}.name: Invalid function name.`);
      names.push(f.name);
      demand(!f.parameters || !f.parametersJsonSchema, '', `${at}: parameters and parameters_json_schema exclude each other`);
      if (f.parameters) {
        checkSchema(f.parameters, `${at}.parameters`);
        const empty = f.parameters.type?.toLowerCase() === 'object' && !Object.keys(f.parameters.properties ?? {}).length;
        demand(!empty, '', `* ${at}.parameters.properties: should be non-empty for OBJECT type`);
      }
      if (f.parametersJsonSchema) {
        demand(rules.jsonSchema, '', `${at}: parameters_json_schema is not supported for this model`);
        checkJsonSchema(f.parametersJsonSchema, `${at}.parameters_json_schema`);
      }
    });
  });
  demand(new Set(names).size === names.length, '', `Duplicate function declaration found: ${names.find((n, i) => names.indexOf(n) !== i)}`);
  return names;
}

function checkToolConfig({ toolConfig }, names) {
  if (toolConfig === undefined) return;
  members(toolConfig, ['functionCallingConfig', 'retrievalConfig'], 'tool_config');
  const at = 'tool_config.function_calling_config';
  const { functionCallingConfig: c } = toolConfig;
  members(c, ['mode', 'allowedFunctionNames'], at);
  oneOf(c.mode, ['AUTO', 'ANY', 'NONE', 'VALIDATED'], `${at}.mode`);
  demand(names.length > 0 || c.mode === 'NONE' || c.mode === 'AUTO', '', 'Function calling config is set without function_declarations.');
  if (c.allowedFunctionNames === undefined) return;
  demand(c.mode === 'ANY' || c.mode === 'VALIDATED', '', 'Allowed function names should only be set when the mode is ANY or VALIDATED.');
  for (const name of c.allowedFunctionNames) demand(names.includes(name), '', `Unknown function name in allowed_function_names: ${name}`);
}

const categories = ['HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT', 'CIVIC_INTEGRITY'];
const thresholds = ['BLOCK_NONE', 'OFF', 'BLOCK_ONLY_HIGH', 'BLOCK_MEDIUM_AND_ABOVE', 'BLOCK_LOW_AND_ABOVE'];

function checkSafety({ safetySettings }) {
  if (safetySettings === undefined) return;
  demand(Array.isArray(safetySettings), 'safety_settings', 'Proto field is not repeating');
  const seen = new Set();
  safetySettings.forEach((one, i) => {
    members(one, ['category', 'threshold'], `safety_settings[${i}]`);
    oneOf(one.category?.replace(/^HARM_CATEGORY_/, ''), categories, `safety_settings[${i}].category`);
    oneOf(one.threshold, thresholds, `safety_settings[${i}].threshold`);
    if (seen.has(one.category)) bad('', `Duplicate safety setting: ${one.category}`);
    seen.add(one.category);
  });
}
