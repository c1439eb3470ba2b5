// What goes upstream, byte by byte: the client's own request where the formats
// are the same, its strings, numbers and schemas where they are not, and the
// same beginning for the same beginning, so that prompt caches hit.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chat } from './lib/http.mjs';
import { anthropic, forEachKind, openai, serve } from './lib/upstreams.mjs';

// Spacing, escapes, numbers and an order that no serializer would write.
const odd =
  '\r\n{ "messages" :[\n\t{"content":"a\\u0041\\/\\ud83c\\udf0d\\t é\u2028" , "role":"user"}  ],\n' +
  ' "temperature":1.0e-0,"top_p" : 0.10, "metadata":{"b":"1","a":"2"},\t"model":"gpt-4o","seed":12345678901 } \n';

test('openai: the same bytes', async (t) => {
  const { gateway, mock } = await serve(t, openai);
  assert.equal((await chat(gateway, odd)).status, 200);
  assert.equal(mock.last.text, odd);
});

test('openai: all but the name of the model', async (t) => {
  const { gateway, mock } = await serve(t, openai, { models: 'nothing', http: 'llm_model gpt-4o nice { target up/gpt-4.1; }' });
  for (const asked of ['gpt-4o', 'nice', '\\u006eice']) {
    const request = odd.replace('gpt-4o', asked);
    assert.equal((await chat(gateway, request)).status, 200);
    assert.equal(mock.last.text, odd.replace('gpt-4o', 'gpt-4.1'));
  }
});

// [name, what stands in the request, what goes on]
const streams = [
  ['no options', '"stream":true', '"stream":true,"stream_options":{"include_usage":true}'],
  [
    'usage asked for',
    '"stream" : true, "stream_options":{ "include_usage" :true}',
    '"stream" : true, "stream_options":{ "include_usage" :true}',
  ],
  [
    'usage not asked for',
    '"stream":true,"stream_options": {"include_usage": false}',
    '"stream":true,"stream_options": {"include_usage": true}',
  ],
  [
    'other options',
    '"stream":true,"stream_options":{"include_obfuscation":false}',
    '"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}',
  ],
  ['null options', '"stream":true,"stream_options":null', '"stream":true,"stream_options":{"include_usage":true}'],
];

test('openai: a stream is asked for its usage, and nothing else is changed', async (t) => {
  const { gateway, mock } = await serve(t, openai);
  const around = (members) => `{"messages": [{"role":"user","content":"a"}],"model":"gpt-4o",  ${members}}`;
  for (const [name, asked, sent] of streams) {
    await t.test(name, async () => {
      assert.equal((await chat(gateway, around(asked))).status, 200);
      assert.equal(mock.last.text, around(sent));
    });
  }
});

