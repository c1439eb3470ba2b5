// More than two targets: how many are tried, in which order, what is reported
// when none of them can answer.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { faults } from '../mock/faults.mjs';
import { answer, RawProvider, sized, whole } from '../mock/raw.mjs';
import { ask, assertError, assertServed, FORMATS, GOOD, provider, requestFor, startFaulty } from './lib/faulty.mjs';
import { chat } from './lib/http.mjs';

const row = (name) => faults.find((fault) => fault.name === name);
const used = ['500', '503', '429-seconds', '401', '400', '404', 'broken-json', 'close-before-headers'].map(row);

const targets = (names) => names.map((name) => `target ${name}/m;`).join(' ');
const alternating = (fault, n) => Array.from({ length: n }, (_, i) => `${fault}-${FORMATS[i % 2]}`);

const models = {
  'eighth-is-good': [...alternating('500', 7), 'good-anthropic'],
  'ninth-is-good': [...alternating('500', 8), 'good-anthropic'],
  'final-in-the-middle': ['500-openai', '503-anthropic', '400-openai', 'good-anthropic'],
  // What is said to the client when all have failed: the failure that tells
  // most, wherever it stood.
  'limit-first': ['429-seconds-openai', '500-anthropic', 'close-before-headers-openai'],
  'limit-last': ['close-before-headers-openai', '500-anthropic', '429-seconds-openai'],
  'model-unknown': ['401-openai', '404-anthropic', 'broken-json-openai'],
  'credential-and-garbage': ['broken-json-openai', '401-anthropic', 'close-before-headers-openai'],
  'credential-and-500': ['401-openai', '500-anthropic'],
};

test('many targets', async (t) => {
  const { gateway, faulty, good } = await startFaulty(t, used, {
    http: () => Object.entries(models).map(([name, names]) => `llm_model ${name} { ${targets(names)} }`).join('\n'),
  });
  const askFor = async (model, stream) => {
    const [bad, well] = [faulty.exchanges.length, good.exchanges.length];
    const answer = await ask(gateway, model, { stream });
    return { answer, bad: faulty.exchanges.slice(bad), well: good.exchanges.slice(well) };
  };

  for (const stream of [true, false]) {
    const kind = stream ? 'streamed' : 'whole';

    await t.test(`the eighth target is still asked, ${kind}`, async () => {
      const { answer, bad, well } = await askFor('eighth-is-good', stream);
      assertServed(answer, { stream, text: GOOD.anthropic, provider: 'good-anthropic', attempts: 8 });
      assert.deepEqual(bad.map((x) => x.format), alternating('', 7).map((name) => name.slice(1)));
      assert.equal(well.length, 1);
    });

    await t.test(`the ninth is not, ${kind}`, async () => {
      const { answer, bad, well } = await askFor('ninth-is-good', stream);
      assertError(answer, { status: 502, type: 'upstream_error', code: 'upstream_error', attempts: 8 });
      assert.equal(bad.length, 8);
      assert.equal(well.length, 0);
    });

    await t.test(`an error about the request ends the walk, ${kind}`, async () => {
      const { answer, bad, well } = await askFor('final-in-the-middle', stream);
      assertError(answer, { status: 400, type: 'invalid_request_error', code: null, attempts: 3 });
      assert.deepEqual(bad.map((x) => x.name), ['500', '503', '400']);
      assert.equal(well.length, 0);
    });

    const told = [
      ['limit-first', { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded', retryAfter: [7, 7] }],
      ['limit-last', { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded', retryAfter: [7, 7] }],
      ['model-unknown', { status: 404, type: 'invalid_request_error', code: 'model_not_found' }],
      ['credential-and-garbage', { status: 502, type: 'upstream_error', code: 'upstream_credentials_exhausted' }],
      ['credential-and-500', { status: 502, type: 'upstream_error', code: 'upstream_error' }],
    ];
    for (const [model, error] of told) {
      await t.test(`what is told: ${model}, ${kind}`, async () => {
        const { answer, bad } = await askFor(model, stream);
        assertError(answer, { ...error, attempts: models[model].length });
        assert.deepEqual(bad.map((x) => `${x.name}-${x.format}`), models[model]);
      });
    }
  }
});

test('a target that cannot carry the request is passed over and not counted', async (t) => {
  const good = await RawProvider.start(t, (x) => answer(x, GOOD[x.format]));
  const { gateway } = await startFaulty(t, [row('500')], {
    http: () => `
      ${FORMATS.map((f) => provider(`up-${f}`, f, `http://127.0.0.1:${good.port}/up`)).join('\n')}
      llm_model around { target up-anthropic/m; target up-openai/m; }
      llm_model nowhere { target up-anthropic/m; }`,
  });
  const body = (model) => ({ model, n: 2, messages: [{ role: 'user', content: 'Hi' }] });
  const answered = await chat(gateway, body('around'));
  assert.equal(answered.status, 200);
  assert.equal(answered.headers['x-llm-attempts'], '1');
  assert.equal(answered.headers['x-llm-provider'], 'up-openai');
  assert.deepEqual(good.exchanges.map((x) => x.format), ['openai']);

  const refused = await chat(gateway, body('nowhere'));
  assert.equal(refused.status, 400);
  assert.equal(JSON.parse(refused.body).error.param, 'n');
  assert.equal(good.exchanges.length, 1);
});

test('requests that fail over at the same time do not mix', async (t) => {
  const promptOf = ({ content }) => content.at(-1).text ?? content;
  const echo = (x) => x.write(sized(200, whole[x.format](promptOf(x.request.json.messages[0]))));
  const good = await RawProvider.start(t, echo);
  const { gateway, faulty } = await startFaulty(t, [row('500'), row('close-before-headers')], {
    http: () => `
      ${FORMATS.map((f) => provider(`up-${f}`, f, `http://127.0.0.1:${good.port}/up`)).join('\n')}
      llm_model a { target 500-openai/m; target close-before-headers-anthropic/m; target up-openai/m; }
      llm_model b { target close-before-headers-anthropic/m; target 500-openai/m; target up-anthropic/m; }`,
  });
  const ones = Array.from({ length: 100 }, (_, i) => ({ model: 'ab'[i % 2], messages: [{ role: 'user', content: `number ${i}` }] }));
  const answers = await Promise.all(ones.map((one) => chat(gateway, one)));
  answers.forEach((answer, i) => {
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-llm-attempts'], '3');
    assert.equal(JSON.parse(answer.body).choices[0].message.content, `number ${i}`);
  });
  assert.equal(faulty.exchanges.length, 200);
  assert.equal(good.exchanges.length, 100);
});

test('the access log tells of the walk', async (t) => {
  const { gateway } = await startFaulty(t, [row('503')], {
    http: (gateway) => `
      log_format walk '$llm_attempts $llm_provider $llm_fallback $llm_error $status';
      access_log ${gateway.dir}/walk.log walk;`,
  });
  await ask(gateway, 'first-503-openai', { body: requestFor('first-503-openai', false) });
  await ask(gateway, 'last-503-openai', { stream: true });
  await gateway.accessLog(2); // written with the other log
  assert.deepEqual(fs.readFileSync(`${gateway.dir}/walk.log`, 'utf8').split('\n').slice(0, 2), [
    '2 good-anthropic 1 - 200',
    '1 503-openai 0 overloaded 503',
  ]);
});
