// Every fault at the first of two targets: the client gets the second one's
// answer and nothing of the first, unless the fault lies in the request.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults } from '../mock/faults.mjs';
import { ask, assertEncodedFor, assertNothingForwarded, assertNothingLeaks, assertOutcome, FORMATS, other, startFaulty } from './lib/faulty.mjs';

test('a fault at the first target', async (t) => {
  const { gateway, faulty, good } = await startFaulty(t, faults);

  async function check(fault, format, stream) {
    const outcome = stream ? fault.stream : fault.whole;
    const asked = { faulty: faulty.exchanges.length, good: good.exchanges.length };
    faulty.expectToken();
    const answer = await ask(gateway, `first-${fault.name}-${format}`, { stream, onContent: () => faulty.tokenArrived() });
    assertNothingLeaks(answer);
    assert.equal(faulty.exchanges.length - asked.faulty, 1, 'requests to the first provider');
    const turnedTo = good.exchanges.slice(asked.good);

    assertOutcome(answer, fault, format, { stream, first: true });
    const turns = outcome.kind === 'failed' || outcome.kind === 'empty';
    assert.equal(turnedTo.length, turns ? 1 : 0, 'requests to the second provider');
    if (turns) assertEncodedFor(turnedTo[0].request, other[format], { stream });
  }

  for (const fault of faults) {
    for (const format of FORMATS) {
      if (fault.stream) await t.test(`${fault.name}, ${format}, streamed`, () => check(fault, format, true));
      if (fault.whole) await t.test(`${fault.name}, ${format}, whole`, () => check(fault, format, false));
    }
  }
  assertNothingForwarded(faulty, good);
});
