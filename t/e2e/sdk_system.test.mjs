// System and developer messages, wherever they stand in a conversation.
import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropic, forEachKind, serve, userSays } from './lib/upstreams.mjs';

const system = (content) => ({ role: 'system', content });
const developer = (content) => ({ role: 'developer', content });
const user = (content) => ({ role: 'user', content });
const assistant = (content) => ({ role: 'assistant', content });
const part = (text) => ({ type: 'text', text });

const places = [
  { name: 'first', messages: [system('a'), user('b')], system: ['a'], turns: ['user b'] },
  { name: 'several, first', messages: [system('a'), developer('b'), user('c')], system: ['a', 'b'], turns: ['user c'] },
  { name: 'in parts', messages: [system([part('a'), part('b')]), user('c')], system: ['a', 'b'], turns: ['user c'] },
  {
    name: 'in the middle',
    messages: [system('a'), user('b'), assistant('c'), system('d'), user('e')],
    system: ['a', 'd'],
    turns: ['user b', 'assistant c', 'user e'],
    inPlace: { system: ['a'], turns: ['user b', 'assistant c', 'system d', 'user e'] },
  },
  {
    name: 'last',
    messages: [user('a'), developer('b')],
    system: ['b'],
    turns: ['user a'],
    inPlace: { system: [], turns: ['user a', 'system b'] },
  },
  { name: 'blank', messages: [system(' '), user('a')], system: [], turns: ['user a'] },
  { name: 'nowhere', messages: [user('a')], system: [], turns: ['user a'] },
];

const turnsOf = ({ messages }) => messages.map(({ role, content }) => `${role} ${content.map(({ text }) => text).join('+')}`);
const systemOf = (sent) => (sent.system ?? []).map(({ text }) => text);

for (const [model, inPlace] of [
  ['claude-sonnet-4-5', false],
  ['claude-opus-4-8', true],
]) {
  test(`anthropic: ${model}`, async (t) => {
    const { client, mock, say } = await serve(t, anthropic);
    for (const place of places) {
      await t.test(place.name, async () => {
        say({ text: 'Hi' });
        await client.chat.completions.create({ model, messages: place.messages });
        const expected = (inPlace && place.inPlace) || place;
        assert.deepEqual(systemOf(mock.last.json), expected.system);
        assert.deepEqual(turnsOf(mock.last.json), expected.turns);
      });
    }
  });
}

forEachKind(test, 'in any place there is an answer', {}, async (t, { kind, client, model, mock, say }) => {
  for (const place of places) {
    say({ text: 'Hi' });
    const answer = await client.chat.completions.create({ model, messages: place.messages });
    assert.equal(answer.choices[0].message.content, 'Hi');
    if (kind.name === 'openai') assert.deepEqual(mock.last.json.messages, place.messages);
  }
});

test('anthropic: nothing but a system message is nothing to answer', async (t) => {
  const { client, model, mock } = await serve(t, anthropic);
  await assert.rejects(client.chat.completions.create({ model, messages: [system('a')] }), { status: 400, param: 'messages' });
  assert.equal(mock.requests.length, 0);
});

test('anthropic: messages of one role become one turn', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  say({ text: 'Hi' });
  const messages = [...userSays('a'), ...userSays([part('b'), part('c')]), assistant('d'), assistant('e'), ...userSays('f')];
  await client.chat.completions.create({ model, messages });
  assert.deepEqual(turnsOf(mock.last.json), ['user a+b+c', 'assistant d+e', 'user f']);
});
