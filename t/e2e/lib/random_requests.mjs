// Requests that OpenAI would take, at random: what a translation must cope with.
import { pdf, png } from './media.mjs';
import { Random } from './random.mjs';

export const random = new Random(20260101);
export const pick = (...list) => random.pick(list);
const oneOf = (...makers) => random.pick(makers)();
const maybe = (probability, make) => random.maybe(probability, make);
const many = (n, make) => random.many(n, make);
const defined = (object) => JSON.parse(JSON.stringify(object)); // without the undefined members

const text = () => pick('Hello', ' ', '', '\n', 'a b ', ' a', 'x\u00a0', '\u3000', '🌍', '"q"', '\\', 'tab\t', 'x\n\n');

const simple = {
  string: () => ({
    type: 'string',
    format: maybe(0.3, () => pick('date', 'email', 'phone', 'regex')),
    maxLength: maybe(0.2, () => 9),
    pattern: maybe(0.2, () => '^a"$'),
  }),
  integer: () => ({ type: 'integer', minimum: maybe(0.2, () => 0), multipleOf: maybe(0.1, () => 2) }),
  null: () => ({ type: 'null' }),
  enum: () => ({ enum: ['a', 1, null] }),
  types: () => ({ type: pick(['string', 'null'], ['object', 'null']) }),
  any: () => ({}),
  ref: () => ({ $ref: pick('#/$defs/D', '#/$defs/E', '#') }),
};

function schema(depth) {
  const deep = {
    array: () => ({ type: 'array', items: maybe(0.9, () => schema(depth + 1)), minItems: maybe(0.2, () => 1) }),
    choice: () => ({ [pick('anyOf', 'oneOf', 'allOf')]: [schema(depth + 1), schema(depth + 1)] }),
    object: () => object(depth + 1),
  };
  const kinds = depth > 3 ? simple : { ...simple, ...deep };
  return { ...random.pick(Object.values(kinds))(), description: maybe(0.2, text) };
}

// Names of members may be words of a schema, too.
function object(depth) {
  const names = ['a', 'b', 'type', 'properties', 'format', 'minimum', '$ref', 'oneOf', 'ü"', ''].filter(
    () => random.next() < 0.3,
  );
  return {
    type: 'object',
    properties: maybe(0.9, () => Object.fromEntries(names.map((name) => [name, schema(depth + 1)]))),
    required: maybe(0.5, () => names.filter(() => random.next() < 0.7)),
    additionalProperties: pick(undefined, false, false, true, {}, { type: 'string' }),
    not: maybe(0.05, () => ({ type: 'string' })),
    patternProperties: maybe(0.03, () => ({ '^a': {} })),
  };
}

const textPart = () => ({ type: 'text', text: text() });
const imagePart = () => ({
  type: 'image_url',
  image_url: { url: pick('https://e.com/a.png', `data:image/png;base64,${png}`), detail: pick(undefined, 'low') },
});
const filePart = () => ({
  type: 'file',
  file: { file_data: `data:application/pdf;base64,${pdf}`, filename: pick('a.pdf', '', ' ', 'ü.pdf') },
});
const part = () => oneOf(textPart, textPart, imagePart, filePart);
const content = (make) => oneOf(text, () => [make(), ...many(3, make)]);

const toolNames = ['f', 'g', 'h-1', 'json_tool_call'];
const argumentTexts = ['{}', '', ' ', '{"a":1}', '{"a":', 'null', '[1]', '"x"', '{"a":"\\u00e9","b":{"a":1}}', '{"a":1,"a":2}'];
let calls = 0;

function call() {
  const id = `${pick('c', 'c:', 'ü ', 'call_')}${calls++}`;
  return { id, type: 'function', function: { name: random.pick(toolNames), arguments: random.pick(argumentTexts) } };
}

const systemMessages = (n) => many(n, () => ({ role: pick('system', 'developer'), content: content(textPart) }));

function conversation(thinking) {
  const messages = [...systemMessages(3), { role: 'user', content: 'Hi' }];
  for (let rounds = random.below(6); rounds > 0; rounds--) {
    messages.push(...systemMessages(2));
    const list = many(4, call);
    messages.push({
      role: 'assistant',
      content: oneOf(
        text,
        text,
        () => [textPart()],
        () => (list.length ? null : 'x'),
      ),
      tool_calls: list.length ? list : undefined,
      refusal: maybe(0.1, () => pick('no', '', null)),
      name: maybe(0.05, () => 'n'),
      reasoning_content: maybe(0.1, () => 'r'),
      thinking_blocks: maybe(0.4, thinking),
    });
    for (const { id } of list) messages.push({ role: 'tool', tool_call_id: id, content: content(textPart) });
    if (!list.length || random.next() < 0.7) messages.push({ role: 'user', content: content(part) });
  }
  if (messages.at(-1).role !== 'tool') messages.push({ role: 'user', content: 'Well?' });
  return messages;
}

function format() {
  const root = { ...object(0), $defs: { D: schema(1), E: schema(1) } };
  return { type: 'json_schema', json_schema: { name: 'n', schema: root, description: maybe(0.3, text) } };
}

// `models`: names to choose from; `thinking`: makes thinking_blocks.
export function randomRequest({ models, thinking }) {
  const names = toolNames.filter(() => random.next() < 0.3);
  const tools = names.map((name) => ({
    type: 'function',
    function: {
      name,
      description: maybe(0.5, text),
      parameters: maybe(0.8, () => ({ type: 'object', properties: { a: { type: 'string' } } })),
    },
  }));
  const withTools = tools.length && {
    tools,
    tool_choice: pick(undefined, 'auto', 'none', 'required', { type: 'function', function: { name: names[0] } }),
    parallel_tool_calls: pick(undefined, true, false),
  };
  return defined({
    model: random.pick(models),
    messages: conversation(thinking),
    ...withTools,
    temperature: maybe(0.3, () => pick(0, 0.5, 1, 2)),
    top_p: maybe(0.3, () => pick(0.1, 0.95, 0.99, 1)),
    stop: maybe(0.3, () => pick('x', ' ', ['a', '\n'], ['\t'])),
    max_tokens: maybe(0.3, () => pick(1, 100, 1024, 1500, 4000)),
    max_completion_tokens: maybe(0.2, () => pick(1, 100, 3000)),
    reasoning_effort: maybe(0.5, () => pick('none', 'minimal', 'low', 'medium', 'high')),
    response_format: maybe(0.5, () =>
      oneOf(
        () => ({ type: 'text' }),
        () => ({ type: 'json_object' }),
        format,
        format,
      ),
    ),
    user: maybe(0.1, () => 'u'),
    seed: maybe(0.1, () => 1),
    service_tier: maybe(0.1, () => pick('auto', 'default', 'flex')),
    stream: maybe(0.2, () => true),
  });
}
