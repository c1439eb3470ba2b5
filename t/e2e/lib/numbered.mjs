// Streams whose every token carries the mark of its request and a number: what
// is lost, doubled, out of order or somebody else's is seen at the first byte.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { chunk, LAST_CHUNK, stream, streamHead } from '../../mock/raw.mjs';

// Text that gzip cannot make much smaller: it comes again behind its window.
const noise = crypto.createHash('shake256', { outputLength: 1 << 16 }).digest('base64');
const filler = (i, size) => noise.substr((i * 977) % (noise.length - size), size);

export const token = (mark, i, size = 0) => `<${mark}:${i}>${filler(i, size)}`;

// An answer of `count` such tokens. `pause`, called before each batch of them,
// may wait; x.sent counts the tokens the kernel has taken.
export async function sayNumbered(x, mark, count, { size = 0, batch = 1, pause = () => {} } = {}) {
  const { opening, ending } = stream[x.format]([], x.request.json.model);
  const event = (i) => chunk(stream[x.format]([token(mark, i, size)], x.request.json.model).content[0]);
  await x.write(streamHead() + opening.map(chunk).join(''));
  for (x.sent = 0; x.sent < count && !x.socket.destroyed;) {
    await pause(x.sent);
    const n = Math.min(batch, count - x.sent);
    await x.write(Array.from({ length: n }, (_, i) => event(x.sent + i)).join(''));
    x.sent += n;
  }
  if (!x.socket.destroyed) await x.write(ending.map(chunk).join('') + LAST_CHUNK);
}

// The client's side of it: take() its text in any pieces.
export class Numbered {
  constructor(mark, size = 0) {
    Object.assign(this, { mark, size, count: 0, rest: '', over: false, error: null });
  }

  take(text) {
    const all = this.rest + text;
    let from = 0;
    for (let at; (at = all.indexOf('\n\n', from)) >= 0; from = at + 2) this.event(all.slice(from, at));
    this.rest = all.slice(from);
  }

  event(text) {
    if (text === ': ping') return;
    assert.equal(text.slice(0, 6), 'data: ', `no event: ${text.slice(0, 100)}`);
    assert.ok(!this.over, `something behind the end: ${text.slice(0, 100)}`);
    const data = text.slice(6);
    if (data === '[DONE]') return (this.over = true);
    const { choices, error } = JSON.parse(data);
    if (error) return (this.error = error);
    const said = choices[0]?.delta.content;
    if (!said) return;
    const expected = token(this.mark, this.count, this.size);
    // Not assert.equal: its message would hold both.
    if (said !== expected) assert.fail(`${expected.slice(0, 60)} should have come, not ${said.slice(0, 60)}`);
    this.count++;
  }

  assertWhole(count) {
    assert.equal(this.error, null, `${this.mark}: after ${this.count} tokens`);
    assert.equal(this.count, count, `tokens of ${this.mark}`);
    assert.ok(this.over, `${this.mark}: no [DONE]`);
    assert.equal(this.rest, '');
  }
}
