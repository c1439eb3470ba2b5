// A stream that breaks off: what came before is the client's, then the SDK
// throws; nothing says that the answer was complete.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { chat, events, textOf } from './lib/http.mjs';
import { forEachKind, kinds, serve, userSays } from './lib/upstreams.mjs';

// [how it ends, what the error says, of a kind]
const ends = {
  openai: [
    ['error', { type: 'upstream_error', code: 'upstream_error', message: /The server had an error/ }],
    ['cut', { type: 'upstream_error', code: 'stream_interrupted', message: /./ }],
  ],
  anthropic: [
    ['error', { type: 'service_unavailable_error', code: 'overloaded', message: /Overloaded/ }],
    ['cut', { type: 'upstream_error', code: 'stream_interrupted', message: /./ }],
  ],
};

forEachKind(test, 'the SDK throws', {}, async (t, { kind, client, model, say }) => {
  for (const [end, { type, code, message }] of ends[kind.name]) {
    for (const [name, said] of Object.entries({
      'after a text': { text: 'Hello there' },
      'in a call': { text: 'Hello there', calls: [{ id: 'call_1', name: 'f', input: { a: 'b' } }] },
    })) {
      await t.test(`${end} ${name}`, async () => {
        say({ ...said, end });
        let text = '';
        const tools = [{ type: 'function', function: { name: 'f' } }];
        const read = async () => {
          for await (const chunk of await client.chat.completions.create({
            model,
            messages: userSays('Hi'),
            tools,
            stream: true,
          })) {
            text += chunk.choices[0].delta.content ?? '';
          }
        };
        await assert.rejects(read(), (error) => {
          assert.ok(error instanceof OpenAI.APIError, error.constructor.name);
          assert.deepEqual([error.type, error.code], [type, code]);
          assert.match(error.message, message);
          return true;
        });
        assert.equal(text, 'Hello there');
      });

      await t.test(`${end} ${name}, with the helper`, async () => {
        say({ ...said, end });
        const stream = client.chat.completions.stream({
          model,
          messages: userSays('Hi'),
          tools: [{ type: 'function', function: { name: 'f' } }],
        });
        await assert.rejects(stream.finalChatCompletion(), OpenAI.APIError);
      });
    }
  }
});

for (const kind of kinds) {
  test(`${kind.name}: the last chunk, on the wire`, async (t) => {
    const { gateway, model, say } = await serve(t, kind);
    for (const [end] of ends[kind.name]) {
      say({ text: 'Hello there', end });
      const answer = await chat(gateway, {
        model,
        messages: userSays('Hi'),
        stream: true,
        stream_options: { include_usage: true },
      });
      assert.equal(answer.status, 200);
      assert.equal(answer.trailersComplete, true, 'the response itself ends as it should');
      const chunks = events(answer.body);
      assert.equal(textOf(chunks), 'Hello there');
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'error');
      assert.ok(!answer.body.includes('[DONE]'));
      assert.ok(chunks.slice(0, -1).every(({ choices }) => choices[0].finish_reason === null));
    }
  });
}
