// Every fault at the only target: the client gets the documented error, the
// operator a line in the log.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults } from '../mock/faults.mjs';
import { ask, assertNothingLeaks, assertOutcome, FORMATS, startFaulty } from './lib/faulty.mjs';

test('a fault at the last target', async (t) => {
  const { gateway, faulty } = await startFaulty(t, faults);

  async function check(fault, format, stream) {
    const outcome = stream ? fault.stream : fault.whole;
    const name = `${fault.name}-${format}`;
    const logged = gateway.errorLog().length;
    faulty.expectToken();
    const answer = await ask(gateway, `last-${name}`, { stream, onContent: () => faulty.tokenArrived() });
    assertNothingLeaks(answer);

    assertOutcome(answer, fault, format, { stream });
    if (fault.message) assert.match(JSON.parse(answer.body).error.message, fault.message);
    const log = gateway.errorLog().slice(logged);
    if (outcome.kind !== 'served' && outcome.kind !== 'empty') assert.match(log, new RegExp(`llm: upstream "${name}" (failed|answered)`));
    if (fault.log) assert.match(log, fault.log);
  }

  for (const fault of faults) {
    for (const format of FORMATS) {
      if (fault.stream) await t.test(`${fault.name}, ${format}, streamed`, () => check(fault, format, true));
      if (fault.whole) await t.test(`${fault.name}, ${format}, whole`, () => check(fault, format, false));
    }
  }
});
