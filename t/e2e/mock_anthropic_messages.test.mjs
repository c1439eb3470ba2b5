// The Anthropic mock is strict: messages, their blocks and their order.
import test from 'node:test';
import { ask, assistant, call, holdTo, mark, result, say, text, user } from './lib/anthropic.mjs';
import { pdf, png } from './lib/media.mjs';

const image = (source) => ({ type: 'image', source });
const document = (source, more) => ({ type: 'document', source, ...more });

const groups = {
  'messages and texts': [
    ['no message', { messages: [] }, /^messages: at least one message/],
    ['the assistant first', say(assistant('Hi'), user('Hello')), /^messages: first message must use the "user" role/],
    ['consecutive messages of a role', say(user('a'), user('b'), assistant('c'), assistant('d'), user('e')), undefined],
    ['an unknown role', say({ role: 'tool', content: 'x' }), /^messages\.0\.role:/],
    ['a system message', say(user('a'), { role: 'system', content: 'b' }), /Unexpected role "system"/],
    [
      'a system message where there can be one',
      { model: 'claude-opus-4-8', messages: [user('a'), { role: 'system', content: 'b' }] },
      undefined,
    ],
    ['an unknown member of a message', say({ ...user('a'), name: 'b' }), /^messages\.0\.name: Extra/],
    ['an empty text', say(user('')), /non-empty content/],
    ['a blank text', say(user(' \n')), /non-whitespace text/],
    ['no block', ask(), /^messages\.0: .*non-empty content/],
    ['an empty text block', ask(text('')), /^messages: text content blocks must be non-empty/],
    ['a blank text block', ask(text('\t')), /^messages: text content blocks must contain non-whitespace/],
    ['a block of another format', ask({ type: 'image_url', image_url: { url: 'https://x' } }), /^messages\.0\.content\.0\.type:/],
    ['an unknown member of a block', ask(text('a', { name: 'b' })), /^messages\.0\.content\.0\.text\.name: Extra/],
    ['an empty system block', { system: [text('')] }, /^system: text content blocks must be non-empty/],
    ['a system prompt that is one block', { system: text('a') }, /^system: .*list/],
    [
      'an image in the system prompt',
      { system: [image({ type: 'url', url: 'https://x' })] },
      /^system\.0\.type: Input should be 'text'/,
    ],
    ['a text that is a number', ask(text(1)), /^messages\.0\.content\.0\.text\.text: .*string/],
    ['content that is one block', say(user(text('a'))), /^messages\.0\.content: .*list/],
    ['messages that are one', { messages: user('a') }, /^messages: .*list/],
    ['a system prompt', { system: [text('Be kind.', mark)] }, undefined],
  ],

  'images and documents': [
    ['an image', ask(image({ type: 'base64', media_type: 'image/png', data: png })), undefined],
    [
      'an image of a wrong type',
      ask(image({ type: 'base64', media_type: 'image/jpg', data: png })),
      /media_type: Input should be 'image\/jpeg'/,
    ],
    ['an image that is another', ask(image({ type: 'base64', media_type: 'image/jpeg', data: png })), /does not match/],
    ['an image that is no base64', ask(image({ type: 'base64', media_type: 'image/png', data: 'data:,' })), /Invalid base64/],
    ['an image URL', ask(image({ type: 'url', url: 'https://example.com/a.png' })), undefined],
    ['an image data URL', ask(image({ type: 'url', url: 'data:image/png;base64,AAAA' })), /url: Only HTTPS/],
    ['an image with detail', ask({ ...image({ type: 'url', url: 'https://x' }), detail: 'low' }), /\.image\.detail: Extra/],
    [
      'an image URL with a media type',
      ask(image({ type: 'url', url: 'https://x', media_type: 'image/png' })),
      /\.image\.source\.url\.media_type: Extra/,
    ],
    ['an image from nowhere', ask(image({ type: 'text', data: 'x' })), /\.image\.source\.type:/],
    ['a document from nowhere', ask(document({ type: 'path', path: '/x' })), /\.document\.source\.type:/],
    [
      'a document with a file name',
      ask(document({ type: 'file', file_id: 'x' }, { filename: 'x' })),
      /\.document\.filename: Extra/,
    ],
    [
      'a document of marked text',
      ask(document({ type: 'text', media_type: 'text/html', data: 'x' })),
      /\.text\.media_type: Input should be 'text\/plain'/,
    ],
    [
      'a document without its data',
      ask(document({ type: 'base64', media_type: 'application/pdf' })),
      /\.base64\.data: Field required/,
    ],
    ['a PDF', ask(document({ type: 'base64', media_type: 'application/pdf', data: pdf }, { title: 'a.pdf' })), undefined],
    ['a document of a wrong type', ask(document({ type: 'base64', media_type: 'text/plain', data: pdf })), /application\/pdf/],
    ['a text document', ask(document({ type: 'text', media_type: 'text/plain', data: 'x' })), undefined],
    [
      'an image of the assistant',
      say(user('a'), assistant([image({ type: 'url', url: 'https://x' })])),
      /`image` blocks can only be in `user`/,
    ],
  ],

  'calls and results': [
    [
      'a call and its result',
      say(user('a'), assistant([text('b'), call('t1')]), user([result('t1', { content: 'x' }), text('c')])),
      undefined,
    ],
    [
      'a call without a result',
      say(user('a'), assistant([call('t1')]), user('b')),
      /^messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1\./,
    ],
    ['a call at the end', say(user('a'), assistant([call('t1')])), /without `tool_result` blocks immediately after: t1/],
    [
      'two calls with one result',
      say(user('a'), assistant([call('t1'), call('t2')]), user([result('t1')])),
      /immediately after: t2\./,
    ],
    [
      'a result after a text',
      say(user('a'), assistant([call('t1')]), user([text('b'), result('t1')])),
      /immediately after: t1\./,
    ],
    [
      'a result later',
      say(user('a'), assistant([call('t1')]), user('b'), assistant('c'), user([result('t1')])),
      /immediately after: t1\./,
    ],
    [
      'results in two messages of a role',
      say(user('a'), assistant([call('t1'), call('t2')]), user([result('t1')]), user([result('t2')])),
      undefined,
    ],
    [
      'a result without a call',
      say(user('a'), assistant('b'), user([result('t9')])),
      /^messages\.2\.content: unexpected `tool_use_id` found in `tool_result` blocks: t9\./,
    ],
    [
      'a result twice',
      say(user('a'), assistant([call('t1')]), user([result('t1'), result('t1')])),
      /multiple `tool_result` blocks with id: t1/,
    ],
    ['a call twice', say(user('a'), assistant([call('t1'), call('t1')]), user([result('t1')])), /ids must be unique/],
    [
      'an id with other characters',
      say(user('a'), assistant([call('t:1')]), user([result('t:1')])),
      /tool_use\.id: String should match pattern/,
    ],
    [
      'a name with other characters',
      say(user('a'), assistant([call('t1', { name: 'a.b' })]), user([result('t1')])),
      /tool_use\.name: String should match/,
    ],
    [
      'arguments as a text',
      say(user('a'), assistant([call('t1', { input: '{}' })]), user([result('t1')])),
      /tool_use\.input: .*dictionary/,
    ],
    [
      'a call with an index',
      say(user('a'), assistant([call('t1', { index: 0 })]), user([result('t1')])),
      /tool_use\.index: Extra/,
    ],
    [
      'a result with a name',
      say(user('a'), assistant([call('t1')]), user([result('t1', { name: 'f' })])),
      /tool_result\.name: Extra/,
    ],
    [
      'a result of an object',
      say(user('a'), assistant([call('t1')]), user([result('t1', { content: {} })])),
      /tool_result\.content: .*list/,
    ],
    [
      'a result with a call in it',
      say(user('a'), assistant([call('t1')]), user([result('t1', { content: [call('t2')] })])),
      /tool_result\.content\.0\.type:/,
    ],
    [
      'a result that failed somehow',
      say(user('a'), assistant([call('t1')]), user([result('t1', { is_error: 'yes' })])),
      /is_error: .*boolean/,
    ],
    [
      'redacted thinking of another',
      say(user('a'), assistant([{ type: 'redacted_thinking', data: 'eA==' }, text('b')]), user('c')),
      /Invalid `data`/,
    ],
    ['a call of the user', ask(call('t1')), /`tool_use` blocks can only be in `assistant`/],
    [
      'an empty text in a result',
      say(user('a'), assistant([call('t1')]), user([result('t1', { content: [text('')] })])),
      /non-empty/,
    ],
  ],

  'the end': [
    ['a prefill', say(user('a'), assistant('b')), undefined],
    ['a prefill with a blank at its end', say(user('a'), assistant('b ')), /cannot end with trailing whitespace/],
    [
      'a prefill of a new model',
      { model: 'claude-opus-4-6', ...say(user('a'), assistant('b')) },
      /does not support assistant message prefill/,
    ],
  ],
};

for (const [name, rows] of Object.entries(groups)) holdTo(test, name, rows);
