// A chat with the SDK, whole and in chunks: every text arrives as it was said,
// in both directions and wherever the upstream cuts it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { textOf } from './lib/http.mjs';
import { collect, forEachKind, openai, serve, userSays } from './lib/upstreams.mjs';

const texts = {
  'plain words': 'Hello there, how are you?',
  'quotes and backslashes': '"a" \\ \\\\ \\n / \\u0041 </script>',
  'control characters': 'tab\tline\nreturn\rbell\u0007end\u001f',
  'two and three bytes': 'Grüße, 中文, עברית',
  'surrogate pairs': '🌍👩‍👩‍👧‍👦🇩🇪',
  'line separators': 'a\u2028b\u2029c\u0085d\ufeffe',
  'what ends an event': 'data: [DONE]\n\ndata: {}\n\n: x',
  'a long text': 'äöü🌍 "quoted" \\ '.repeat(4000),
};

forEachKind(test, 'texts', {}, async (t, { client, model, mock, say }) => {
  for (const [name, text] of Object.entries(texts)) {
    const request = { model, messages: userSays(text) };

    await t.test(`${name}, whole`, async () => {
      say({ text });
      const answer = await client.chat.completions.create(request);
      const [{ index, message, finish_reason: finish }] = answer.choices;
      assert.deepEqual([index, message.role, message.content, message.refusal, finish], [0, 'assistant', text, null, 'stop']);
      assert.equal(message.tool_calls, undefined);
      assert.equal(answer.model, model);
      assert.equal(mock.last.text.includes('"stream"'), false);
    });

    await t.test(`${name}, streamed`, async () => {
      say({ text, size: 7 });
      const chunks = await collect(await client.chat.completions.create({ ...request, stream: true }));
      assert.equal(textOf(chunks), text);
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
      assert.equal(chunks[0].model, model);
      assert.equal(mock.last.json.stream, true);
    });

    await t.test(`${name}, as the upstream hears it`, async () => {
      await client.chat.completions.create(request);
      const [{ role, content }] = mock.last.json.messages;
      assert.equal(role, 'user');
      assert.equal(typeof content === 'string' ? content : content[0].text, text);
    });
  }

  await t.test('surrogate pairs taken apart', async () => {
    const text = 'a🌍b👩‍👩‍👧‍👦';
    say({ text, size: 1, units: true });
    const chunks = await collect(await client.chat.completions.create({ model, messages: userSays('Hi'), stream: true }));
    assert.equal(textOf(chunks), text);
  });
});

forEachKind(test, 'a conversation', {}, async (t, { client, model, mock, say }) => {
  const messages = [];
  for (const [i, word] of ['one', 'two', 'three'].entries()) {
    messages.push({ role: 'user', content: word });
    say({ text: `${word}!` });
    const answer = await client.chat.completions.create({ model, messages });
    messages.push(answer.choices[0].message);
    assert.equal(mock.last.json.messages.length, 2 * i + 1);
  }
  assert.equal(messages.at(-1).content, 'three!');
});

const gzip = { http: 'gzip on; gzip_types application/json text/event-stream; gzip_min_length 0; gzip_proxied any;' };

for (const [name, options] of Object.entries({ 'as they are said': {}, 'as they are said, gzipped by nginx': gzip })) {
  forEachKind(test, `chunks arrive ${name}`, options, async (t, { client, model, say }) => {
    let go;
    const hold = new Promise((done) => (go = done));
    say({ text: 'Hello there', hold });
    const request = client.chat.completions.create({ model, messages: userSays('Hi'), stream: true });
    const { data, response } = await request.withResponse();
    assert.equal(response.headers.get('content-encoding'), options.http ? 'gzip' : null);
    let text = '';
    for await (const chunk of data) {
      text += chunk.choices[0].delta.content ?? '';
      // The upstream goes on only when its words have come out here.
      if (text === 'Hello there') go();
    }
    assert.equal(text, 'Hello there');
  });
}

test('openai: several choices', async (t) => {
  const { client, model, say } = await serve(t, openai);
  const request = { model, messages: userSays('Hi'), n: 3 };
  say({ text: 'Hello' }, { text: 'Hello' });
  const whole = await client.chat.completions.create(request);
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  for (const { choices } of [whole, streamed]) {
    assert.deepEqual(
      choices.map(({ index, message, finish_reason: finish }) => [index, message.content, finish]),
      [0, 1, 2].map((index) => [index, 'Hello', 'stop']),
    );
  }
});

forEachKind(test, 'headers of an answer', {}, async (t, { kind, client, model, say }) => {
  for (const stream of [false, true]) {
    say({ text: 'Hi' });
    const request = client.chat.completions.create(
      { model, messages: userSays('Hi'), stream },
      { headers: { 'x-request-id': 'mine-1' } },
    );
    const { data, response } = await request.withResponse();
    if (stream) await collect(data);
    const header = (name) => response.headers.get(name);
    assert.equal(header('x-request-id'), 'mine-1');
    assert.equal(header('x-llm-provider'), 'up');
    assert.equal(header('x-llm-model'), model);
    assert.equal(header('x-llm-attempts'), '1');
    assert.equal(header('x-llm-dropped'), null);
    assert.match(header('x-llm-upstream-request-id'), /^req_/);
    assert.match(header('content-type'), stream ? /^text\/event-stream/ : /^application\/json$/);
    for (const name of ['openai-version', 'anthropic-organization-id', 'request-id', 'openai-processing-ms']) {
      assert.equal(header(name), null, `${kind.name}'s ${name}`);
    }
  }
});
