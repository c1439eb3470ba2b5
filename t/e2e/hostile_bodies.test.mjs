// Bodies made to hurt: deep, long, endless, slow, with values that are none.
// The worker lives, its memory stays bounded, and the next request is fine.
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { chunk } from '../mock/raw.mjs';
import { FORMATS } from './lib/faulty.mjs';
import { assertRefused, startTarget } from './lib/hostile.mjs';
import { Http2, post, Wire, within } from './lib/wire.mjs';

const user = '[{"role":"user","content":"x"}]';
const around = (members, messages = user) => `{"model":"MODEL","messages":${messages},${members}}`;
const list = (n, item) => `[${Array.from({ length: n }, (_, i) => item(i)).join(',')}]`;
const tool = (name, parameters = '{"type":"object"}') => `"tools":[{"type":"function","function":{"name":${name},"parameters":${parameters}}}]`;
const call = (i) => `{"id":"c${i}","type":"function","function":{"name":"f","arguments":"{}"}}`;
const result = (i) => `{"role":"tool","tool_call_id":"c${i}","content":"r"}`;

async function send(t, target, body, headers) {
  const wire = await Wire.connect(t, target.port);
  await wire.send(post('', { 'content-length': Buffer.byteLength(body), ...headers }));
  await wire.send(body);
  const response = await wire.response();
  wire.socket.destroy();
  return response;
}

// --- values -----------------------------------------------------------------------

const values = {
  'a lone high surrogate': String.raw`"a\ud800b"`,
  'a lone low surrogate': String.raw`"\udc00"`,
  'surrogates the wrong way round': String.raw`"\udc00\ud800"`,
  'half a pair at the end': String.raw`"\ud83d"`,
  'a NUL': String.raw`"a\u0000b"`,
  'CR LF': String.raw`"a\r\nx-evil: 1\r\n\r\nGET / HTTP/1.1"`,
  'a separator of lines': String.raw`"a\u2028\u0085b"`,
  'an end of an event': String.raw`"a\n\ndata: [DONE]\n\n"`,
  'a delete': '"\x7f"',
  'a private character': '"\u{10ffff}\ufffe"',
};
// Where a client may put them, and whether that is a request. `sent`: it goes
// to a provider of that format as it is.
const spots = {
  'a prompt': { at: (v) => around('"a":1', `[{"role":"user","content":${v}}]`), sent: FORMATS },
  user: { at: (v) => around(`"user":${v}`), sent: FORMATS },
  'a tool\'s name': { at: (v) => around(tool(v)), sent: FORMATS },
  'a schema': { at: (v) => around(tool('"f"', `{"type":"object","properties":{${v}:{"const":${v}}}}`)), sent: FORMATS },
  'a call': { at: (v) => around('"a":1', `[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":${v},"type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":${v},"content":${v}}]`), sent: FORMATS },
  stop: { at: (v) => around(`"stop":[${v}]`), sent: ['openai'] },
  'an unknown field': { at: (v) => around(`${v}:${v}`), sent: ['openai'] },
  metadata: { at: (v) => around(`"metadata":{${v}:${v}}`), sent: ['openai'] },
  'the model': { at: (v) => around('"a":1').replace('"MODEL"', v), param: 'model' },
  'a role': { at: (v) => around('"a":1', `[{"role":${v},"content":"x"}]`), param: 'messages[0].role' },
};
test('texts that are none', async (t) => {
  const target = await startTarget(t);
  for (const [spot, { at, sent, param }] of Object.entries(spots)) {
    for (const [name, value] of Object.entries(values)) {
      for (const format of FORMATS) {
        await t.test(`${name} in ${spot}, ${format}`, async (t) => {
          const before = target.up.exchanges.length;
          const response = await send(t, target, at(value).replace('MODEL', format));
          // x-llm-dropped names the field, on one line and in ASCII.
          assert.equal(response.headers['x-evil'], undefined);
          assert.doesNotMatch(Object.values(response.headers).join(''), /[^\x20-\x7e]/);
          if (param) {
            assertRefused(response, 400, { code: 'invalid_value', param });
            return assert.equal(target.up.exchanges.length, before);
          }
          assert.equal(response.status, 200, response.body);
          assert.equal(target.up.exchanges.length, before + 1);
          const { headers, body, json } = target.up.requests.at(-1);
          assert.equal(headers['x-evil'], undefined);
          assert.ok(json, 'no JSON at the provider');
          if (sent.includes(format)) assert.ok(body.includes(value.replace(/^"|"$/g, '')), body);
        });
      }
    }
  }
  await target.survives();
});