test('openai: the answer, too, in the same bytes', async (t) => {
  const { gateway, mock } = await serve(t, openai);
  const whole =
    '{ "id":"1", "object":"chat.completion","created":1,"model":"m" ,"choices":[{"index":0,"message":{"role":"assistant","content":"\\u0041\\/"},"finish_reason":"stop"}],"odd":1.50 }\n';
  mock.next((request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(whole));
  assert.equal((await chat(gateway, odd)).body, whole);

  const chunk = (delta, finish) =>
    `data: { "id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":${delta},"finish_reason":${finish}}], "odd":1.50}\n\n`;
  const stream = `${chunk('{"role":"assistant","content":"\\u0041\\/"}', 'null')}${chunk('{}', '"stop"')}data: [DONE]\n\n`;
  mock.next((request, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(stream));
  const answer = await chat(gateway, odd.replace('"seed"', '"stream":true,"seed"'));
  assert.equal(answer.body, stream);
});

const schema =
  '{ "type":"object","properties":{"z":{"type":"number","maximum":1.50},"a":{"enum":["\\u00e9","\\/"]}},\n "required":["z"],"$defs":{} }';

test('anthropic: texts, numbers and schemas in their own bytes', async (t) => {
  const { gateway, mock } = await serve(t, anthropic);
  const text = 'a\\u0041\\/\\ud83c\\udf0d\\t é\u2028\\\\';
  const tool = `{"type":"function","function":{"parameters": ${schema},"name":"f","description":"d\\u00e9"}}`;
  const request = `{"model":"claude-sonnet-4-5","temperature":0.50,"max_tokens":1E2,"stop":["\\u0041"],"tools":[${tool}],"messages":[{"role":"system","content":"s\\/"},{"role":"user","content":"${text}"}]}`;
  assert.equal((await chat(gateway, request)).status, 200);
  const sent = mock.last.text;
  for (const part of [
    `"text":"${text}"`,
    '"text":"s\\/"',
    `"input_schema":${schema}`,
    '"description":"d\\u00e9"',
    '"temperature":0.50',
    '"max_tokens":1E2',
    '"stop_sequences":["\\u0041"]',
  ]) {
    assert.ok(sent.includes(part), `${part} in ${sent}`);
  }
});

test('anthropic: one order of members, whatever the order of the client', async (t) => {
  const { gateway, mock } = await serve(t, anthropic);
  const members = {
    model: '"claude-sonnet-4-5"',
    messages: '[{"role":"system","content":"s"},{"role":"user","content":"u"}]',
    tools: `[{"type":"function","function":{"name":"f","parameters":${schema}}}]`,
    max_tokens: '5',
    stop: '"x"',
    temperature: '0.5',
    user: '"me"',
  };
  const bodies = new Set();
  const names = Object.keys(members);
  for (let i = 0; i < names.length; i++) {
    const turned = [...names.slice(i), ...names.slice(0, i)];
    for (const order of [turned, turned.toReversed()]) {
      await chat(gateway, `{${order.map((name) => `"${name}":${members[name]}`).join(',')}}`);
      bodies.add(mock.last.text);
    }
  }
  assert.equal(bodies.size, 1);
  const sent = [...bodies][0];
  const places = ['"tools"', '"system"', '"messages"'].map((name) => sent.indexOf(name));
  assert.ok(
    places.every((place, i) => place > (places[i - 1] ?? 0)),
    'what a cache keeps comes in its order',
  );
});

forEachKind(test, 'a conversation that grows keeps its beginning', {}, async (t, { kind, gateway, model, mock }) => {
  const call = (id) => ({ id, type: 'function', function: { name: 'f', arguments: '{"b": 1.0, "a":2}' } });
  const conversation = [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'One "quoted" \u{1f30d}' },
    { role: 'assistant', content: 'I look.', tool_calls: [call('c1'), call('c2')] },
    { role: 'tool', tool_call_id: 'c1', content: 'r1' },
    { role: 'tool', tool_call_id: 'c2', content: 'r2' },
    { role: 'assistant', content: 'Seen.' },
    { role: 'user', content: [{ type: 'text', text: 'Two' }] },
    { role: 'assistant', content: 'Yes.' },
    { role: 'user', content: 'Three' },
  ];
  const tools = [{ type: 'function', function: { name: 'f', parameters: JSON.parse(schema) } }];
  let before;
  // Each time up to where the client has the word no more.
  for (const length of [2, 5, 7, 9]) {
    const answer = await chat(gateway, { model, tools, temperature: 0.5, messages: conversation.slice(0, length) });
    assert.equal(answer.status, 200, answer.body);
    const { text } = mock.last;
    assert.ok(text.endsWith(']}'), `${kind.name}'s messages come last`);
    if (before) assert.ok(text.startsWith(before), `${before}\nis not how this begins:\n${text}`);
    before = text.slice(0, -']}'.length);
  }
});

forEachKind(
  test,
  'a body in chunks and from a file is the same',
  { location: 'client_body_buffer_size 1k;' },
  async (t, { gateway, model, mock }) => {
    const text = 'x'.repeat(100_000);
    const request = JSON.stringify({ model, messages: [{ role: 'user', content: text }] });
    await chat(gateway, request);
    const { text: first } = mock.last;
    assert.ok(first.includes(text));
    assert.equal((await chat(gateway, request, { 'transfer-encoding': 'chunked' })).status, 200);
    assert.equal(mock.last.text, first);
    assert.equal(mock.last.headers['content-length'], String(Buffer.byteLength(first)));
  },
);

// Bytes that lie in a file, renamed, with a member spliced in, and once more for
// a second target: what the client wrote is the same in all of them.
test('openai: the same bytes from a file, at the second target, too', async (t) => {
  const { gateway, mock } = await serve(t, openai, {
    location: 'client_body_buffer_size 1k;',
    models: 'nothing',
    provider: 'breaker off;',
    http: 'llm_model nice { target up/gpt-4o; fallback up/gpt-4.1; }',
  });
  const long = odd.replace('"metadata":', () => `"user":"${'\\u0041é/'.repeat(40_000)}","metadata":`).replace('gpt-4o', 'nice');
  const streamed = long.replace('"seed"', '"stream" : true,"seed"');
  const spliced = streamed.replace(/\} \n$/, ',"stream_options":{"include_usage":true}} \n');
  for (const [request, sent] of [[long, long], [streamed, spliced]]) {
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const before = mock.requests.length;
      mock.fail(503, 'no');
      const answer = await chat(gateway, request, headers);
      assert.equal(answer.status, 200, answer.body.slice(0, 500));
      assert.equal(answer.headers['x-llm-attempts'], '2');
      const texts = mock.requests.slice(before).map(({ text }) => text);
      assert.deepEqual(texts.map((text) => text.slice(-200)), ['gpt-4o', 'gpt-4.1'].map((name) => sent.replace('"nice"', `"${name}"`).slice(-200)));
      assert.ok(texts[0] === sent.replace('"nice"', '"gpt-4o"'), 'the first target got other bytes');
      assert.ok(texts[1] === sent.replace('"nice"', '"gpt-4.1"'), 'the second target got other bytes');
    }
  }
});
