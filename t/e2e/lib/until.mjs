// Waiting for what cannot be subscribed to.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

// The first truthy value that `probe` gives.
export async function until(probe, what = 'it', ms = 20000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) {
    const value = await probe();
    if (value) return value;
  }
  assert.fail(`${what} did not happen within ${ms} ms`);
}