// Numbers go as they are or not at all: nothing overflows on the way.
const numbers = ['1e999', '-1e999', '1e-999', '-0', '0.1e-2', '9'.repeat(400), `0.${'3'.repeat(900)}`, '9223372036854775808', '-9223372036854775809', '18446744073709551616', '1E+0400', '9'.repeat(100000)];
test('giant numbers', async (t) => {
  const target = await startTarget(t);
  for (const number of numbers) {
    for (const field of ['temperature', 'top_p', 'top_k', 'max_tokens', 'max_completion_tokens', 'seed', 'presence_penalty', 'unknown']) {
      const body = around(`"${field}":${number}`);
      const asIs = await send(t, target, body.replace('MODEL', 'openai'));
      assert.equal(asIs.status, 200, `${field} ${number.slice(0, 30)}: ${asIs.body}`);
      assert.ok(target.up.requests.at(-1).body.includes(`"${field}":${number}`));

      const translated = await send(t, target, body.replace('MODEL', 'anthropic'));
      if (translated.status !== 200) assertRefused(translated, 400);
      else assert.ok(target.up.requests.at(-1).json, 'no JSON at the provider');
    }
    for (const field of ['n', 'top_logprobs']) {
      const body = around(`"${field}":${number}`);
      assert.equal((await send(t, target, body.replace('MODEL', 'openai'))).status, 200);
      const refused = await send(t, target, body.replace('MODEL', 'anthropic'));
      // One answer, or no probabilities, are what a target gives that cannot do more.
      if (refused.status !== 200) assertRefused(refused, 400, { code: 'unsupported_parameter', param: field });
    }
  }
  for (const number of ['1.', '.5', '01', '+1', '1e', '0x10', 'Infinity', '-', '1_000']) {
    for (const format of FORMATS) assertRefused(await send(t, target, around(`"temperature":${number}`).replace('MODEL', format)), 400, { code: null });
  }
  await target.survives();
});

// --- depth and number -----------------------------------------------------------------

const N = 100000;
const deeps = {
  arrays: '['.repeat(N) + ']'.repeat(N),
  objects: '{"a":'.repeat(N) + '1' + '}'.repeat(N),
  both: '[{"a":'.repeat(N) + '1' + '}]'.repeat(N),
  'arrays that do not end': '['.repeat(10 * N),
  'objects that do not end': '{"a":'.repeat(10 * N),
};
test('100,000 levels', async (t) => {
  const target = await startTarget(t, { location: 'llm_max_depth 512;' });
  for (const [name, value] of Object.entries(deeps)) {
    for (const spot of [around(`"a":${value}`), around(tool('"f"', value)), around('"a":1', `[{"role":"user","content":${value}}]`), value]) {
      for (const format of FORMATS) {
        const response = await send(t, target, spot.replace('MODEL', format));
        assertRefused(response, 400, { code: null });
        assert.match(JSON.parse(response.body).error.message, /nested too deeply/, name);
      }
    }
  }
  assert.equal(target.up.exchanges.length, 2);
  await target.survives({ peak: 16 });
});

