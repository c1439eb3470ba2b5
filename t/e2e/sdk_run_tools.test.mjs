// The SDK's runTools() helper runs the whole loop by itself.
import assert from 'node:assert/strict';
import test from 'node:test';
import { forEachKind, userSays } from './lib/upstreams.mjs';

const tool = (name, run, properties = {}) => ({
  type: 'function',
  function: { name, description: name, parameters: { type: 'object', properties }, parse: JSON.parse, function: run },
});

for (const stream of [false, true]) {
  const way = stream ? 'streamed' : 'whole';

  forEachKind(test, `a loop of three rounds, ${way}`, {}, async (t, { client, model, mock, say }) => {
    const ran = [];
    const tools = [
      tool('find', ({ name }) => (ran.push(`find ${name}`), { id: 7 }), { name: { type: 'string' } }),
      tool('read', async ({ id }) => (ran.push(`read ${id}`), `text of ${id} "🌍"`), { id: { type: 'integer' } }),
    ];
    say(
      {
        calls: [
          { id: 'call_1', name: 'find', input: { name: 'Köln' } },
          { id: 'call_2', name: 'find', input: { name: 'Rome' } },
        ],
      },
      { text: 'I read.', calls: [{ id: 'call_3', name: 'read', input: { id: 7 } }] },
      { text: 'Done.' },
    );
    const runner = client.chat.completions.runTools({ model, messages: userSays('Go.'), tools, stream });
    assert.equal(await runner.finalContent(), 'Done.');
    assert.deepEqual(ran, ['find Köln', 'find Rome', 'read 7']);
    assert.deepEqual(
      runner.messages.map(({ role }) => role),
      ['user', 'assistant', 'tool', 'tool', 'assistant', 'tool', 'assistant'],
    );
    assert.equal(mock.requests.length, 3);
    assert.match(mock.last.text, /text of 7 \\"🌍\\"/);
  });

  forEachKind(test, `a tool that fails, ${way}`, {}, async (t, { client, model, mock, say }) => {
    const tools = [
      tool('find', () => {
        throw new Error('not found');
      }),
    ];
    say({ calls: [{ id: 'call_1', name: 'find', input: {} }] });
    const runner = client.chat.completions.runTools({ model, messages: userSays('Go.'), tools, stream });
    await assert.rejects(runner.finalContent(), /not found/);
    assert.equal(mock.requests.length, 1);
  });

  forEachKind(test, `a tool that is not there, ${way}`, {}, async (t, { client, model, mock, say }) => {
    say({ calls: [{ id: 'call_1', name: 'other', input: {} }] }, { text: 'I see.' });
    const runner = client.chat.completions.runTools({ model, messages: userSays('Go.'), tools: [tool('find', () => 1)], stream });
    assert.equal(await runner.finalContent(), 'I see.');
    assert.match(mock.last.text, /Invalid tool_call/);
  });
}
