// README's variables, response headers, errors and log lines against the source.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { codes, fences, root, same, sections, source, sources, table, text } from './lib/readme.mjs';

const set = (matches) => new Set([...matches].map((m) => m[1]));

test('README has each variable', () => {
  const known = set(source('src/ngx/variables.cc').matchAll(/\{ngx_string\("(\w+)"\)/g));
  const said = table('Embedded variables', 'variable', 'value').flatMap((row) => codes(row[0]));
  assert.ok(known.size > 0);
  same(new Set(said), new Set([...known].map((name) => `$${name}`)), 'variables');
});

// The names of RateLimits::header(): the first row of each field.
function rateLimits() {
  const first = new Map();
  for (const [, name, field] of source('src/wire/reply_head.cc').matchAll(/LimitHeader\{"([\w-]+)", RateLimits::(\w+)\}/g)) {
    if (!first.has(field)) first.set(field, name);
  }
  assert.ok(first.size > 0);
  return first.values();
}

test('README has each header of responses', () => {
  const known = new Set(rateLimits());
  for (const [file, code] of Object.entries(sources('src/ngx'))) {
    for (const [, name] of code.matchAll(/\badd_header\(\s*\w+,\s*([^,]+),/g)) {
      if (name === 'wire::RateLimits::header(field)') continue;
      const literal = /^"([\w-]+)"$/.exec(name);
      assert.ok(literal, `${file}: the test cannot read the name ${name}`);
      known.add(literal[1]);
    }
  }
  assert.ok(known.has('x-request-id'));
  const said = table('Endpoints and headers', 'header', 'value').flatMap((row) => codes(row[0]));
  same(new Set(said), known, 'headers');
});

// --- errors -----------------------------------------------------------------------

const line = (status, type, code) => `${status} ${type} ${code ?? 'null'}`;

// The rows of kTraits in the order of ErrorClass: { bad_request: { status, type, code, inVain } }
function classes() {
  const code = source('src/chat/error.cc');
  const words = new Map([...code.matchAll(/string_view (k\w+) = "(\w+)"/g)].map((m) => [m[1], m[2]]));
  const word = (s) => (s === '{}' ? null : words.get(s) ?? /^"(\w+)"$/.exec(s)?.[1] ?? assert.fail(`the test cannot read ${s}`));
  const rows = [...code.matchAll(/ErrorTraits\{"[^"]+", (\d+), ([^,]+), ([^,]+), \w+, \d+(, true)?\}/g)];
  const [, body] = /enum class ErrorClass : uint8_t \{([\s\S]*?)\};/.exec(source('src/chat/error.hpp'));
  const names = [...body.replace(/\/\/.*$/gm, '').matchAll(/\w+/g)].map((m) => m[0]);
  assert.equal(rows.length, names.length, 'the test reads the table of errors');
  return new Map(rows.map(([, status, type, code, inVain], i) => [names[i], { status, type: word(type), code: word(code), inVain }]));
}

// What nginx's own answers become. For 408 it closes the connection instead.
function pages(known) {
  const rows = [...source('src/ngx/filters.cc').matchAll(/\{(\d+), ErrorClass::(\w+), "[^"]*"(?:, "(\w+)")?\}/g)];
  assert.ok(rows.length > 0);
  return rows.filter((row) => row[1] !== '408').map(([, status, name, code]) => line(status, known.get(name).type, code ?? known.get(name).code));
}

// Codes of requests that are wrong: the last argument of bad().
function requestCodes() {
  const found = new Set();
  for (const code of Object.values(sources('src/client'))) {
    for (const [call] of code.matchAll(/\bbad\((?:"(?:[^"\\]|\\.)*"|[^";])*\);/g)) {
      const last = /,\s*"([a-z_]+)"\);$/.exec(call);
      if (last) found.add(last[1]);
    }
  }
  assert.ok(found.has('invalid_type'));
  return [...found].map((code) => line(400, 'invalid_request_error', code));
}

test('README has each error, with the status, type and code that clients get', () => {
  const known = classes();
  const inSource = new Set([...pages(known), ...requestCodes()]);
  for (const [name, { status, type, code }] of known) {
    if (name !== 'none') inSource.add(line(status, type, code));
  }
  const said = new Set();
  for (const [status, type, code] of table('Errors', 'status', 'type', 'code', 'when')) {
    const all = [...codes(code), ...(/\bnull\b/.test(code) ? [null] : [])];
    assert.ok(all.length > 0, `no code in the row ${status} ${type}`);
    for (const c of all) said.add(line(status, codes(type)[0], c));
  }
  same(said, inSource, 'errors');
});

test('README tells which errors SDKs are told not to repeat', () => {
  const inVain = [...classes().values()].filter((c) => c.inVain).map((c) => c.code);
  const [, value] = table('Endpoints and headers', 'header', 'value').find((row) => row[0] === '`x-should-retry`');
  assert.deepEqual(codes(value).slice(1).sort(), inVain.sort());
});

// --- log lines --------------------------------------------------------------------

test('README explains each log line, and only lines there are', () => {
  const formats = Object.values(sources('src')).flatMap((code) => [...code.matchAll(/"(llm: (?:[^"\\]|\\.)*)"/g)].map((m) => m[1].replaceAll('\\"', '"')));
  const literal = (s) => s.replace(/[()*+.?[\]{|}\\^$]/g, '\\$&');
  const patterns = new Map(formats.map((f) => [f, new RegExp(`^${literal(f).replace(/%[a-zA-Z]+/g, '.+')}$`)]));
  const said = table('Troubleshooting', 'log line', 'meaning').flatMap((row) => codes(row[0]));
  assert.ok(formats.length > 0);
  assert.deepEqual(said.filter((s) => ![...patterns.values()].some((p) => p.test(s))), [], 'lines nobody writes');
  assert.deepEqual(formats.filter((f) => !said.some((s) => patterns.get(f).test(s))), [], 'lines without an explanation');
});

// --- the document itself ----------------------------------------------------------

const slug = (title) => title.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-');

test('README: links lead somewhere, and the list of contents is complete', () => {
  const anchors = new Set(sections.map((s) => slug(s.title)));
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map((m) => m[1]);
  for (const link of links) {
    const there = link.startsWith('#') ? anchors.has(link.slice(1)) : fs.existsSync(path.join(root, link));
    assert.ok(there, `the link ${link} leads nowhere`);
  }
  const chapters = sections.filter((s) => s.level === 2).map((s) => `#${slug(s.title)}`);
  assert.deepEqual(links.filter((l) => l.startsWith('#')).slice(0, chapters.length), chapters, 'the list of contents');
});

test('README: both commands are on the first screen, and its make targets exist', () => {
  const screen = text.split('\n').slice(0, 24).join('\n');
  assert.match(screen, /^make run /m);
  assert.match(screen, /^make test /m);
  const targets = set(source('Makefile').matchAll(/^([a-z-]+):.*## /gm));
  const code = [...fences.map((f) => f.text), ...codes(text.replace(/^```[\s\S]*?^```$/gm, ''))];
  const used = code.flatMap((c) => [...c.matchAll(/\bmake\s+([a-z-]+)/g)].map((m) => m[1]));
  assert.ok(used.length > 3);
  for (const name of used) assert.ok(targets.has(name), `there is no "make ${name}"`);
});

const recipes = {
  'a JSON log': /^log_format \w+ escape=json$/m,
  CORS: /^ +add_header Access-Control-Allow-Origin /m,
  'environment under systemd': /^EnvironmentFile=/m,
  SELinux: /^setsebool -P httpd_can_network_connect on$/m,
  worker_shutdown_timeout: /^worker_shutdown_timeout \w+;$/m,
  worker_rlimit_nofile: /^worker_rlimit_nofile \d+;$/m,
};
for (const [name, pattern] of Object.entries(recipes)) {
  test(`README has a recipe: ${name}`, () => assert.ok(fences.some((f) => pattern.test(f.text))));
}

test('README says that limit_rate is not applied to streams', () => {
  assert.match(source('src/ngx/orchestrator.cc'), /limit_rate = 0;/);
  assert.match(text, /`limit_rate` is not applied/);
});
