// `system` and `messages` of POST /v1/messages: what the real one refuses.
import crypto from 'node:crypto';
import { demand, demandArray, demandMembers, demandObject, demandOneOf, demandString, refuse } from './demand.mjs';

// What thinking of this text is signed with.
export function signThinking(text) {
  return Buffer.from(`signed:${crypto.createHash('sha256').update(text).digest('hex')}`).toString('base64');
}

export function redact(text) {
  return Buffer.from(`redacted:${text}`).toString('base64');
}

const id = /^[a-zA-Z0-9_-]+$/;
const name = /^[a-zA-Z0-9_-]{1,128}$/;

// The first bytes of the media that can be sent as base64.
const magic = {
  'image/jpeg': /^\xff\xd8\xff/,
  'image/png': /^\x89PNG\r\n\x1a\n/,
  'image/gif': /^GIF8[79]a/,
  'image/webp': /^RIFF.{4}WEBP/s,
  'application/pdf': /^%PDF-/,
};
const images = Object.keys(magic).filter((type) => type.startsWith('image/'));

export function checkMessages({ system, messages, model }, rules, thinks) {
  if (system !== undefined && typeof system !== 'string') {
    demandArray(system, 'system');
    system.forEach((block, i) => {
      demandOneOf(block?.type, ['text'], `system.${i}.type`);
      checkText(block, `system.${i}`, 'system');
    });
  }
  demandArray(messages, 'messages');
  demand(messages.length > 0, 'messages', 'at least one message is required');
  messages.forEach((message, i) => checkMessage(message, `messages.${i}`, rules));
  demand(messages[0].role === 'user', 'messages', 'first message must use the "user" role');
  const turns = merge(messages);
  checkPairs(turns);
  checkEnd(turns, { model, rules, thinks });
  if (thinks) checkThinkingStart(turns);
}

function checkMessage(message, place, rules) {
  demandObject(message, place);
  demandMembers(message, ['role!', 'content!'], place);
  demandOneOf(message.role, ['user', 'assistant', 'system'], `${place}.role`);
  if (message.role === 'system' && !rules.system) {
    refuse(
      'messages',
      'Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role.',
    );
  }
  if (typeof message.content === 'string') {
    demand(message.content !== '', place, 'all messages must have non-empty content');
    demand(message.content.trim() !== '', 'messages', 'text content blocks must contain non-whitespace text');
    return;
  }
  demandArray(message.content, `${place}.content`);
  demand(message.content.length > 0, place, 'all messages must have non-empty content');
  message.content.forEach((block, i) => checkBlock(block, `${place}.content.${i}`, message.role));
}

const roles = {
  text: ['user', 'assistant', 'system'],
  image: ['user'],
  document: ['user'],
  search_result: ['user'],
  tool_result: ['user'],
  tool_use: ['assistant'],
  thinking: ['assistant'],
  redacted_thinking: ['assistant'],
};

function checkBlock(block, place, role) {
  demandObject(block, place);
  demandOneOf(block.type, Object.keys(roles), `${place}.type`);
  demand(roles[block.type].includes(role), place, `\`${block.type}\` blocks can only be in \`${roles[block.type][0]}\` messages`);
  blocks[block.type](block, place);
}

const blocks = {
  text: (block, place) => checkText(block, place, 'messages'),
  image: checkImage,
  document: checkDocument,
  search_result: () => {},
  tool_use: (block, place) => {
    demandMembers(block, ['type!', 'id!', 'name!', 'input!', 'cache_control', 'caller', 'toolset_name'], `${place}.tool_use`);
    demand(id.test(block.id), `${place}.tool_use.id`, `String should match pattern '${id.source}'`);
    demand(name.test(block.name), `${place}.tool_use.name`, `String should match pattern '${name.source}'`);
    demandObject(block.input, `${place}.tool_use.input`);
  },
  tool_result: checkResult,
  thinking: (block, place) => {
    demand(!('cache_control' in block), `${place}.thinking.cache_control`, 'Extra inputs are not permitted');
    demandMembers(block, ['type!', 'thinking!', 'signature!'], `${place}.thinking`);
    demandString(block.thinking, `${place}.thinking.thinking`);
    demand(block.signature === signThinking(block.thinking), place, 'Invalid `signature` in `thinking` block');
  },
  redacted_thinking: (block, place) => {
    demandMembers(block, ['type!', 'data!'], `${place}.redacted_thinking`);
    const data = Buffer.from(String(block.data), 'base64').toString('utf8');
    demand(data.startsWith('redacted:'), place, 'Invalid `data` in `redacted_thinking` block');
  },
};

function checkText(block, place, list) {
  demandMembers(block, ['type!', 'text!', 'cache_control', 'citations'], `${place}.text`);
  demandString(block.text, `${place}.text.text`);
  demand(block.text !== '', list, 'text content blocks must be non-empty');
  demand(block.text.trim() !== '', list, 'text content blocks must contain non-whitespace text');
}

function checkBase64({ media_type: media, data }, place) {
  demandString(data, `${place}.data`);
  const bytes = Buffer.from(data, 'base64');
  demand(data !== '' && bytes.toString('base64') === data, `${place}.data`, 'Invalid base64 data');
  demand(magic[media].test(bytes.toString('latin1')), place, `the data does not match the provided media type ${media}`);
}

function checkUrl({ url }, place) {
  demandString(url, `${place}.url`);
  demand(/^https?:\/\/[^/\s]+/.test(url), `${place}.url`, 'Only HTTPS URLs are supported.');
}

