// Every fault at the first target and at one in the middle, with retries and
// breakers: the client gets the good answer behind it, is told of as many attempts
// as were made, and a target that keeps on failing is soon left alone.
import assert from 'node:assert/strict';
import test from 'node:test';
import { faults, FIRST, startFaults } from '../mock/faults.mjs';
import { answer, RawProvider } from '../mock/raw.mjs';
import { ask, assertBroken, assertError, assertServed, GOOD, keyOf, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';

const FAILURES = 3; // open the breaker
const RECOVERY = 'retry 1 delay=1ms max_delay=1ms;';
const places = { first: '', middle: 'target down/m;' }; // what is asked before

const combinations = faults.flatMap((fault) =>
  ['whole', 'stream'].filter((kind) => fault[kind]).flatMap((kind) =>
    Object.entries(places).map(([place, before]) => ({ name: `${fault.name}-${kind}-${place}`, fault, kind, before })),
  ),
);

// What is said of the request, and what is no failure, leaves a target its turn;
// so does a model's name that it does not know. One that says that its limit is
// there again at once is taken at its word, and asked twice.
const keepsItsTurn = ({ kind, code }) => ['served', 'empty', 'final'].includes(kind) || code === 'model_not_found';
const isReadyAgain = ({ retryAfter }) => retryAfter?.[1] === 0;

test('a fault at the first target and in the middle', async (t) => {
  const faulty = await startFaults(t);
  const good = await RawProvider.start(t, (x) => answer(x, GOOD.anthropic));
  const at = (name) => `http://127.0.0.1:${faulty.port}/${name}`;
  const gateway = await Gateway.start(t, {
    location: 'llm_max_event 16k; llm_max_response 64k; llm_max_tool_arguments 8k;',
    http: `
      ${provider('good', 'anthropic', `http://127.0.0.1:${good.port}/good`)}
      ${provider('down', 'openai', at('500'))}
      ${combinations.map(({ name, fault }) => provider(name, 'openai', at(fault.name), `${fault.conf ?? ''} breaker failures=${FAILURES} cooldown=1h;`)).join('\n')}
      ${combinations.map(({ name, before }) => `llm_model ${name} { ${before} target ${name}/m; target good/m; ${RECOVERY} }`).join('\n')}`,
  });

  // The number of requests that one answer took at the target in question.
  async function check({ name, fault, kind }) {
    const stream = kind === 'stream';
    const outcome = fault[kind];
    const asked = { faulty: faulty.exchanges.length, good: good.exchanges.length };
    faulty.expectToken();
    const seen = await ask(gateway, name, { stream, onContent: () => faulty.tokenArrived() });
    const requests = faulty.exchanges.slice(asked.faulty);
    const attempts = requests.length + good.exchanges.length - asked.good;
    const here = requests.filter((x) => x.request.headers.authorization === `Bearer ${keyOf(name)}`).length;
    const behind = { stream, text: GOOD.anthropic, provider: 'good', attempts };
    const turned = here === 0 || ['failed', 'empty'].includes(outcome.kind);
    if (turned) assertServed(seen, behind);
    else if (outcome.kind === 'served') assertServed(seen, { ...behind, text: outcome.text, provider: name });
    else if (outcome.kind === 'final') assertError(seen, { ...outcome, attempts });
    else assertBroken(seen, { text: fault.tokenless ? '' : FIRST, ...outcome });
    assert.equal(good.exchanges.length - asked.good, turned ? 1 : 0, 'requests to the good one');
    return here;
  }

  for (const combination of combinations) {
    await t.test(combination.name, async () => {
      const counts = [];
      for (let i = 0; i <= FAILURES; i++) counts.push(await check(combination));
      const all = counts.reduce((a, b) => a + b);
      const outcome = combination.fault[combination.kind];
      if (keepsItsTurn(outcome) || isReadyAgain(outcome)) {
        assert.deepEqual(counts, Array(FAILURES + 1).fill(isReadyAgain(outcome) ? 2 : 1));
      } else {
        assert.equal(counts.at(-1), 0, `it is asked again and again: ${counts}`);
        assert.ok(all >= 1 && all <= FAILURES, `${counts}`);
      }
    });
  }
});
