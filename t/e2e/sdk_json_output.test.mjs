// Answers in JSON: by a schema that the upstream knows, by a forced tool where
// it knows none, and by an instruction where there is no schema.
import assert from 'node:assert/strict';
import test from 'node:test';
import { LengthFinishReasonError } from 'openai/core/error';
import { anthropic, collect, forEachKind, openai, serve, userSays } from './lib/upstreams.mjs';
import { textOf } from './lib/http.mjs';

const schema = {
  type: 'object',
  properties: { name: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } } },
  required: ['name', 'tags'],
  additionalProperties: false,
};
const response_format = { type: 'json_schema', json_schema: { name: 'person', description: 'Who it is.', schema, strict: true } };
const person = { name: 'Zoë "Z" 🌍', tags: ['a', 'b'] };
const empty = { type: 'object', properties: {}, required: [], additionalProperties: false };
const weather = { type: 'function', function: { name: 'get_weather', parameters: empty, strict: true } };
const old = 'claude-sonnet-4-0'; // knows no format

forEachKind(test, 'parse() of a format the upstream knows', {}, async (t, { kind, client, model, mock, say }) => {
  say({ text: JSON.stringify(person) });
  const answer = await client.chat.completions.parse({ model, messages: userSays('Who?'), response_format });
  assert.deepEqual(answer.choices[0].message.parsed, person);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  if (kind === openai) assert.deepEqual(mock.last.json.response_format, response_format);
  else assert.deepEqual(mock.last.json.output_config, { format: { type: 'json_schema', schema } });
});

forEachKind(test, 'a stream of a format the upstream knows', {}, async (t, { client, model, say }) => {
  say({ text: JSON.stringify(person), size: 3 });
  const parsed = [];
  const stream = client.chat.completions
    .stream({ model, messages: userSays('Who?'), response_format })
    .on('content.delta', (event) => parsed.push(event.parsed));
  const answer = await stream.finalChatCompletion();
  assert.deepEqual(answer.choices[0].message.parsed, person);
  assert.ok(
    parsed.some((part) => part && !part.tags),
    'it is parsed as it comes',
  );
});

// What is said when the schema's tool is called.
const called = (input, more) => ({ calls: [{ id: 'toolu_1', name: 'json_tool_call', input }, ...(more ?? [])] });

const ways = {
  whole: async (client, request) => (await client.chat.completions.parse(request)).choices[0],
  streamed: async (client, request) => (await client.chat.completions.stream(request).finalChatCompletion()).choices[0],
};

for (const [way, ask] of Object.entries(ways)) {
  test(`anthropic: a tool stands for the format of an old model, ${way}`, async (t) => {
    const { client, mock, say } = await serve(t, anthropic);
    say({ ...called(person), size: 3 });
    const { message, finish_reason: finish } = await ask(client, { model: old, messages: userSays('Who?'), response_format });
    assert.deepEqual(message.parsed, person);
    assert.deepEqual(JSON.parse(message.content), person);
    assert.equal(message.tool_calls?.length ?? 0, 0);
    assert.equal(finish, 'stop');
    const { tools, tool_choice: choice } = mock.last.json;
    assert.deepEqual(choice, { type: 'tool', name: 'json_tool_call', disable_parallel_tool_use: true });
    assert.deepEqual(
      tools.map(({ name, input_schema: input }) => [name, input]),
      [['json_tool_call', schema]],
    );
    assert.match(tools[0].description, /Who it is\./);
  });

  test(`anthropic: beside tools of the client, ${way}`, async (t) => {
    const { client, mock, say } = await serve(t, anthropic);
    const request = { model: old, messages: userSays('Who?'), response_format, tools: [weather] };

    say({ calls: [{ id: 'toolu_1', name: 'get_weather', input: {} }] });
    const first = await ask(client, request);
    assert.equal(first.finish_reason, 'tool_calls');
    assert.equal(first.message.tool_calls[0].function.name, 'get_weather');
    assert.deepEqual(mock.last.json.tool_choice, { type: 'any' });

    say(called(person));
    const last = await ask(client, request);
    assert.equal(last.finish_reason, 'stop');
    assert.deepEqual(last.message.parsed, person);
  });
}

test('anthropic: cut short, the SDK says so and does not parse', async (t) => {
  const { client, say } = await serve(t, anthropic);
  for (const model of [anthropic.model, old]) {
    say(model === old ? { ...called({ name: 'Z' }), finish: 'length' } : { text: '{"name":"Z', finish: 'length' });
    const answer = client.chat.completions.parse({ model, messages: userSays('Who?'), response_format });
    await assert.rejects(answer, LengthFinishReasonError);
  }
});

test('anthropic: a schema in words it does not know becomes one it knows', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  const wide = {
    type: 'object',
    properties: {
      age: { type: 'integer', minimum: 0, description: 'In years.' },
      mail: { type: 'string', format: 'phone' },
      one: { oneOf: [{ type: 'string', maxLength: 5 }, { type: 'null' }] },
      inner: { type: 'object', properties: { a: { type: 'array', items: { type: 'string' }, minItems: 2 } } },
    },
  };
  say({ text: '{}' });
  const format = { type: 'json_schema', json_schema: { name: 'x', schema: wide } };
  await client.chat.completions.create({ model, messages: userSays('Who?'), response_format: format });
  const { schema: sent } = mock.last.json.output_config.format;
  assert.deepEqual(Object.keys(sent.properties), Object.keys(wide.properties), 'in their order');
  assert.match(sent.properties.age.description, /In years\..*minimum: 0/);
  assert.ok(sent.properties.one.anyOf);
  assert.equal(sent.properties.inner.additionalProperties, false);
});

test('anthropic: a map has no closed form, so a tool stands for it', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  const map = { type: 'object', additionalProperties: { type: 'integer' } };
  const format = { type: 'json_schema', json_schema: { name: 'counts', schema: map } };
  say(called({ a: 1, b: 2 }));
  const answer = await client.chat.completions.parse({ model, messages: userSays('Count.'), response_format: format });
  assert.deepEqual(answer.choices[0].message.parsed, { a: 1, b: 2 });
  assert.deepEqual(mock.last.json.tools[0].input_schema, map);
});

forEachKind(test, 'json_object', {}, async (t, { kind, client, model, mock, say }) => {
  for (const stream of [false, true]) {
    say({ text: '{"a":1}' });
    const request = {
      model,
      messages: [{ role: 'system', content: 'Be brief.' }, ...userSays('Give JSON.')],
      response_format: { type: 'json_object' },
    };
    const answer = await client.chat.completions.create({ ...request, stream });
    assert.equal(stream ? textOf(await collect(answer)) : answer.choices[0].message.content, '{"a":1}');
    const sent = mock.last.json;
    if (kind === openai) assert.deepEqual(sent.response_format, { type: 'json_object' });
    else assert.match(sent.system.map(({ text }) => text).join(' '), /^Be brief\. .*JSON/);
  }
});

forEachKind(test, 'text', {}, async (t, { client, model, say }) => {
  say({ text: 'Hi' });
  const answer = await client.chat.completions.create({ model, messages: userSays('Hi'), response_format: { type: 'text' } });
  assert.equal(answer.choices[0].message.content, 'Hi');
});
