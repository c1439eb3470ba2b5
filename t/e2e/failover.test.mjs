// Every fault at the first of two targets: the client gets the second one's
// answer and nothing of the first, unless the fault lies in the request.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults } from '../mock/faults.mjs';
import {
  ask,
  assertBroken,
  assertEncodedFor,
  assertError,
  assertNothingLeaks,
  assertServed,
  FORMATS,
  GOOD,
  other,
  startFaulty,
} from './lib/faulty.mjs';

test('a fault at the first target', async (t) => {
  const { gateway, faulty, good } = await startFaulty(t, faults);

  async function check(fault, format, stream) {
    const outcome = stream ? fault.stream : fault.whole;
    const asked = { faulty: faulty.exchanges.length, good: good.exchanges.length };
    faulty.expectToken();
    const answer = await ask(gateway, `first-${fault.name}-${format}`, { stream, onContent: () => faulty.tokenArrived() });
    assertNothingLeaks(gateway, answer);
    assert.equal(faulty.exchanges.length - asked.faulty, 1, 'requests to the first provider');
    const turnedTo = good.exchanges.slice(asked.good);

    switch (outcome.kind) {
      case 'failed':
      case 'empty':
        assertServed(answer, { stream, text: GOOD[other[format]], provider: `good-${other[format]}`, attempts: 2 });
        assert.equal(turnedTo.length, 1);
        return assertEncodedFor(turnedTo[0].request, other[format], { stream });
      case 'final':
        assertError(answer, { ...outcome, attempts: 1 });
        break;
      case 'served':
        assertServed(answer, { stream, text: outcome.text, provider: `${fault.name}-${format}`, attempts: 1 });
        break;
      case 'broken':
        assertBroken(answer, { text: fault.tokenless ? '' : 'from ', ...outcome });
        break;
    }
    assert.equal(turnedTo.length, 0, 'the second provider was asked, too');
  }

  for (const fault of faults) {
    for (const format of FORMATS) {
      if (fault.stream) await t.test(`${fault.name}, ${format}, streamed`, () => check(fault, format, true));
      if (fault.whole) await t.test(`${fault.name}, ${format}, whole`, () => check(fault, format, false));
    }
  }
});
