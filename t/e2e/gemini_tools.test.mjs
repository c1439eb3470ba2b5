// Tools of Gemini: the loop with signatures that must come back, and how a call
// is asked for. The mock refuses a signature that is lost or out of place.
import assert from 'node:assert/strict';
import test from 'node:test';
import { collect, gemini, serve, userSays } from './lib/upstreams.mjs';

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = { type: 'function', function: { name: 'get_weather', description: 'Says how it is.', parameters } };
const now = { type: 'function', function: { name: 'now' } };
const call = (city) => ({ name: 'get_weather', input: { city } });
const reply = (id, content) => ({ role: 'tool', tool_call_id: id, content });

const ways = {
  whole: (client, request) => client.chat.completions.create(request),
  streamed: (client, request) => client.chat.completions.stream(request).finalChatCompletion(),
};

for (const [way, ask] of Object.entries(ways)) {
  for (const model of ['gemini-2.0-flash', 'gemini-2.5-flash', 'gemini-3-pro-preview']) {
    test(`a loop with parallel calls of ${model}, ${way}`, async (t) => {
      const { client, mock, say } = await serve(t, gemini);
      const messages = userSays('How is it in Köln and in Rome?');
      const request = { model, messages, tools: [weather, now] };
      say({ text: 'I look.', calls: [call('Köln'), call('Rome "old"'), { name: 'now', input: {} }] });
      const first = await ask(client, request);
      const [{ message, finish_reason: finish }] = first.choices;
      assert.equal(finish, 'tool_calls');
      assert.equal(message.content, 'I look.');
      const calls = message.tool_calls;
      assert.deepEqual(
        calls.map(({ type, function: { name, arguments: args } }) => [type, name, args]),
        [
          ['function', 'get_weather', '{"city":"Köln"}'],
          ['function', 'get_weather', '{"city":"Rome \\"old\\""}'],
          ['function', 'now', '{}'],
        ],
      );
      assert.equal(new Set(calls.map(({ id }) => id)).size, 3, 'ids are made and differ');
      const signed = calls.map((one) => Boolean(one.extra_content?.google.thought_signature));
      assert.deepEqual(signed, [model.includes('gemini-3'), false, false]);

      // Answers in any order go back in the order of their calls.
      messages.push(message, reply(calls[2].id, 'noon'), reply(calls[0].id, '{"sky":"rain"}'), reply(calls[1].id, 'sun'));
      say({ text: 'Rain and sun.' });
      const last = await ask(client, request);
      assert.equal(last.choices[0].message.content, 'Rain and sun.');
      const { contents } = mock.last.json;
      assert.deepEqual(
        contents[2].parts.map(({ functionResponse: { name, response } }) => [name, response]),
        [
          ['get_weather', { sky: 'rain' }],
          ['get_weather', { output: 'sun' }],
          ['now', { output: 'noon' }],
        ],
      );
    });
  }
}

test('many rounds, and a conversation that began elsewhere', async (t) => {
  const { client, mock, say } = await serve(t, gemini);
  const model = 'gemini-3-flash-preview';
  const messages = [
    ...userSays('Count.'),
    { role: 'assistant', content: null, tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'now', arguments: '{}' } }] },
    reply('toolu_1', 'noon'),
  ];
  for (let i = 0; i < 5; i++) {
    say({ calls: [call(`c${i}`)] });
    const { choices } = await client.chat.completions.create({ model, messages, tools: [weather, now] });
    messages.push(choices[0].message, reply(choices[0].message.tool_calls[0].id, `r${i}`));
  }
  say({ text: 'Five.' });
  const { choices } = await client.chat.completions.create({ model, messages, tools: [weather, now] });
  assert.equal(choices[0].message.content, 'Five.');
  const calls = mock.last.json.contents.flatMap(({ parts }) => parts.filter((part) => part.functionCall));
  assert.equal(calls.length, 6);
  assert.equal(calls[0].thoughtSignature, 'skip_thought_signature_validator');
  assert.ok(calls.slice(1).every(({ thoughtSignature }) => thoughtSignature !== calls[0].thoughtSignature));
});

test('choice of tools', async (t) => {
  const { client, mock, say } = await serve(t, gemini);
  const named = { type: 'function', function: { name: 'get_weather' } };
  const limited = (mode) => ({ type: 'allowed_tools', allowed_tools: { mode, tools: [named] } });
  const rows = [
    [undefined, undefined],
    ['auto', { mode: 'AUTO' }],
    ['none', { mode: 'NONE' }],
    ['required', { mode: 'ANY' }],
    [named, { mode: 'ANY', allowedFunctionNames: ['get_weather'] }],
    [limited('auto'), { mode: 'VALIDATED', allowedFunctionNames: ['get_weather'] }],
    [limited('required'), { mode: 'ANY', allowedFunctionNames: ['get_weather'] }],
  ];
  for (const [choice, config] of rows) {
    say({ text: 'Well.' });
    await client.chat.completions.create({
      model: gemini.model,
      messages: userSays('Hi'),
      tools: [weather, now],
      tool_choice: choice,
    });
    assert.deepEqual(mock.last.json.toolConfig?.functionCallingConfig, config);
    assert.deepEqual(mock.last.json.tools, [
      {
        functionDeclarations: [
          { name: 'get_weather', description: 'Says how it is.', parametersJsonSchema: parameters },
          { name: 'now' },
        ],
      },
    ]);
  }
});

test('calls in chunks', async (t) => {
  const { client, model, say } = await serve(t, gemini);
  say({ calls: [call('Köln'), call('Rome')] });
  const request = { model, messages: userSays('Hi'), tools: [weather], stream: true };
  const chunks = await collect(await client.chat.completions.create(request));
  const deltas = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
  assert.deepEqual(
    deltas.filter(({ id }) => id).map(({ index, function: { name } }) => [index, name]),
    [
      [0, 'get_weather'],
      [1, 'get_weather'],
    ],
  );
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls');
});
