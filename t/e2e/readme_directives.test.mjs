// README's directives against the module's own tables: names, contexts, syntax
// and defaults. The expected values are read from the source, never copied.
import assert from 'node:assert/strict';
import test from 'node:test';
import { run } from './lib/conf.mjs';
import { keyLine } from './lib/gateway.mjs';
import { quantity, same, section, sections, source, sources, tables, text } from './lib/readme.mjs';

const module = source('src/ngx/module.cc');
const constants = new Map();
for (const code of Object.values(sources('src/ngx'))) {
  for (const [, name, value] of code.matchAll(/constexpr [\w:]+ (k\w+) = ([^;]+);/g)) constants.set(name, value);
}

// --- the source ------------------------------------------------------------------

const CONTEXTS = {
  NGX_HTTP_MAIN_CONF: 'http',
  NGX_HTTP_SRV_CONF: 'server',
  NGX_HTTP_LOC_CONF: 'location',
  NGX_HTTP_LIF_CONF: 'if in location',
  NGX_HTTP_UPS_CONF: 'upstream',
};

// kHttp and the like are put in place; the names of blocks stay.
function flagsOf(expression) {
  return expression.split('|').flatMap((part) => {
    const name = part.trim();
    const isBlock = /^k\w+Block$/.test(name);
    return !isBlock && constants.has(name) ? flagsOf(constants.get(name)) : [name];
  });
}

function contextOf(flag) {
  const block = /^k(\w+)Block$/.exec(flag);
  if (block) return `llm_${block[1].toLowerCase()}`;
  if (!flag.startsWith('NGX_HTTP_')) return null;
  return CONTEXTS[flag] ?? assert.fail(`the test does not know ${flag}`);
}

// { drop: 'kDropUnsupported', ... }
function enumOf(name) {
  const [, body] = new RegExp(`ngx_conf_enum_t ${name}\\[\\] = \\{([\\s\\S]*?)ngx_null_string`).exec(module);
  return Object.fromEntries([...body.matchAll(/ngx_string\("([\w-]+)"\), ([^}]+)/g)].map((m) => [m[1], m[2]]));
}

const [, body] = /ngx_command_t commands\[\] = \{([\s\S]*?)ngx_null_command/.exec(module);
const commands = body.split('{ngx_string(').slice(1).map((row) => {
  const [, name, expression] = /^"(\w+)"\),\s*([^,]+),/.exec(row);
  const flags = flagsOf(expression);
  const values = /(\w+_values)\}/.exec(row)?.[1];
  return {
    name,
    flags,
    contexts: flags.map(contextOf).filter(Boolean),
    values: values && enumOf(values),
    member: /(?:offsetof\(LocConf, |&(?:ProviderConf|TlsSettings)::)(\w+)/.exec(row)?.[1] ?? name.replace(/^llm_/, ''),
  };
});

// What a member is without its directive: { max_body: '32 * kMegabyte', ... }
const defaults = new Map();
for (const code of Object.values(sources('src/ngx'))) {
  const values = code.matchAll(/ngx_conf_(?:merge|init)_(?:[a-z]+_)?value\([\w.>-]*[.>](\w+), (?:prev->\w+, )?([^;]+)\);/g);
  for (const [, member, value] of values) defaults.set(member, value);
}

// The number behind `32 * kMegabyte`.
function evaluate(expression) {
  return expression.split(' * ').reduce((product, factor) => {
    const n = Number(constants.get(factor) ?? factor);
    assert.ok(Number.isInteger(n), `the test cannot read the default ${expression}`);
    return product * n;
  }, 1);
}

// --- README ----------------------------------------------------------------------

const directives = sections.filter((s) => s.level > 2 && (s.parent.title === 'Directives' || s.parent.parent?.title === 'Directives'));
const documented = directives.map((s) => {
  const cells = Object.fromEntries((tables(s.text)[0] ?? []).map((row) => [row[0], row[1]]));
  const syntax = cells['Syntax:'] ?? '';
  return {
    title: s.title,
    parent: s.level === 4 ? s.parent.title : null,
    name: /^\*\*(\w+)\*\*/.exec(syntax)?.[1],
    syntax,
    default: cells['Default:'] ?? '',
    contexts: (cells['Context:'] ?? '').split(', '),
    description: s.text.replace(/^\|.*$/gm, '').trim(),
  };
});