function checkImage({ source, ...block }, place) {
  demandMembers({ ...block, source }, ['type!', 'source!', 'cache_control'], `${place}.image`);
  const at = `${place}.image.source`;
  demandObject(source, at);
  demandOneOf(source.type, ['base64', 'url', 'file'], `${at}.type`);
  const members = { base64: ['media_type!', 'data!'], url: ['url!'], file: ['file_id!'] };
  demandMembers(source, ['type!', ...members[source.type]], `${at}.${source.type}`);
  if (source.type === 'url') checkUrl(source, `${at}.url`);
  if (source.type !== 'base64') return;
  demandOneOf(source.media_type, images, `${at}.base64.media_type`);
  checkBase64(source, `${at}.base64`);
}

function checkDocument(block, place) {
  demandMembers(block, ['type!', 'source!', 'title', 'context', 'citations', 'cache_control'], `${place}.document`);
  const { source } = block;
  const at = `${place}.document.source`;
  demandObject(source, at);
  demandOneOf(source.type, ['base64', 'text', 'url', 'file', 'content'], `${at}.type`);
  const members = {
    base64: ['media_type!', 'data!'],
    text: ['media_type!', 'data!'],
    url: ['url!'],
    file: ['file_id!'],
    content: ['content!'],
  };
  demandMembers(source, ['type!', ...members[source.type]], `${at}.${source.type}`);
  if (block.title !== undefined) demandString(block.title, `${place}.document.title`);
  if (source.type === 'url') checkUrl(source, `${at}.url`);
  if (source.type === 'text') {
    demandOneOf(source.media_type, ['text/plain'], `${at}.text.media_type`);
    demandString(source.data, `${at}.text.data`);
  }
  if (source.type !== 'base64') return;
  demandOneOf(source.media_type, ['application/pdf'], `${at}.base64.media_type`);
  checkBase64(source, `${at}.base64`);
}

function checkResult(block, place) {
  const at = `${place}.tool_result`;
  demandMembers(block, ['type!', 'tool_use_id!', 'content', 'is_error', 'cache_control'], at);
  demand(id.test(block.tool_use_id), `${at}.tool_use_id`, `String should match pattern '${id.source}'`);
  if (block.is_error !== undefined)
    demand(typeof block.is_error === 'boolean', `${at}.is_error`, 'Input should be a valid boolean');
  if (block.content === undefined || typeof block.content === 'string') return;
  demandArray(block.content, `${at}.content`);
  block.content.forEach((part, i) => {
    demandOneOf(part?.type, ['text', 'image', 'document', 'search_result', 'tool_reference'], `${at}.content.${i}.type`);
    if (part.type !== 'tool_reference') checkBlock(part, `${at}.content.${i}`, 'user');
  });
}

// Consecutive messages of one role are one turn.
function merge(messages) {
  const turns = [];
  for (const { role, content } of messages) {
    const list = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    if (turns.at(-1)?.role === role) {
      turns.at(-1).content.push(...list);
    } else {
      turns.push({ role, content: [...list] });
    }
  }
  return turns;
}

const ofType = (turn, type) => (turn?.content ?? []).filter((block) => block.type === type);

// Every call is answered at the start of the next turn, and nothing else is.
function checkPairs(turns) {
  const seen = new Set();
  turns.forEach((turn, i) => {
    const calls = ofType(turn, 'tool_use').map((block) => block.id);
    for (const call of calls) {
      demand(!seen.has(call), 'messages', '`tool_use` ids must be unique');
      seen.add(call);
    }
    const next = turns[i + 1]?.role === 'user' ? turns[i + 1] : undefined;
    const end = next ? next.content.findIndex((block) => block.type !== 'tool_result') : 0;
    const first = next ? next.content.slice(0, end < 0 ? undefined : end).map((block) => block.tool_use_id) : [];
    const missing = calls.filter((call) => !first.includes(call));
    if (missing.length) {
      const text = `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}.`;
      refuse(
        `messages.${i}`,
        `${text} Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
    }

    const results = ofType(turn, 'tool_result').map((block) => block.tool_use_id);
    const known = turns[i - 1]?.role === 'assistant' ? ofType(turns[i - 1], 'tool_use').map((block) => block.id) : [];
    for (const result of results) {
      if (known.includes(result)) continue;
      const text = `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${result}.`;
      refuse(
        `messages.${i}.content`,
        `${text} Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    const twice = results.find((result, at) => results.indexOf(result) !== at);
    if (twice)
      refuse(
        `messages.${i}.content`,
        `each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${twice}`,
      );
  });
}

// A last turn of the assistant is the beginning of the answer.
function checkEnd(turns, { model, rules, thinks }) {
  const last = turns.at(-1);
  if (last.role !== 'assistant') return;
  demand(
    rules.prefill,
    'messages',
    `${model} does not support assistant message prefill. The conversation must end with a user message.`,
  );
  demand(!thinks, 'messages', 'the final message must not be the assistant when thinking is enabled');
  const { type, text } = last.content.at(-1);
  if (type === 'text') demand(text === text.trimEnd(), 'messages', 'final assistant content cannot end with trailing whitespace');
}

// The turns of the assistant since the user's last words, whose calls are being
// answered, must have kept their thinking.
function checkThinkingStart(turns) {
  for (let i = turns.length - 1; i >= 0; i--) {
    const { role, content } = turns[i];
    if (role === 'user' && content.some((block) => block.type !== 'tool_result')) return;
    if (role !== 'assistant' || !content.some((block) => block.type === 'tool_use')) continue;
    if (content[0].type === 'thinking' || content[0].type === 'redacted_thinking') continue;
    const text = `Expected \`thinking\` or \`redacted_thinking\`, but found \`${content[0].type}\`.`;
    refuse(
      `messages.${i}.content.0.type`,
      `${text} When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block.`,
    );
  }
}
