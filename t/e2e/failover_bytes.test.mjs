// The faults once more, each of them one byte a write: what the client is told
// does not depend on how the network cuts it.
import test from 'node:test';
import { faults } from '../mock/faults.mjs';
import { ask, assertNothingLeaks, assertOutcome, FORMATS, startFaulty } from './lib/faulty.mjs';

// Those that never end, or are about size or time, gain nothing by it.
const rows = faults.filter(({ name, endless, conf }) => !endless && !conf && !/^(huge|tiny|byte)/.test(name));

// One byte a write, each its own segment.
function slowly(exchange) {
  const { write, end } = { write: exchange.write.bind(exchange), end: exchange.end.bind(exchange) };
  exchange.write = async (bytes) => {
    for (const byte of Buffer.from(bytes)) await write(Buffer.of(byte));
  };
  exchange.end = async (bytes) => {
    if (bytes) await exchange.write(bytes);
    end();
  };
  return exchange;
}

test('faults, one byte a write', async (t) => {
  const { gateway, faulty } = await startFaulty(t, rows, { dress: slowly });

  async function check(fault, format, stream) {
    faulty.expectToken();
    const answer = await ask(gateway, `first-${fault.name}-${format}`, { stream, onContent: () => faulty.tokenArrived() });
    assertNothingLeaks(answer);
    assertOutcome(answer, fault, format, { stream, first: true });
  }

  for (const fault of rows) {
    for (const format of FORMATS) {
      if (fault.stream) await t.test(`${fault.name}, ${format}, streamed`, () => check(fault, format, true));
      if (fault.whole) await t.test(`${fault.name}, ${format}, whole`, () => check(fault, format, false));
    }
  }
});
