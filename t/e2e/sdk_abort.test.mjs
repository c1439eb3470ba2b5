// A client that goes away: the upstream's connection is closed at once, with
// and without a stream, and nothing of the request is left over.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { forEachKind, userSays } from './lib/upstreams.mjs';

const never = new Promise(() => {});
const silence = () => never;

async function assertGone({ mock, gateway, client, model, say }) {
  assert.equal(await mock.last.closed, 'aborted');
  await gateway.waitForIdle();
  say({ text: 'Still here' });
  const answer = await client.chat.completions.create({ model, messages: userSays('Hi') });
  assert.equal(answer.choices[0].message.content, 'Still here');
}

for (const stream of [false, true]) {
  forEachKind(test, `before the answer, ${stream ? 'streamed' : 'whole'}`, {}, async (t, up) => {
    const { client, model, mock } = up;
    mock.next(silence);
    const controller = new AbortController();
    const answer = client.chat.completions.create({ model, messages: userSays('Hi'), stream }, { signal: controller.signal });
    const failure = assert.rejects(answer, OpenAI.APIUserAbortError);
    await mock.request(1);
    controller.abort();
    await failure;
    await assertGone(up);
  });
}

// How a client leaves a stream.
const exits = {
  'abort()': async (stream, controller) => {
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) controller.abort();
    }
  },
  break: async (stream) => {
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) break;
    }
  },
  "the stream's own controller": async (stream) => {
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) stream.controller.abort();
    }
  },
};

for (const [name, leave] of Object.entries(exits)) {
  forEachKind(test, `in mid-stream, by ${name}`, {}, async (t, up) => {
    up.say({ text: 'Hello there', hold: never });
    const controller = new AbortController();
    const request = { model: up.model, messages: userSays('Hi'), stream: true };
    const stream = await up.client.chat.completions.create(request, { signal: controller.signal });
    await leave(stream, controller).catch((error) => assert.ok(error instanceof OpenAI.APIUserAbortError, error.message));
    await assertGone(up);
  });
}

forEachKind(test, 'in mid-stream, by the helper', {}, async (t, up) => {
  up.say({ text: 'Hello there', hold: never });
  const stream = up.client.chat.completions.stream({ model: up.model, messages: userSays('Hi') });
  stream.on('content', () => stream.abort());
  await assert.rejects(stream.done(), OpenAI.APIUserAbortError);
  await assertGone(up);
});

forEachKind(test, 'in the middle of a whole answer', {}, async (t, up) => {
  const { client, model, mock } = up;
  let half;
  const sent = new Promise((done) => (half = done));
  mock.next((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"id":"', half);
    return never;
  });
  const controller = new AbortController();
  const failure = assert.rejects(
    client.chat.completions.create({ model, messages: userSays('Hi') }, { signal: controller.signal }),
    OpenAI.APIUserAbortError,
  );
  await sent;
  controller.abort();
  await failure;
  await assertGone(up);
});

forEachKind(test, "by the SDK's own timeout", {}, async (t, up) => {
  const { client, model, mock } = up;
  mock.next(silence);
  const answer = client.chat.completions.create({ model, messages: userSays('Hi') }, { timeout: 1000 });
  await assert.rejects(answer, OpenAI.APIConnectionTimeoutError);
  await assertGone(up);
});

forEachKind(test, 'many at once', {}, async (t, up) => {
  const { client, model, mock } = up;
  const controllers = Array.from({ length: 20 }, () => new AbortController());
  up.mock.next(...controllers.map(() => silence));
  const failures = controllers.map(({ signal }) =>
    assert.rejects(
      client.chat.completions.create({ model, messages: userSays('Hi'), stream: true }, { signal }),
      OpenAI.APIUserAbortError,
    ),
  );
  await mock.request(controllers.length);
  for (const controller of controllers) controller.abort();
  await Promise.all(failures);
  for (const { closed } of mock.requests) assert.equal(await closed, 'aborted');
  await assertGone(up);
});
