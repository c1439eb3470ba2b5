// Tools: the model calls, the client answers, the model ends; and how a call
// is asked for. The mocks refuse what their provider would refuse.
import assert from 'node:assert/strict';
import test from 'node:test';
import { collect, forEachKind, userSays } from './lib/upstreams.mjs';

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const weather = { type: 'function', function: { name: 'get_weather', description: 'Says how it is.', parameters } };
const now = { type: 'function', function: { name: 'now' } };
const call = (id, city) => ({ id, name: 'get_weather', input: { city } });
const reply = (id, content) => ({ role: 'tool', tool_call_id: id, content });

// What of a request is said in different words, in one form.
const seen = {
  openai: ({ tools, tool_choice: choice, parallel_tool_calls: parallel, messages }) => ({
    tools: tools?.map(({ function: { name, description, parameters: schema } }) => ({ name, description, schema })),
    choice: choice?.function ? `tool ${choice.function.name}` : choice,
    one: parallel === false,
    results: messages
      .filter(({ role }) => role === 'tool')
      .map(({ tool_call_id: id, content }) => ({ id, text: typeof content === 'string' ? content : content[0].text })),
    arguments: messages.flatMap(({ tool_calls: list }) => (list ?? []).map((c) => JSON.parse(c.function.arguments))),
  }),
  anthropic: ({ tools, tool_choice: choice, messages }) => ({
    tools: tools?.map(({ name, description, input_schema: schema }) => ({ name, description, schema })),
    choice: { any: 'required', tool: `tool ${choice?.name}` }[choice?.type] ?? choice?.type,
    one: choice?.disable_parallel_tool_use === true,
    results: messages
      .flatMap(({ content }) => content.filter(({ type }) => type === 'tool_result'))
      .map(({ tool_use_id: id, content: [{ text }] }) => ({ id, text })),
    arguments: messages.flatMap(({ content }) => content.filter(({ type }) => type === 'tool_use').map(({ input }) => input)),
  }),
};

const ways = {
  whole: (client, request) => client.chat.completions.create(request),
  streamed: (client, request) => client.chat.completions.stream(request).finalChatCompletion(),
};

for (const [way, ask] of Object.entries(ways)) {
  forEachKind(test, `a loop with parallel calls, ${way}`, {}, async (t, { kind, client, model, mock, say }) => {
    const messages = userSays('How is it in Köln and in Rome?');
    const request = { model, messages, tools: [weather, now] };
    say({ text: 'I look.', calls: [call('call_1', 'Köln'), call('call_2', 'Rome "old"')] });
    const first = await ask(client, request);
    const [{ message, finish_reason: finish }] = first.choices;
    assert.equal(finish, 'tool_calls');
    assert.equal(message.content, 'I look.');
    assert.deepEqual(
      message.tool_calls.map(({ id, type, function: { name, arguments: args } }) => [id, type, name, JSON.parse(args)]),
      [
        ['call_1', 'function', 'get_weather', { city: 'Köln' }],
        ['call_2', 'function', 'get_weather', { city: 'Rome "old"' }],
      ],
    );

    messages.push(message, reply('call_1', 'rain'), reply('call_2', 'sun'));
    say({ text: 'Rain and sun.' });
    const last = await ask(client, request);
    assert.equal(last.choices[0].message.content, 'Rain and sun.');
    assert.equal(last.choices[0].finish_reason, 'stop');
    const { results, arguments: args } = seen[kind.name](mock.last.json);
    assert.deepEqual(results, [
      { id: 'call_1', text: 'rain' },
      { id: 'call_2', text: 'sun' },
    ]);
    assert.deepEqual(args, [{ city: 'Köln' }, { city: 'Rome "old"' }]);
  });

  forEachKind(test, `a tool without arguments, ${way}`, {}, async (t, { kind, client, model, mock, say }) => {
    const messages = userSays('When?');
    say({ calls: [{ id: 'call_1', name: 'now', input: {} }] });
    const { choices } = await ask(client, { model, messages, tools: [now] });
    const [called] = choices[0].message.tool_calls;
    assert.equal(called.function.arguments, '{}');
    assert.equal(choices[0].message.content || null, null);

    // Models and clients also write no arguments at all.
    for (const args of ['{}', '']) {
      messages.length = 1;
      messages.push(
        { role: 'assistant', content: null, tool_calls: [{ ...called, function: { name: 'now', arguments: args } }] },
        reply('call_1', 'noon'),
      );
      say({ text: 'At noon.' });
      await ask(client, { model, messages, tools: [now] });
      if (kind.name === 'anthropic') assert.deepEqual(seen.anthropic(mock.last.json).arguments, [{}]);
    }
  });
}

