// README.md and the sources it describes, as tests read them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../../..');
export const source = (file) => fs.readFileSync(path.join(root, file), 'utf8');
export const text = source('README.md');

// All .cc and .hpp files below a folder: { name: text }.
export function sources(folder) {
  const names = fs.readdirSync(path.join(root, folder), { recursive: true }).filter((name) => /\.(cc|hpp)$/.test(name));
  return Object.fromEntries(names.sort().map((name) => [name, source(path.join(folder, name))]));
}

// Code blocks: [{ language, tag, text, line }].
export const fences = [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map((m) => {
  const [language, ...tag] = m[1].trim().split(' ');
  return { language, tag: tag.join(' '), text: m[2], line: text.slice(0, m.index).split('\n').length };
});

// Headings with what stands below them up to the next heading:
// [{ level, title, parent, text }]. A `#` in a code block is none.
export const sections = (() => {
  const out = [];
  let code = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) code = !code;
    const heading = !code && /^(#+) (.+)$/.exec(line);
    if (!heading) {
      if (out.length) out.at(-1).text += `${line}\n`;
      continue;
    }
    const level = heading[1].length;
    const parent = out.findLast((s) => s.level < level);
    out.push({ level, title: heading[2], parent, text: '' });
  }
  return out;
})();

export function section(title) {
  const found = sections.filter((s) => s.title === title);
  assert.equal(found.length, 1, `README has ${found.length} sections "${title}"`);
  return found[0].text;
}

// The tables of a text, each a list of rows, each a list of cells.
export function tables(markdown) {
  const out = [];
  let rows = null;
  for (const line of markdown.split('\n')) {
    if (!line.startsWith('|')) {
      rows = null;
      continue;
    }
    if (!rows) out.push((rows = []));
    const cells = line.slice(1, line.lastIndexOf('|')).split(/(?<!\\)\|/);
    rows.push(cells.map((cell) => cell.trim().replaceAll('\\|', '|')));
  }
  // Without the line below the head.
  return out.map((table) => table.filter((row) => !row.every((cell) => /^:?-+:?$/.test(cell))));
}

// The rows below the head of the section's table with that head.
export function table(title, ...head) {
  const found = tables(section(title)).filter((rows) => head.every((cell, i) => rows[0][i] === cell));
  assert.equal(found.length, 1, `"${title}" has ${found.length} tables with the head ${head.join(', ')}`);
  return found[0].slice(1);
}

// What stands in backquotes.
export const codes = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1]);

// A number with its unit: a time in milliseconds, a size in bytes.
export function quantity(written) {
  const [, n, unit] = /^(\d+)(ms|s|k|m|)$/.exec(written) ?? assert.fail(`"${written}" is no number`);
  return Number(n) * { ms: 1, s: 1000, k: 1024, m: 1048576, '': 1 }[unit];
}

export function same(readme, code, what) {
  const missing = [...code].filter((x) => !readme.has(x));
  const unknown = [...readme].filter((x) => !code.has(x));
  assert.deepEqual({ missing, unknown }, { missing: [], unknown: [] }, `${what}: missing in README, unknown to the source`);
}
