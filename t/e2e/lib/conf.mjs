// Tables of configurations: what `nginx -t` must say to each.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { check, frame, tempDir } from './gateway.mjs';

// Writes `files` (name: content) and a configuration, and runs `nginx -t`.
// `http` may be a function of the directory.
export function run({ http = '', main = '', events = '', files = {}, env = {} }) {
  const dir = tempDir('check');
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), typeof content === 'function' ? content(dir) : content);
  }
  const text = typeof http === 'function' ? http(dir) : http;
  const conf = frame({ dir, main, events, http: text });
  return { ...check(conf, { dir, env }), conf };
}

// Where a message must point: the line that ends in `#!`, of whichever file.
function marked(result, files) {
  const candidates = [['nginx.conf', result.conf], ...Object.keys(files).map((name) => [name, null])];
  for (const [name, text] of candidates) {
    const lines = (text ?? fs.readFileSync(path.join(result.dir, name), 'utf8')).split('\n');
    const at = lines.findIndex((line) => line.endsWith('#!'));
    if (at >= 0) return `${path.join(result.dir, name)}:${at + 1}`;
  }
  return `${path.join(result.dir, 'nginx.conf')}:${result.conf.split('\n').length}`;
}

function says(result, level, message, files = {}) {
  const place = marked(result, files);
  const lines = result.output.split('\n').filter((line) => line.includes(`[${level}]`));
  const found = lines.some((line) => line.endsWith(` in ${place}`) && message.test(line));
  assert.ok(found, `expected ${message} in ${place}, got:\n${result.output}`);
}

// A configuration that is refused with a message that points to the line marked
// with `#!`, or to the file's end when there is no mark.
export function refused(name, http, message, options = {}) {
  test(name, () => {
    const result = run({ http, ...options });
    assert.equal(result.ok, false, `it was accepted:\n${result.output}`);
    says(result, 'emerg', message, options.files);
  });
}

// A configuration that is accepted, with a warning or a notice.
export function warned(name, http, level, message, options = {}) {
  test(name, () => {
    const result = run({ http, ...options });
    assert.ok(result.ok, result.output);
    says(result, level, message, options.files);
  });
}

// A configuration that is accepted without a word.
export function accepted(name, http, options = {}) {
  test(name, () => {
    const result = run({ http, ...options });
    assert.ok(result.ok, result.output);
    assert.doesNotMatch(result.output, /\[(warn|notice|error|crit|alert|emerg)\]/);
  });
}
