// Whatever goes wrong at the end of a test, nothing of it is left running.
import assert from 'node:assert/strict';
import test from 'node:test';
import { after } from './lib/after.mjs';

test('all steps run, last come first, and the first error is told', async () => {
  const hooks = [];
  const t = { after: (hook) => hooks.push(hook) };
  const ran = [];
  after(t, () => ran.push('a'));
  after(t, () => {
    throw new Error('b');
  });
  after(t, async () => {
    ran.push('c');
    throw new Error('c');
  });
  assert.equal(hooks.length, 1);
  await assert.rejects(hooks[0](), { message: 'c' });
  assert.deepEqual(ran, ['c', 'a']);
});
