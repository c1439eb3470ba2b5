// Looks at everything that comes to the OpenAI SDK: each body and each chunk is
// held against OpenAI's own schema of it, where that is at hand, and streams
// against the order of chunks that clients rely on.
import assert from 'node:assert/strict';
import { missing, validator } from '../../mock/openai_schema.mjs';
import { after } from './after.mjs';

export { missing };

// The schema of a good answer's body, by the end of the path.
function bodySchema(path) {
  if (path.endsWith('/chat/completions')) return 'CreateChatCompletionResponse';
  if (path.endsWith('/models')) return 'ListModelsResponse';
  return 'Model';
}

const describe = (errors) => errors.map(({ instancePath, message }) => `${instancePath || '/'} ${message}`).join('; ');

function hold(name, value) {
  const errors = validator(name)(value);
  if (errors.length) throw new Error(`not a ${name}: ${describe(errors)} in ${JSON.stringify(value)}`);
}

// One JSON body.
export function checkBody(path, status, text) {
  const value = JSON.parse(text);
  if (status < 400) return hold(bodySchema(path), value);
  hold('ErrorResponse', value);
  if (!value.error?.message) throw new Error(`an error without a message: ${text}`);
}

// One event stream; take its text in any pieces, then say end().
export class StreamChecker {
  constructor() {
    this.rest = '';
    this.choices = new Map();
  }

  take(text) {
    this.rest += text;
    for (let at; (at = this.rest.indexOf('\n\n')) >= 0;) {
      const event = this.rest.slice(0, at);
      this.rest = this.rest.slice(at + 2);
      this.event(event);
    }
  }

  event(event) {
    if (event === ': ping' && this.choices.size > 0 && !this.over) return;
    this.demand(event.startsWith('data: ') && !event.includes('\n'), 'an event is one line of data', event);
    this.demand(!this.over, 'nothing follows the end', event);
    const data = event.slice('data: '.length);
    if (data === '[DONE]') {
      this.over = 'done';
      this.demand(
        this.choices.size > 0 && [...this.choices.values()].every(({ finished }) => finished),
        'all is finished before [DONE]',
        event,
      );
      return;
    }
    const chunk = JSON.parse(data);
    if (chunk.error) return this.failure(chunk);
    hold('CreateChatCompletionStreamResponse', chunk);
    this.chunk(chunk);
  }

  // The one chunk that is no chunk: the answer broke off.
  failure(chunk) {
    this.over = 'error';
    hold('ErrorResponse', { error: chunk.error });
    this.demand(chunk.choices?.[0]?.finish_reason === 'error', 'an error has that finish reason', chunk);
    const { error, ...rest } = chunk;
    hold('CreateChatCompletionStreamResponse', {
      ...rest,
      choices: rest.choices.map((choice) => ({ ...choice, finish_reason: null })),
    });
  }

  chunk(chunk) {
    const { id, model, created } = chunk;
    this.common ??= { id, model, created };
    this.demand(id !== '' && model !== '', 'id and model say something', chunk);
    assert.deepEqual({ id, model, created }, this.common, 'the same in all chunks');
    this.demand(!this.usage, 'nothing follows the usage', chunk);
    if (chunk.choices.length === 0) {
      this.demand(chunk.usage, 'a chunk without choices has the usage', chunk);
      this.usage = chunk.usage;
      return;
    }
    this.demand(!chunk.usage, 'usage comes apart', chunk);
    for (const choice of chunk.choices) this.choice(choice, chunk);
  }

  choice({ index, delta, finish_reason: reason }, chunk) {
    if (!this.choices.has(index)) this.choices.set(index, { calls: [] });
    const state = this.choices.get(index);
    this.demand(!state.finished, 'nothing follows the finish reason', chunk);
    this.demand(Boolean(delta.role) === !state.role, 'the role comes first and once', chunk);
    state.role = true;
    state.finished = reason !== null;
    for (const call of delta.tool_calls ?? []) {
      const begun = call.index < state.calls.length;
      this.demand(call.index <= state.calls.length, 'indexes of calls are contiguous', chunk);
      this.demand(begun === !call.id && begun === !call.function?.name, 'id and name of a call come once', chunk);
      if (!begun) this.demand(call.type === 'function', 'a call has a type', chunk);
      state.calls[call.index] = true;
    }
  }

  end() {
    this.demand(this.rest === '', 'it ends with an event', this.rest);
    this.demand(this.over, 'it ends with [DONE] or an error', this.common);
  }

  demand(good, rule, where) {
    if (!good) throw new Error(`a stream in which not "${rule}": ${typeof where === 'string' ? where : JSON.stringify(where)}`);
  }
}

// A body of the same bytes that breaks off as soon as something is wrong.
function watched(body, note) {
  const checker = new StreamChecker();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const guarded = (step) => {
    try {
      step();
    } catch (error) {
      note(error);
    }
  };
  return body.pipeThrough(
    new TransformStream({
      transform(bytes, controller) {
        guarded(() => checker.take(decoder.decode(bytes, { stream: true })));
        controller.enqueue(bytes);
      },
      flush() {
        guarded(() => {
          checker.take(decoder.decode());
          checker.end();
        });
      },
    }),
  );
}

// fetch() for the SDK. What is wrong fails the call it belongs to and the test.
export function checkedFetch(t) {
  const wrong = [];
  after(t, () => assert.deepEqual(wrong, [], 'what is not as OpenAI would send it'));
  const note = (error) => {
    wrong.push(error.message);
    throw error;
  };
  return async (url, init) => {
    const response = await fetch(url, init);
    const { status, headers } = response;
    if (status < 400 && headers.get('content-type')?.startsWith('text/event-stream')) {
      return new Response(watched(response.body, note), { status, headers });
    }
    const text = await response.text();
    try {
      checkBody(new URL(url).pathname, status, text);
    } catch (error) {
      note(error);
    }
    return new Response(text, { status, headers });
  };
}