const both = () => 200;
// [name, members and messages, status by format]
const crowds = [
  ['a million messages', ['"a":1', list(1e6, () => '{"role":"user","content":"x"}')], () => 413],
  ['300,000 messages', ['"a":1', list(300000, (i) => `{"role":"${i % 2 ? 'assistant' : 'user'}","content":"x"}`)], both],
  ['300,000 messages of one role', ['"a":1', list(300000, () => '{"role":"user","content":"x"}')], both],
  ['300,000 parts of a message', ['"a":1', `[{"role":"user","content":${list(300000, () => '{"type":"text","text":"x"}')}}]`], both],
  ['50,000 turns of tools', [tool('"f"'), `[{"role":"user","content":"x"},${list(50000, (i) => `{"role":"assistant","tool_calls":[${call(i)}]},${result(i)}`).slice(1)}`], both],
  ['50,000 calls in a turn, answered backwards', [tool('"f"'), `[{"role":"user","content":"x"},{"role":"assistant","tool_calls":${list(50000, call)}},${list(50000, (i) => result(49999 - i)).slice(1)}`], both],
  ['500,000 unknown fields', [list(500000, (i) => `"f${i}":1`).slice(1, -1)], both],
  ['500,000 unknown fields beyond ASCII', [list(500000, (i) => `"${String.fromCodePoint(0x4e00 + (i % 20000), 0x4e00 + Math.floor(i / 20000))}":1`).slice(1, -1)], both],
  ['500,000 fields in a schema', [tool('"f"', `{${list(500000, (i) => `"f${i}":1`).slice(1, -1)}}`)], both],
  ['500,000 stops', [`"stop":${list(500000, () => '"x"')}`], both],
  ['a million numbers', [`"a":${list(1e6, () => '1')}`], both],
  ['two million numbers', [`"a":${list(2e6, () => '1')}`], () => 413],
  ['500,000 times the same field', [list(500000, () => '"a":1').slice(1, -1)], () => 400],
];
for (const [name, [members, messages], status] of crowds) {
  test(name, async (t) => {
    const target = await startTarget(t);
    for (const format of FORMATS) {
      const body = around(members, messages).replace('MODEL', format);
      const response = await send(t, target, body);
      if (response.status === 200) assert.equal(status(format), 200);
      else assertRefused(response, status(format), { code: status(format) === 413 ? 'request_too_large' : null });
    }
    // The text, the tree over it and what is made of it: some of each.
    await target.survives({ peak: 160, rest: 96 });
    await target.letsGo();
  });
}

// --- length ---------------------------------------------------------------------------

const MB = 1 << 20;
const filler = 'x'.repeat(64 * 1024);
const opening = '{"model":"openai","messages":[{"role":"user","content":"';
const chunked = { 'content-length': null, 'transfer-encoding': 'chunked' };
const places = {
  'in memory': 'client_body_buffer_size 64m;',
  'in a file': 'client_body_buffer_size 16k;',
  'with no other limit': 'client_body_buffer_size 16k; client_max_body_size 0;',
};

// Sends until the answer is there, or `total` bytes have gone.
async function pour(wire, total, wrap = (text) => text) {
  for (let sent = 0; sent < total && !wire.input && !wire.over; sent += filler.length) await Promise.race([wire.send(wrap(filler)), wire.closed]);
}

for (const [place, location] of Object.entries(places)) {
  test(`bodies of 100 MB and without an end, ${place}`, async (t) => {
    const target = await startTarget(t, { location: `${location} llm_max_body 8m;` });
    const watch = setInterval(() => (target.most = Math.max(target.most ?? 0, target.spooled())), 5);
    for (const [name, headers, total, wrap] of [
      ['100 MB', { 'content-length': 100 * MB }, 100 * MB],
      ['100 MB in chunks', chunked, 100 * MB, chunk],
      ['no end', chunked, Infinity, chunk],
      ['no end in one chunk', chunked, Infinity, undefined],
    ]) {
      await t.test(name, async (t) => {
        const wire = await Wire.connect(t, target.port);
        await wire.send(post('', headers) + (wrap ? wrap(opening) : headers === chunked ? `${'f'.repeat(12)}\r\n` : ''));
        await pour(wire, total, wrap);
        assertRefused(await wire.response(), 413, { code: 'request_too_large' });
        wire.socket.destroy();
      });
    }
    for (const [name, headers, total] of [['100 MB, HTTP/2', { 'content-length': String(100 * MB) }, 100 * MB], ['no end, HTTP/2', {}, Infinity]]) {
      await t.test(name, async (t) => {
        const client = await Http2.connect(t, target.clear2);
        const call = client.request(null, headers);
        let over = false;
        const head = call.head.finally(() => (over = true));
        for (let sent = 0; sent < total && !over && !call.stream.destroyed; sent += filler.length) {
          await Promise.race([new Promise((done) => call.stream.write(filler, done)), head, call.done]);
        }
        const got = await within(head, 'the head');
        const { text } = await within(Promise.race([call.done, sleep(300).then(() => call)]), 'the end');
        assertRefused({ status: got[':status'], headers: got, body: text }, 413, { code: 'request_too_large' });
        client.session.destroy();
      });
    }
    clearInterval(watch);
    assert.ok((target.most ?? 0) < 16 * MB, `${target.most} bytes of a body in a file`);
    await target.survives({ peak: 64, rest: 16 });
    await target.letsGo();
  });
}
