// An event stream may be written in many ways: the client gets the same answer
// from all of them, wherever the network cuts them.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { chunk, LAST_CHUNK, RawProvider, stream, streamHead } from '../mock/raw.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway, KEY } from './lib/gateway.mjs';
import { chat, events, textOf } from './lib/http.mjs';

const TEXT = 'Gr\u00fc\u00dfe \u{1f30d} from a {"data": 1} provider';
const list = (format) => {
  const { opening, content, ending } = stream[format](TEXT.split(/(?<= )/));
  return [...opening, ...content, ...ending];
};
const each = (change) => (format) => list(format).map(change).join('');
const before = (text) => each((event) => text + event);

const writings = {
  'as usual': each((event) => event),
  'CRLF': each((event) => event.replaceAll('\n', '\r\n')),
  'CR': each((event) => event.replaceAll('\n', '\r')),
  'no blank behind the colon': each((event) => event.replaceAll(/^(data|event): /gm, '$1:')),
  'a byte order mark': (format) => `\ufeff${each((event) => event)(format)}`,
  'comments': before(': ping\n\n'),
  'comments that look like events': before(':data: {"broken\n\n'),
  'comments in events': each((event) => `: OPENROUTER PROCESSING\n${event}`),
  'empty lines': before('\n\n\n'),
  'events without data': before('event: ping\n\n'),
  'empty data': before('data:\n\n'),
  'fields nobody knows': each((event) => `id: 1\nretry: 10\nfoo: bar\nbaz\n${event}`),
  'the data before the name': each((event) => event.replace(/^(event: .*\n)(data: .*\n)\n$/, '$2$1\n')),
  'data over several lines': each((event) => event.replace(/^(data: \{)/m, '$1\ndata: ')),
  'pretty JSON': each((event) => event.replace(/^data: (\{.*\})$/m, (_, json) => JSON.stringify(JSON.parse(json), null, 2).split('\n').map((line) => `data: ${line}`).join('\n'))),
  'escapes for all that is not ASCII': each((event) => event.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)),
  'something behind the end': (format) => `${each((event) => event)(format)}: bye\n\ndata: {"nobody": "listens"\n\n`,
  'no empty line at the end': (format) => each((event) => event)(format).trimEnd(),
};

// What a stream ends with differs among look-alikes of OpenAI.
const { opening, content, ending } = stream.openai(TEXT.split(/(?<= )/));
const [finish, usage, done] = ending;
const withUsage = (event, more) => event.replace('"choices"', `"usage":${more},"choices"`);
const counts = JSON.stringify(JSON.parse(usage.slice(6)).usage);
const endings = {
  'no [DONE]': [...opening, ...content, finish, usage],
  'no usage': [...opening, ...content, finish, done],
  'usage beside the finish reason': [...opening, ...content, withUsage(finish, counts), done],
  'usage in each chunk': [...[...opening, ...content, finish].map((event) => withUsage(event, counts)), done],
  'usage before the finish reason': [...opening, ...content, usage, finish, done],
  'null for usage': [...[...opening, ...content, finish].map((event) => withUsage(event, 'null')), usage, done],
  'a finish reason beside the last text': [...opening, ...content.slice(0, -1), content.at(-1).replace('"finish_reason":null', '"finish_reason":"stop"'), usage, done],
  'an empty chunk at the beginning': [usage.replace(/"usage":\{.*?\}/, '"prompt_filter_results":[]'), ...opening, ...content, finish, usage, done],
};

const sizes = [1, 7, 1 << 20];

async function start(t) {
  const up = await RawProvider.start(t, async (x) => {
    const bytes = Buffer.from(x.name === 'writing' ? writings[up.how](x.format) : endings[up.how].join(''));
    await x.write(streamHead());
    for (let i = 0; i < bytes.length; i += up.size) {
      const part = bytes.subarray(i, i + up.size);
      await x.write(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
    }
    await x.write(LAST_CHUNK);
  });
  const gateway = await Gateway.start(t, {
    http: `
      log_format seen '$llm_finish_reason $llm_prompt_tokens $llm_completion_tokens';
      ${FORMATS.map((f) => provider(f, f, `http://127.0.0.1:${up.port}/writing`)).join('\n')}
      ${provider('ending', 'openai', `http://127.0.0.1:${up.port}/ending`)}
      llm_model openai { target openai; } llm_model anthropic { target anthropic; } llm_model ending { target ending; }`,
    server: 'access_log access.log seen;',
  });
  const client = new OpenAI({ apiKey: KEY, baseURL: gateway.url, maxRetries: 0 });
  return { up, gateway, client };
}

async function check(t, { up, gateway, client }, model, how, counted = true) {
  for (const size of sizes) {
    await t.test(`${model}, ${how}, ${size} bytes at a time`, async () => {
      Object.assign(up, { how, size });
      const lines = (await gateway.accessLog(0)).length;
      const body = { model, messages: [{ role: 'user', content: 'x' }], stream: true };
      const { body: text } = await chat(gateway, body);
      // An event of several lines stays one.
      const chunks = events(text.replaceAll(/(?<!\n)\ndata: /g, ' '));
      assert.equal(textOf(chunks), TEXT);
      assert.equal(chunks.at(-1), '[DONE]');
      assert.equal(chunks.filter((c) => c === '[DONE]').length, 1);
      assert.deepEqual(chunks.flatMap((c) => c.choices ?? []).map((c) => c.finish_reason).filter(Boolean), ['stop']);
      assert.ok(chunks.slice(0, -1).every((c) => c.error === undefined));

      const { choices } = await client.chat.completions.stream(body).finalChatCompletion();
      assert.equal(choices[0].message.content, TEXT);
      assert.equal(choices[0].finish_reason, 'stop');
      const seen = (await gateway.accessLog(lines + 2)).slice(lines);
      assert.deepEqual(seen, Array(2).fill(counted ? 'stop 5 7' : 'stop - -'));
    });
  }
}

test('ways to write an event stream', async (t) => {
  const context = await start(t);
  for (const how of Object.keys(writings)) {
    for (const format of FORMATS) await check(t, context, format, how);
  }
});

test('ways to end a stream of chunks', async (t) => {
  const context = await start(t);
  for (const how of Object.keys(endings)) await check(t, context, 'ending', how, how !== 'no usage');
});
