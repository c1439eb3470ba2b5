// Images and files in a prompt, as each kind of upstream wants them.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { pdf, png } from './lib/media.mjs';
import { anthropic, forEachKind, openai, serve, userSays } from './lib/upstreams.mjs';

const text = (words) => ({ type: 'text', text: words });
const image = (url, more) => ({ type: 'image_url', image_url: { url, ...more } });
const file = (members) => ({ type: 'file', file: members });
const dataUrl = (media, data) => `data:${media};base64,${data}`;
const base64 = (media_type, data) => ({ type: 'base64', media_type, data });

// [name, part of the client, block of Anthropic]
const parts = [
  [
    'an image by URL',
    image('https://example.com/a.png?x=1&y=%22'),
    { type: 'image', source: { type: 'url', url: 'https://example.com/a.png?x=1&y=%22' } },
  ],
  ['an image by data URL', image(dataUrl('image/png', png)), { type: 'image', source: base64('image/png', png) }],
  [
    'an image with detail auto',
    image(dataUrl('image/png', png), { detail: 'auto' }),
    { type: 'image', source: base64('image/png', png) },
  ],
  [
    'a PDF',
    file({ filename: 'a.pdf', file_data: dataUrl('application/pdf', pdf) }),
    { type: 'document', source: base64('application/pdf', pdf), title: 'a.pdf' },
  ],
  [
    'a PDF as bare base64',
    file({ filename: 'b.pdf', file_data: pdf }),
    { type: 'document', source: base64('application/pdf', pdf), title: 'b.pdf' },
  ],
  [
    'a text file',
    file({ filename: 'c.txt', file_data: dataUrl('text/plain', Buffer.from('Grüße\n').toString('base64')) }),
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüße\n' }, title: 'c.txt' },
  ],
  ['a file by id', file({ file_id: 'file-123' }), { type: 'document', source: { type: 'file', file_id: 'file-123' } }],
];

forEachKind(test, 'parts of a prompt', {}, async (t, { kind, client, model, mock, say }) => {
  for (const [name, part, block] of parts) {
    await t.test(name, async () => {
      const content = [text('Look:'), part, text('What is it?')];
      say({ text: 'A thing.' });
      const { data, response } = await client.chat.completions.create({ model, messages: userSays(content) }).withResponse();
      assert.equal(data.choices[0].message.content, 'A thing.');
      assert.equal(response.headers.get('x-llm-dropped'), null);
      const expected = kind === openai ? part : block;
      assert.deepEqual(mock.last.json.messages[0].content, [content[0], expected, content[2]]);
    });
  }
});

forEachKind(test, 'an image of some megabytes', {}, async (t, { kind, client, model, mock, say }) => {
  const data = Buffer.concat([Buffer.from(png, 'base64'), Buffer.alloc(3_000_000, 'x')]).toString('base64');
  say({ text: 'Large.' });
  await client.chat.completions.create({ model, messages: userSays([text('Look:'), image(dataUrl('image/png', data))]) });
  const [, part] = mock.last.json.messages[0].content;
  assert.equal(
    kind === openai ? part.image_url.url : dataUrl(part.source.media_type, part.source.data),
    dataUrl('image/png', data),
  );
});

test('anthropic: an image in the result of a tool', async (t) => {
  const { client, model, mock, say } = await serve(t, anthropic);
  const messages = [
    ...userSays('Draw.'),
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'draw', arguments: '{}' } }],
    },
    { role: 'tool', tool_call_id: 'call_1', content: [text('Here:'), image(dataUrl('image/png', png))] },
  ];
  say({ text: 'Nice.' });
  await client.chat.completions.create({ model, messages, tools: [{ type: 'function', function: { name: 'draw' } }] });
  const [{ content }] = mock.last.json.messages.at(-1).content;
  assert.deepEqual(content, [text('Here:'), { type: 'image', source: base64('image/png', png) }]);
});

test('anthropic: detail is advice, and dropped', async (t) => {
  const { client, model, say } = await serve(t, anthropic);
  say({ text: 'Nice.' });
  const messages = userSays([text('Look:'), image('https://example.com/a.png', { detail: 'high' })]);
  const { response } = await client.chat.completions.create({ model, messages }).withResponse();
  assert.equal(response.headers.get('x-llm-dropped'), 'messages.image_url.detail');
});

// [name, part, param]
const refused = [
  ['sound', { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }, 'messages[0].content[1]'],
  ['a data URL that is no base64', image('data:image/png,abc'), 'messages[0].content[1].image_url.url'],
  ['a file of an unknown kind', file({ filename: 'a.doc', file_data: 'AAAA' }), 'messages[0].content[1].file.file_data'],
  ['a file of nothing', file({ filename: 'a.pdf' }), 'messages[0].content[1].file'],
  ['an unknown part', { type: 'hologram', hologram: {} }, 'messages[0].content[1]'],
];

test('anthropic: parts it has no block for', async (t) => {
  const { client, model, mock } = await serve(t, anthropic);
  for (const [name, part, param] of refused) {
    await t.test(name, async () => {
      await assert.rejects(client.chat.completions.create({ model, messages: userSays([text('Look:'), part]) }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.deepEqual([error.param, error.code], [param, 'unsupported_parameter']);
        return true;
      });
    });
  }
  assert.equal(mock.requests.length, 0, 'nothing is sent');
});
