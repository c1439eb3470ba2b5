// Requests of the sizes that the bench names, the same ones in every run.
const words = (
  'the gateway reads what a client says once and sends it on as it came with line breaks and "quotes" and naïve accents ' +
  'so that nobody behind it has to know who answers in the end and what it costs per token or how long the first one took '
).split(' ');

// How many bytes it takes inside a JSON string.
const inString = (text) => Buffer.byteLength(JSON.stringify(text)) - 2;

// Prose with what prose has: a line break now and then, quotes, some accents.
function prose(size, seed = 0) {
  let text = '';
  let bytes = 2;
  for (let i = seed * 7; bytes < size; i += 1 + (i % 3)) {
    const word = words[i % words.length] + (i % 17 === 0 ? '.\n' : ' ');
    text += word;
    bytes += inString(word);
  }
  return text;
}

const property = (i) => ({
  type: 'string',
  description: `What the ${i}. of the values means, and which of them are taken`,
  enum: ['celsius', 'fahrenheit', 'kelvin'],
});

const tool = (i) => ({
  type: 'function',
  function: {
    name: `look_up_number_${i}`,
    description: `Looks up the ${i}. thing that may be asked for. Call it when the user wants to know.`,
    parameters: {
      type: 'object',
      properties: { location: property(1), unit: property(2), days: { type: 'integer', minimum: 1, maximum: 14 } },
      required: ['location', 'unit'],
      additionalProperties: false,
    },
  },
});

// A chat of about `size` bytes in turns of at most `turn` bytes; `orders` for
// the mock stand in the first message.
export function chat(size, { turn = 2048, tools = 0, stream = false, orders = '' } = {}) {
  const body = {
    model: 'MODEL',
    messages: [{ role: 'system', content: `You are a helpful assistant. ${orders}` }],
    max_tokens: 1024,
    temperature: 0.7,
  };
  if (stream) body.stream = true;
  if (tools) body.tools = Array.from({ length: tools }, (_, i) => tool(i));
  for (let i = 0; ; i++) {
    const left = size - Buffer.byteLength(JSON.stringify(body)) - 32;
    if (left < 16) break;
    body.messages.push({ role: i % 2 ? 'assistant' : 'user', content: prose(Math.min(left, turn), i) });
  }
  if (body.messages.at(-1).role === 'assistant') body.messages.at(-1).role = 'user';
  return JSON.stringify(body);
}
