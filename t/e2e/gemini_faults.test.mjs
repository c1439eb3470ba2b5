// Every fault of the table at Gemini, with another provider behind it and with none:
// as of the other formats, but for what follows from how it ends its streams.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults } from '../mock/faults.mjs';
import { final, served } from '../mock/faults/parts.mjs';
import { ask, assertEncodedFor, assertNothingForwarded, assertNothingLeaks, assertOutcome, other, startFaulty } from './lib/faulty.mjs';

const format = 'gemini';

const differences = {
  // A list of fragments is an answer, too.
  'json-array': { whole: served() },
  // Its word for a fault of the request is passed on.
  400: { stream: final(400, 'INVALID_ARGUMENT'), whole: final(400, 'INVALID_ARGUMENT') },
  422: { stream: final(400, 'UNKNOWN'), whole: final(400, 'UNKNOWN') },
  // Nothing but the end of the body says that all has come.
  'length-long': { stream: undefined },
};
const rows = faults.map((row) => ({ ...row, ...differences[row.name] }));

for (const place of ['first', 'last']) {
  test(`a fault at the ${place} target`, async (t) => {
    const { gateway, faulty, good } = await startFaulty(t, rows, { formats: [format] });

    async function check(fault, stream) {
      const outcome = stream ? fault.stream : fault.whole;
      const asked = { faulty: faulty.exchanges.length, good: good.exchanges.length };
      faulty.expectToken();
      const answer = await ask(gateway, `${place}-${fault.name}-${format}`, { stream, onContent: () => faulty.tokenArrived() });
      assertNothingLeaks(answer);
      assert.equal(faulty.exchanges.length - asked.faulty, 1, 'requests to Gemini');
      assertOutcome(answer, fault, format, { stream, first: place === 'first' });
      const turnedTo = good.exchanges.slice(asked.good);
      const turns = place === 'first' && (outcome.kind === 'failed' || outcome.kind === 'empty');
      assert.equal(turnedTo.length, turns ? 1 : 0, 'requests to the second provider');
      if (turns) assertEncodedFor(turnedTo[0].request, other[format], { stream });
    }

    for (const fault of rows) {
      if (fault.stream) await t.test(`${fault.name}, streamed`, () => check(fault, true));
      if (fault.whole) await t.test(`${fault.name}, whole`, () => check(fault, false));
    }
    assertNothingForwarded(faulty, good);
  });
}
