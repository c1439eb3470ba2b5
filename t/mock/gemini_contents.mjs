// `contents` of generateContent: what the real one refuses.
import crypto from 'node:crypto';
import { isObject } from './demand.mjs';
import { bad, demand, members } from './gemini_demand.mjs';

// What a part is signed with.
export function sign(part) {
  const text = JSON.stringify(part.functionCall ? [part.functionCall.name, part.functionCall.args ?? {}] : part.text);
  return Buffer.from(`signed:${crypto.createHash('sha256').update(text).digest('hex')}`).toString('base64');
}

// Stands for a signature that is lost.
export const unsigned = 'skip_thought_signature_validator';

const data = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult'];
const side = ['thought', 'thoughtSignature', 'videoMetadata', 'mediaResolution'];

// The first bytes of media, where they tell.
const magic = {
  'image/jpeg': /^\xff\xd8\xff/,
  'image/png': /^\x89PNG\r\n\x1a\n/,
  'image/gif': /^GIF8[79]a/,
  'image/webp': /^RIFF.{4}WEBP/s,
  'application/pdf': /^%PDF-/,
};

export function checkContents({ contents, systemInstruction }, rules) {
  demand(Array.isArray(contents), 'contents', 'Proto field is not repeating');
  demand(contents.length > 0, '', '* GenerateContentRequest.contents: contents is not specified');
  contents.forEach((content, i) => checkContent(content, `contents[${i}]`, rules));
  if (systemInstruction !== undefined) {
    demand(rules.system, '', 'Developer instruction is not enabled for this model');
    checkContent(systemInstruction, 'system_instruction', rules);
    demand(
      systemInstruction.parts.every((part) => part.text !== undefined),
      'system_instruction',
      'System instructions must be text',
    );
  }
  checkTurns(contents, rules);
}

function checkContent(content, place, rules) {
  members(content, ['role', 'parts'], place);
  demand([undefined, 'user', 'model', 'function'].includes(content.role), '', 'Please use a valid role: user, model.');
  const given = Array.isArray(content.parts) && content.parts.length > 0;
  demand(given, '', `* GenerateContentRequest.${place}.parts: contents.parts must not be empty.`);
  content.parts.forEach((part, i) => checkPart(part, `${place}.parts[${i}]`, content.role, rules));
}

function checkPart(part, place, role, rules) {
  members(part, [...data, ...side], place);
  const kinds = data.filter((name) => part[name] !== undefined);
  demand(kinds.length > 0, '', `* ${place}.data: required oneof field 'data' must have one initialized field`);
  demand(kinds.length === 1, place, `oneof field 'data' is already set. Cannot set '${kinds[1]}'`);
  parts[kinds[0]](part, place, rules, role);
  if (part.thoughtSignature !== undefined) {
    const known = part.thoughtSignature === sign(part) || (part.functionCall && part.thoughtSignature === unsigned);
    // A text that came in fragments is signed by an empty one at its end.
    demand(known || part.text !== undefined, '', 'Corrupted thought signature.');
  }
  if (part.functionCall) demand(role === 'model', '', 'Function calls must be of the model.');
}

const parts = {
  text: (part, place, rules, role) => {
    demand(typeof part.text === 'string', `${place}.text`, 'Invalid value');
    // Its own streams end with one, and come back with it.
    demand(part.text !== '' || role === 'model', '', `Unable to submit request because ${place} has an empty text parameter`);
  },
  inlineData: ({ inlineData: blob }, place) => checkBlob(blob, `${place}.inline_data`),
  fileData: ({ fileData: file }, place) => {
    members(file, ['mimeType', 'fileUri', 'displayName'], `${place}.file_data`);
    demand(/^(https|gs):\/\/./.test(file.fileUri), '', `Invalid or unsupported file uri: ${file.fileUri}`);
  },
  functionCall: ({ functionCall: call }, place) => {
    members(call, ['id', 'name', 'args'], `${place}.function_call`);
    demand(typeof call.name === 'string' && call.name !== '', '', `${place}.function_call.name: Name cannot be empty.`);
    if (call.args !== undefined) demand(isObject(call.args), `${place}.function_call.args`, 'Invalid value');
  },
  functionResponse: ({ functionResponse: response }, place, rules) => {
    members(response, ['id', 'name', 'response', 'parts', 'scheduling', 'willContinue'], `${place}.function_response`);
    demand(
      typeof response.name === 'string' && response.name !== '',
      '',
      `${place}.function_response.name: Name cannot be empty.`,
    );
    demand(isObject(response.response), `${place}.function_response.response`, 'Invalid value (type.googleapis.com/google.protobuf.Struct)');
    if (response.parts === undefined) return;
    demand(rules.resultParts, '', 'Multimodal function response is not supported for this model.');
    response.parts.forEach((part, i) => {
      members(part, ['inlineData', 'fileData'], `${place}.function_response.parts[${i}]`);
      if (part.inlineData) checkBlob(part.inlineData, `${place}.function_response.parts[${i}].inline_data`);
    });
  },
  executableCode: () => {},
  codeExecutionResult: () => {},
};

function checkBlob(blob, place) {
  members(blob, ['mimeType', 'data', 'displayName'], place);
  demand(/^(image|audio|video|text|application)\/[\w.+-]+$/.test(blob.mimeType), '', `Unsupported MIME type: ${blob.mimeType}`);
  const bytes = Buffer.from(String(blob.data), 'base64');
  demand(blob.data !== '' && bytes.toString('base64') === blob.data, `${place}.data`, 'Base64 decoding failed');
  const test = magic[blob.mimeType];
  demand(!test || test.test(bytes.toString('latin1')), '', 'Unable to process input image. Please retry or report in troubleshooting');
}

const calls = (content) => content.parts.filter((part) => part.functionCall);
const responses = (content) => content.parts.filter((part) => part.functionResponse);

// What the model has said in several contents is one turn.
function turnsOf(contents) {
  const turns = [];
  for (const { role, parts: list } of contents) {
    if (role === 'model' && turns.at(-1)?.role === 'model') turns.at(-1).parts.push(...list);
    else turns.push({ role, parts: [...list] });
  }
  return turns;
}

function checkTurns(all, rules) {
  const contents = turnsOf(all);
  contents.forEach((content, i) => {
    const before = contents[i - 1];
    if (content.role === 'model' && calls(content).length) {
      demand(
        before && before.role !== 'model',
        '',
        'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
      );
      checkSignatures(content, i, rules);
      const answered = contents[i + 1] ? responses(contents[i + 1]) : [];
      demand(
        answered.length === calls(content).length,
        '',
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      );
      answered.forEach(({ functionResponse }, at) => {
        const { functionCall } = calls(content)[at];
        demand(functionResponse.name === functionCall.name, '', 'The function responses must be in the order of their calls.');
        demand(functionResponse.id === functionCall.id, '', 'The id of a function response must be that of its call.');
      });
    }
    if (responses(content).length) {
      demand(
        before && calls(before).length > 0,
        '',
        'Please ensure that function response turn comes immediately after a function call turn.',
      );
    }
  });
  demand(contents.at(-1).role !== 'model', '', 'Please ensure that the conversation ends with a user turn or a function response.');
}

// The first call of a turn brings its signature; the others have none.
function checkSignatures(content, i, rules) {
  if (!rules.signed) return;
  const [first] = calls(content);
  if (first.thoughtSignature !== undefined) return;
  bad(
    '',
    `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. Function call \`${first.functionCall.name}\`, position ${i + 1}.`,
  );
}