const key = (d) => `${d.name} in ${d.contexts.join(', ')}`;
const commandOf = (d) => commands.find((c) => key(c) === key(d)) ?? assert.fail(`no directive "${key(d)}"`);
// `name value;`, not a sentence.
const isLine = (d) => d.default.startsWith(`${d.name} `) && d.default.endsWith(';');

test('README has each directive, in the contexts the module gives it', () => {
  assert.ok(commands.length > 30 && commands.every((c) => c.contexts.length > 0), 'the test reads the table of commands');
  same(new Set(documented.map(key)), new Set(commands.map(key)), 'directives');
  assert.equal(documented.length, commands.length, 'a directive is described twice');
});

for (const d of documented) {
  test(`README: ${d.title}`, () => {
    const command = commandOf(d);
    assert.match(d.title, new RegExp(`^${d.name}( \\(\\w+\\))?$`), 'the heading is the name');
    const block = d.contexts.find((c) => c.startsWith('llm_')) ?? null;
    assert.equal(d.parent, block, 'it stands below its block');
    assert.notEqual(d.description, '', 'there is a description');

    assert.equal(d.syntax.includes(' on | off;'), command.flags.includes('NGX_CONF_FLAG'), 'syntax of a flag');
    assert.equal(d.syntax.endsWith('{ ... }'), command.flags.includes('NGX_CONF_BLOCK'), 'syntax of a block');
    assert.match(d.syntax, / \{ \.\.\. \}$|;$/, 'the syntax is complete');
    if (command.values) assert.equal(d.syntax, `**${d.name}** ${Object.keys(command.values).join(' | ')};`, 'values');

    assert.notEqual(d.default, '', 'there is a default, or —');
    const inSource = defaults.get(command.member);
    assert.equal(isLine(d), inSource !== undefined, `README says "${d.default}", the source ${inSource}`);
    if (inSource === undefined) return;
    const value = d.default.slice(d.name.length + 1, -1);
    if (command.values) {
      assert.equal(command.values[value], inSource);
    } else if (command.flags.includes('NGX_CONF_FLAG')) {
      assert.equal(value, ['off', 'on'][evaluate(inSource)]);
    } else {
      assert.equal(quantity(value), evaluate(inSource));
    }
  });
}