forEachKind(test, 'results in several forms', {}, async (t, { kind, client, model, mock, say }) => {
  const tool_calls = ['call_1', 'call_2', 'call_3'].map((id) => ({
    id,
    type: 'function',
    function: { name: 'now', arguments: '{}' },
  }));
  const messages = [
    ...userSays('When?'),
    { role: 'assistant', tool_calls },
    reply('call_3', [{ type: 'text', text: 'three' }]),
    reply('call_1', 'one'),
    reply('call_2', [
      { type: 'text', text: 'two' },
      { type: 'text', text: 'more' },
    ]),
    ...userSays('Well?'),
  ];
  say({ text: 'Now.' });
  await client.chat.completions.create({ model, messages, tools: [now] });
  assert.deepEqual(seen[kind.name](mock.last.json).results, [
    { id: 'call_3', text: 'three' },
    { id: 'call_1', text: 'one' },
    { id: 'call_2', text: 'two' },
  ]);
});

forEachKind(test, 'many rounds', {}, async (t, { client, model, mock, say }) => {
  const messages = userSays('Count.');
  for (let i = 0; i < 10; i++) {
    say({ calls: [call(`call_${i}`, `c${i}`)] });
    const { choices } = await client.chat.completions.create({ model, messages, tools: [weather] });
    messages.push(choices[0].message, reply(`call_${i}`, `r${i}`));
  }
  say({ text: 'Ten.' });
  const { choices } = await client.chat.completions.create({ model, messages, tools: [weather] });
  assert.equal(choices[0].message.content, 'Ten.');
  assert.equal(mock.requests.length, 11);
});

const choices = [
  { name: 'left open', request: {}, choice: undefined, one: false },
  { name: 'auto', request: { tool_choice: 'auto' }, choice: 'auto', one: false },
  { name: 'none', request: { tool_choice: 'none' }, choice: 'none', one: false },
  { name: 'required', request: { tool_choice: 'required' }, choice: 'required', one: false },
  {
    name: 'a named one',
    request: { tool_choice: { type: 'function', function: { name: 'get_weather' } } },
    choice: 'tool get_weather',
    one: false,
  },
  {
    name: 'required, one at a time',
    request: { tool_choice: 'required', parallel_tool_calls: false },
    choice: 'required',
    one: true,
  },
  { name: 'several at a time', request: { parallel_tool_calls: true }, choice: undefined, one: false },
];

forEachKind(test, 'choice of tools', {}, async (t, { kind, client, model, mock, say }) => {
  for (const { name, request, choice, one } of choices) {
    await t.test(name, async () => {
      say({ calls: choice === 'none' ? undefined : [call('call_1', 'Köln')], text: choice === 'none' ? 'No.' : undefined });
      const answer = await client.chat.completions.create({ model, messages: userSays('Hi'), tools: [weather], ...request });
      assert.equal(answer.choices[0].finish_reason, choice === 'none' ? 'stop' : 'tool_calls');
      const asked = seen[kind.name](mock.last.json);
      assert.deepEqual(asked.tools, [{ name: 'get_weather', description: 'Says how it is.', schema: parameters }]);
      assert.deepEqual([asked.choice, asked.one], [choice, one]);
    });
  }

  await t.test('one at a time', async () => {
    say({ calls: [call('call_1', 'Köln')] });
    await client.chat.completions.create({ model, messages: userSays('Hi'), tools: [weather], parallel_tool_calls: false });
    assert.equal(seen[kind.name](mock.last.json).one, true);
  });
});

// Ids of one provider live on in a conversation that another one goes on with.
forEachKind(test, 'foreign ids', {}, async (t, { kind, client, model, mock, say }) => {
  const ids = ['chatcmpl-tool-1:2', 'chatcmpl-tool-1;2', 'functions.now:0', 'ü'];
  const tool_calls = ids.map((id) => ({ id, type: 'function', function: { name: 'now', arguments: '{}' } }));
  const messages = [
    ...userSays('When?'),
    { role: 'assistant', content: null, tool_calls },
    ...ids.map((id) => reply(id, `of ${id}`)),
  ];
  say({ text: 'Now.' });
  await client.chat.completions.create({ model, messages, tools: [now] });
  const { results } = seen[kind.name](mock.last.json);
  assert.deepEqual(
    results.map(({ text }) => text),
    ids.map((id) => `of ${id}`),
  );
  assert.equal(new Set(results.map(({ id }) => id)).size, ids.length);
});

forEachKind(test, 'calls in chunks', {}, async (t, { client, model, say }) => {
  say({ calls: [call('call_1', 'Köln'), call('call_2', 'Rome')], size: 4 });
  const request = { model, messages: userSays('Hi'), tools: [weather], stream: true };
  const chunks = await collect(await client.chat.completions.create(request));
  const deltas = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
  const heads = deltas.filter(({ id }) => id);
  assert.deepEqual(
    heads.map(({ index, id, type, function: { name } }) => [index, id, type, name]),
    [
      [0, 'call_1', 'function', 'get_weather'],
      [1, 'call_2', 'function', 'get_weather'],
    ],
  );
  const args = [0, 1].map((at) => deltas.filter(({ index }) => index === at).map((one) => one.function.arguments));
  assert.deepEqual(
    args.map((list) => list.join('')),
    ['{"city":"Köln"}', '{"city":"Rome"}'],
  );
  assert.ok(
    args.every((list) => list.length > 3),
    'not kept back until they are whole',
  );
});
