// Bodies that are no request: told where they are wrong, never sent on, and
// without harm to the connection or to whoever comes next.
import assert from 'node:assert/strict';
import test from 'node:test';
import { answer, chunk, RawProvider } from '../mock/raw.mjs';
import { FORMATS, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, Http2, post, Wire, within } from './lib/wire.mjs';

async function start(t, location = '') {
  const up = await RawProvider.start(t, (x) => answer(x, 'Hi'));
  const clear2 = await freePort();
  const gateway = await Gateway.start(t, {
    location,
    server: `listen 127.0.0.1:${clear2} http2;`,
    http: `
      ${FORMATS.map((f) => provider(f, f, `http://127.0.0.1:${up.port}/v1`)).join('\n')}
      ${FORMATS.map((f) => `llm_model ${f} { target ${f}; }`).join('\n')}`,
  });
  return { gateway, up, clear2 };
}

// MODEL stands for a name that has a target.
const around = (members, messages = '[{"role":"user","content":"x"}]') => `{"model":"MODEL","messages":${messages},${members}}`;
const user = (content) => `{"model":"MODEL","messages":[{"role":"user","content":${content}}]}`;
const bytes = (before, broken, after) => Buffer.concat([Buffer.from(before), Buffer.from(broken), Buffer.from(after)]);
const good = user('"x"');
const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
const tool = (i) => `{"type":"function","function":{"name":"f${i}"}}`;
const tools = (n) => `"tools":[${Array.from({ length: n }, (_, i) => tool(i)).join(',')}]`;

// [name, body, param, code, status]
const rows = [
  // Texts that are no JSON.
  ['a word', 'hello', null, null],
  ['a blank', ' ', null, null],
  ['a form', 'model=m&messages=x', null, null],
  ['cut off in a string', good.slice(0, -5), 'messages[0].content', null],
  ['cut off before the end', good.slice(0, -1), null, null],
  ['something behind it', `${good}x`, null, null],
  ['two of them', good + good, null, null],
  ['a comma too many', `${good.slice(0, -1)},}`, null, null],
  ['a byte order mark', `\ufeff${good}`, null, null],
  ['UTF-16', Buffer.from(good, 'utf16le'), null, null],
  ['a NUL behind it', `${good}\0`, null, null],
  ['a comment', `/* hello */${good}`, null, null],
  ['NaN', around('"temperature":NaN'), 'temperature', null],
  ['single quotes', good.replaceAll('"', "'"), null, null],
  ['a line end in a string', user('"a\nb"'), 'messages[0].content', null],
  ['a NUL in a string', user('"a\0b"'), 'messages[0].content', null],
  ['an unknown escape', user(String.raw`"a\x41"`), 'messages[0].content', null],
  ['half an escape', user(String.raw`"a\u00"`), 'messages[0].content', null],
  // Compressed by the client: not what the content type says.
  ['gzip', bytes('', [0x1f, 0x8b, 8, 0, 0, 0, 0, 0], ''), null, null],
  ['not an object', '[1]', null, null],
  ['null', 'null', null, null],
  ['a text', '"MODEL"', null, null],

  // Invalid UTF-8.
  ['Latin-1 in a prompt', bytes('{"model":"MODEL","messages":[{"role":"user","content":"caf', [0xe9], '"}]}'), 'messages[0].content', null],
  ['half a character', bytes('{"model":"MODEL","messages":[{"role":"user","content":"', [0xe2, 0x82], '"}]}'), 'messages[0].content', null],
  ['a surrogate as bytes', bytes('{"model":"MODEL","messages":[{"role":"user","content":"', [0xed, 0xa0, 0x80], '"}]}'), 'messages[0].content', null],
  ['invalid bytes in a field nobody reads', bytes('{"model":"MODEL","messages":[{"role":"user","content":"x"}],"extra":{"a":["', [0xff], '"]}}'), 'extra.a[0]', null],

  // Duplicate keys: two readers could read two requests.
  ['two models', around('"model":"other"'), 'model', null],
  ['two models, one of them escaped', around(String.raw`"\u006dodel":"other"`), String.raw`\u006dodel`, null],
  ['two contents', '{"model":"MODEL","messages":[{"role":"user","content":"x","content":"y"}]}', 'messages[0].content', null],
  ['two of a kind deep in a schema', around('"tools":[{"type":"function","function":{"name":"f","parameters":{"a":{"b":1,"b":2}}}}]'), 'tools[0].function.parameters.a.b', null],

  // Missing, of another type, of another value.
  ['nothing in it', '{}', 'model', 'missing_required_parameter'],
  ['no model', '{"messages":[{"role":"user","content":"x"}]}', 'model', 'missing_required_parameter'],
  ['no messages', '{"model":"MODEL"}', 'messages', 'missing_required_parameter'],
  ['a number for the model', good.replace('"MODEL"', '4'), 'model', 'invalid_type'],
  ['a model with a line end', good.replace('MODEL', String.raw`m\r\nx-evil: 1`), 'model', 'invalid_value'],
  ['a text for the messages', around('"a":1', '"hi"'), 'messages', 'invalid_type'],
  ['no message', around('"a":1', '[]'), 'messages', 'empty_array'],
  ['a message that is none', around('"a":1', '[{"role":"user","content":"x"},7]'), 'messages[1]', 'invalid_type'],
  ['a message without a role', around('"a":1', '[{"content":"x"}]'), 'messages[0].role', 'missing_required_parameter'],
  ['an unknown role', around('"a":1', '[{"role":"robot","content":"x"}]'), 'messages[0].role', 'invalid_value'],
  ['a number for a content', user('7'), 'messages[0].content', 'invalid_type'],
  ['a part that is none', user('["x"]'), 'messages[0].content[0]', 'invalid_type'],
  ['a text for stream', around('"stream":"yes"'), 'stream', 'invalid_type'],
  ['a text for stream_options', around('"stream":true,"stream_options":"usage"'), 'stream_options', 'invalid_type'],
  ['a text for temperature', around('"temperature":"hot"'), 'temperature', 'invalid_type'],
  ['an object for tools', around('"tools":{}'), 'tools', 'invalid_type'],
  ['a call without an id', around('"a":1', '[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]}]'), 'messages[1].tool_calls[0].id', 'missing_required_parameter'],

  // Too much of it.
  ['too deep', around(`"a":${nested(128)}`), null, null],
  ['far too deep', '['.repeat(100000), null, null],
  ['too deep in a schema', around(`"tools":[{"type":"function","function":{"name":"f","parameters":{"a":${nested(130)}}}}]`), null, null],
  ['too many tools', around(tools(513)), 'tools', 'array_above_max_length'],
  ['too many values', around(`"a":[${'1,'.repeat(1100000)}1]`), /^a\[104\d{4}\]$/, 'request_too_large', 413],
];

const inMemory = 'client_body_buffer_size 8m;';
const inFile = 'client_body_in_file_only clean;';

function assertRefused(response, [name, , param, code, status = 400]) {
  assert.equal(response.status, status, `${name}: ${response.body}`);
  assert.equal(response.headers['content-type'], 'application/json');
  const body = JSON.parse(response.body);
  assert.deepEqual(Object.keys(body), ['error']);
  assert.deepEqual(Object.keys(body.error), ['message', 'type', 'param', 'code']);
  assert.equal(body.error.type, 'invalid_request_error');
  assert.equal(body.error.code, code, name);
  if (name.includes('too deep')) assert.match(body.error.message, /deep/);
  else if (param instanceof RegExp) assert.match(body.error.param, param);
  else assert.equal(body.error.param, param, name);
  // To whoever sees only the message, it says so, too.
  assert.ok(body.error.message.includes(code && status === 400 ? param : 'request'), body.error.message);
}

for (const [place, location] of [['in memory', inMemory], ['in a file', inFile]]) {
  test(`bodies that are no request, ${place}`, async (t) => {
    const { gateway, up, clear2 } = await start(t, location);
    const wire = await Wire.connect(t, gateway.port);
    const client = await Http2.connect(t, clear2);
    for (const row of rows) {
      for (const format of FORMATS) {
        const text = Buffer.from(row[1].toString('latin1').replaceAll('MODEL', format), 'latin1');
        const body = Buffer.isBuffer(row[1]) ? text : Buffer.from(row[1].replaceAll('MODEL', format));
        await t.test(`${row[0]}, ${format}`, async () => {
          // On one connection, so that a byte too many or too few would be seen.
          await wire.send(post('', { 'content-length': body.length }));
          await wire.send(body);
          assertRefused(await wire.response(), row);

          const call = client.request(body);
          const head = await within(call.head, 'the head');
          const { text: said } = await within(call.done, 'the end');
          assertRefused({ status: head[':status'], headers: head, body: said }, row);
        });
      }
    }
    assert.equal(up.exchanges.length, 0, 'something was sent on');
    await wire.send(post(chatBody('openai')));
    assert.equal((await wire.response()).status, 200);
    assert.doesNotMatch(gateway.errorLog(), /exited|signal 11/);
  });
}

test('what is still a request', async (t) => {
  const { gateway, up } = await start(t, inMemory);
  const wire = await Wire.connect(t, gateway.port);
  const bodies = {
    'blanks around it': ` \r\n\t${good}\n `,
    'as deep as it may be': around(`"tools":[{"type":"function","function":{"name":"f","parameters":{"a":${nested(100)}}}}]`),
    'as many tools as there may be': around(tools(512)),
    'escapes wherever they may stand': String.raw`{"\u006dodel":"MODEL","messages":[{"role":"\u0075ser","content":"\ud83d\ude00\/"}]}`,
    'null for what may be left out': around('"temperature":null,"stream":null,"stream_options":null,"tools":null,"stop":null'),
  };
  for (const [name, body] of Object.entries(bodies)) {
    for (const format of FORMATS) {
      await t.test(`${name}, ${format}`, async () => {
        await wire.send(post(body.replaceAll('MODEL', format)));
        const response = await wire.response();
        assert.equal(response.status, 200, response.body);
      });
    }
  }
  assert.equal(up.exchanges.length, 2 * Object.keys(bodies).length);
});

test('llm_max_depth is the operator\'s', async (t) => {
  const { gateway, up } = await start(t, 'llm_max_depth 4;');
  const wire = await Wire.connect(t, gateway.port);
  for (const [body, status] of [[user('[{"type":"text","text":"x"}]').replace('MODEL', 'openai'), 400], [good.replace('MODEL', 'openai'), 200]]) {
    await wire.send(post(body));
    const response = await wire.response();
    assert.equal(response.status, status, response.body);
    if (status === 400) assert.equal(JSON.parse(response.body).error.param, 'messages[0].content[0]');
  }
  assert.equal(up.exchanges.length, 1);
});

// nginx itself finds these wrong, while it reads the body.
const framings = {
  'a chunk size that is none': 'zz\r\nhello\r\n0\r\n\r\n',
  'a chunk size beyond all bounds': 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n',
  'a chunk that is longer than it says': `${chunk('{"model":').replace(/^9/, '3')}0\r\n\r\n`,
};
for (const [name, text] of Object.entries(framings)) {
  test(`a body in bad chunks: ${name}`, async (t) => {
    const { gateway, up } = await start(t);
    for (const late of [false, true]) {
      const wire = await Wire.connect(t, gateway.port);
      const head = post('', { 'content-length': null, 'transfer-encoding': 'chunked', ...(late && { expect: '100-continue' }) });
      await wire.send(late ? head : head + text);
      if (late) {
        // Only now there is something wrong to be read.
        assert.equal((await wire.response()).status, 100);
        await wire.send(text);
      }
      const response = await wire.response();
      assert.equal(response.status, 400, response.body);
      assert.equal(JSON.parse(response.body).error.type, 'invalid_request_error');
      await within(wire.closed, 'the end of the connection');
    }
    assert.equal(up.exchanges.length, 0);
  });
}