test('README: the types are those of the registry, and of the sandbox', () => {
  const rows = source('src/providers/registry.cc').split(/\bProvider\{/).slice(1);
  const inSource = rows.map((row) => [/\.name = "(\w+)"/.exec(row)[1], /\.base = "([^"]*)"/.exec(row)?.[1] ?? '']);
  assert.ok(inSource.length > 0);
  const [[, ...said]] = tables(section('Provider types'));
  assert.deepEqual(said.map(([type, , base]) => [type, base].map((cell) => cell.replaceAll('`', ''))), inSource);
  assert.ok(said.every((row) => row.every((cell, i) => i === 2 || cell !== '')), 'each row says everything');
  const [, played] = /unknown llm_sandbox type .*there are: ([\w, ]+)"/.exec(source('src/ngx/conf_location.cc'));
  assert.equal(documented.find((d) => d.name === 'llm_sandbox').syntax, `**llm_sandbox** ${played.split(', ').join(' | ')};`);
});

test('README: defaults as printed are directives that nginx takes', () => {
  const lines = (context) => documented.filter((d) => isLine(d) && d.contexts.includes(context)).map((d) => d.default).join('\n');
  const result = run({
    http: `
      llm_zone z 1m;
      llm_project a { ${keyLine()} }
      llm_provider p { type openai; pass https://api.test; key none; ${lines('llm_provider')} }
      ${lines('http')}
      server { ${lines('server')} location / { ${lines('location')} } }`,
  });
  assert.ok(result.ok, result.output);
  assert.doesNotMatch(result.output, /\[warn\]/);
});

// Numbers in sentences: what, README's, the source's.
const Q = '(\\d+(?:ms|s|k|m)?)';
const numbers = [
  ['attempts', `at\\s+most ${Q} attempts`, '../policy/plan.hpp', /kMaxAttempts = (\d+)/],
  ['attempts among the caps', `${Q} attempts a\\s+request`, '../policy/plan.hpp', /kMaxAttempts = (\d+)/],
  ['response headers', `${Q} of response headers`, 'conf_provider.cc', /kHeaderBytes = (\d+)/],
  ['interim responses', `${Q} interim`, 'upstream.cc', /kMaxInterim = (\d+)/],
  ['chunked framing', `and ${Q} of chunk extensions`, 'upstream.cc', /kMaxFraming = (\d+)/],
  ['depth', `At most ${Q}\\.`, 'module.cc', /depth_bounds = \{ngx_conf_check_num_bounds, 1, (\d+)\}/],
  ['the least zone', `${Q} is the least`, 'zone.cc', /kMinSize = (\d+)/],
  ['valid', `\`valid\` \\(${Q} by default\\)`, 'resolve.hpp', /valid = (\d+);/],
  ['first retry of DNS', `asked for again in ${Q} second`, 'resolve.cc', /kFirstRetry = (\d+)000;/],
  ['port', `default port is ${Q}`, 'conf_server.cc', /kDefaultPort = (\d+)/],
  ['names of models', `1 to ${Q} printable ASCII characters without blanks\\. At`, 'conf_model.cc', /kMaxName = (\d+)/],
  ['names of providers', `1 to ${Q} printable ASCII characters without blanks and`, 'conf_provider.cc', /is_token\(s, (\d+)\)/],
  ['names of projects', `1 to ${Q} letters, digits`, 'zone.hpp', /kMaxName = (\d+)/],
  ['request id', `1 to ${Q} safe characters`, 'respond.cc', /kMaxRequestId = (\d+)/],
  ['what is held of a stream', `first ${Q} of a stream`, 'attempt.hpp', /kHeld = (\d+)/],
  ['client key', `up to ${Q} bytes that you choose`, 'auth.cc', /kMaxKey = (\d+)/],
  ['digits of a key', `first ${Q} digits of the hash`, 'conf_project.cc', /kSha256\.size\(\), (\d+)\)/],
  ['workers', `at most ${Q} of them`, 'zone.hpp', /kWorkers = (\d+)/],
  ['tools', `caps: ${Q} tools`, '../client/format.hpp', /tools = (\d+)/],
  ['targets in the zone', `up to ${Q}\\s+targets`, 'load.cc', /kMaxRows = (\d+)/],
  ['targets in the smallest zone', `targets \\(${Q} in`, 'load.cc', /kMinRows = (\d+)/],
  ['a target is measured again', `measured for ${Q} seconds`, '../policy/select.hpp', /kStale = (\d+)/],
  ['a failure counts as slow', `counts as ${Q} seconds`, '../policy/select.hpp', /kFailure = (\d+)'000/],
  ['beginning of a conversation', `${Q} bytes of each`, 'choose.cc', /kBeginning = (\d+)/],
  ['the usual length of an answer', `\`max_tokens\` \\(${Q} without`, '../policy/tokens.hpp', /kUsualOutput = (\d+)/],
  ['names of wishes', `at most ${Q} names`, '../policy/wishes.hpp', /kMax = (\d+)/],
  ['tokens of an image', `an image \\| ${Q},`, '../policy/tokens.cc', /kImage = (\d+)/],
  ['tokens of a small image', `\`low\` ${Q} `, '../policy/tokens.cc', /kSmallImage = (\d+)/],
  ['tokens of a file', `16 bytes in base64, at least ${Q}`, '../policy/tokens.cc', /kFile = (\d+)/],
  ['dropped fields', `carry, up to ${Q} bytes`, '../chat/dropped.hpp', /kMax = (\d+)/],
];
for (const [name, inReadme, file, inSource] of numbers) {
  test(`README: a number in a sentence, ${name}`, () => {
    const said = [...text.matchAll(new RegExp(inReadme, 'g'))];
    assert.equal(said.length, 1, `README has ${said.length} sentences like /${inReadme}/`);
    const found = inSource.exec(source(`src/ngx/${file}`)) ?? assert.fail(`${file} has no ${inSource}`);
    assert.equal(quantity(said[0][1]), Number(found[1]));
  });
}

test('README: headers that are refused are those of the source', () => {
  const list = (name) => /\{([\s\S]*?)\};/.exec(source('src/ngx/conf_provider.cc').split(`${name}[] = `)[1])[1];
  const never = [...list('kNeverPassed').matchAll(/"([^"]+)"/g)].map((m) => m[1]);
  const passed = [...source('src/ngx/headers.cc').split('kAlwaysPassed[] = ')[1].split(';')[0].matchAll(/"([^"]+)"/g)].map((m) => m[1]);
  const said = section('pass_header').toLowerCase();
  assert.ok(never.length > 0 && passed.length > 0);
  for (const name of [...never, ...passed]) assert.ok(said.includes(`\`${name}\``), `pass_header does not name ${name}`);
});
