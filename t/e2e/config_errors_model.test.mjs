// llm_model and llm_project: names, targets, routes, keys, and the zone that holds the
// keys.
import { keyLine, sha256 } from './lib/gateway.mjs';
import { accepted, refused, warned } from './lib/conf.mjs';

const provider = 'llm_provider p { type openai; pass http://127.0.0.1:1; key none; }\n';
const model = (name, lines = 'target p;') => `llm_model ${name} {\n${lines}\n}\n`;
const begins = (text) => text.replace('{', '{ #!');

// --- llm_model ------------------------------------------------------------------

refused('no target', begins(model('m', '')), /llm_model "m" has no "target"/);
accepted('a fallback is a target', provider + model('m', 'fallback p/x;'));

const copies = (n, name = 'p') => `target ${name};\n`.repeat(n);
warned('more targets than attempts', provider + begins(model('m', copies(8) + 'fallback p/x;')), 'warn', /llm_model "m" has 9 targets, but a request makes at most 8 attempts/);
accepted('as many targets as attempts', provider + model('m', copies(8)));
warned('targets that are disabled do not count', `${provider}llm_provider off { type openai; pass http://127.0.0.1:1; key env:LLM_TEST_MISSING if_set; #!\n}\n${model('m', copies(8) + copies(4, 'off'))}`, 'notice', /llm_provider "off" is disabled/);

const recoveries = [
  ['attempts 0;', /invalid value "0" in "attempts", it must be 1 to 16/],
  ['attempts many;', /invalid value "many" in "attempts", it must be 1 to 16/],
  ['retry -1;', /invalid value "-1" in "retry", it must be 0 to 10/],
  ['retry 11;', /invalid value "11" in "retry", it must be 0 to 10/],
  ['retry 1 dely=1s;', /unknown parameter "dely=1s" of "retry", there are: delay=, max_delay=, total_delay=/],
  ['retry 1 delay=soon;', /invalid parameter "delay=soon" of "retry", it must be a time of at least 0ms/],
  ['retry_within 0;', /"retry_within" directive has an invalid time/],
  ['retry_budget 20;', /invalid value "20" in "retry_budget", it must be 0% to 100%/],
  ['retry_budget 101%;', /invalid value "101%" in "retry_budget", it must be 0% to 100%/],
  ['hedge 0;', /"hedge" directive must be a time, "p95" or "race"/],
  ['hedge p99;', /"hedge" directive must be a time, "p95" or "race"/],
  ['hedge race max=0%;', /invalid parameter "max=0%" of "hedge", it must be 1% to 100%/],
  ['retry_budget off min=1;', /"retry_budget" directive off takes no parameters/],
];
for (const [line, message] of recoveries) refused(line, provider + model('m', `${line} #!\ntarget p;`), message);
warned('more targets than attempts that were set', provider + begins(model('m', `attempts 2; ${copies(3)}`)), 'warn', /llm_model "m" has 3 targets, but a request makes at most 2 attempts/);

const badPattern = /bad model pattern .*: a name is 1 to 256 printable characters, "\*" may only be its last, and "~" begins a regular expression/;
const patterns = {
  'a name with a blank': '"a b"',
  'an empty name': '""',
  'a name beyond ASCII': 'modèle',
  'a name with a tab': '"a\tb"',
  'a star in the middle': 'a*b',
  'a star at the beginning': '*-mini',
  'two stars': 'a**',
  'a name that is too long': 'x'.repeat(257),
};
for (const [name, pattern] of Object.entries(patterns)) {
  refused(name, provider + begins(model(pattern)), badPattern);
  refused(`${name}, behind a good one`, provider + begins(model(`good ${pattern}`)), badPattern);
}
const regexes = {
  'a group that is not closed': ['"~^(a$"', /pcre2?_compile\(\) failed: missing (closing parenthesis|\))/],
  'nothing to repeat': ['"~*a"', null],
  'nothing to repeat, in any case': ['"~**a"', /pcre2?_compile\(\) failed: (quantifier does not follow a repeatable item|nothing to repeat)/],
  'an empty regular expression': ['~', /bad model pattern "~": no regular expression behind "~"/],
  'an empty regular expression, in any case': ['~*', /bad model pattern "~\*": no regular expression behind "~"/],
};
for (const [name, [pattern, message]] of Object.entries(regexes)) {
  if (message) refused(name, provider + begins(model(pattern)), message);
  else accepted(`${name} is "~*" with "a"`, provider + model(pattern));
}

const first = /duplicate llm_model "\S+", the first one is in .*nginx\.conf:16 /;
for (const pattern of ['m', 'm-*', '~^m', '~*^m', '*']) {
  refused(`"${pattern}" in two blocks`, provider + model(pattern) + begins(model(pattern)), first);
  refused(`"${pattern}" in two blocks, among others`, provider + model(`a ${pattern} b`) + begins(model(`c ${pattern}`)), first);
  refused(`"${pattern}" twice in one block`, provider + begins(model(`${pattern} ${pattern}`)), /duplicate llm_model/);
}
accepted('a name, a prefix and two kinds of regular expression are four names', provider + model('m m* ~m ~*m'));
accepted('names are told apart by their case', provider + model('m') + model('M'));

const targets = [
  ['an unknown provider', 'target q;', /unknown llm_provider "q" in "target" of llm_model "m"/],
  ['an unknown provider behind a good one', 'target p;\ntarget q/x; #!', /unknown llm_provider "q" in "target"/],
  ['an unknown provider as a fallback', 'target p;\nfallback q/x; #!', /unknown llm_provider "q" in "fallback" of llm_model "m"/],
  ['a provider in other letters', 'target P;', /unknown llm_provider "P"/],
  ['no model behind the slash', 'target p/;', /"target" directive has an empty model name behind "\/"/],
  ['no model behind the slash of a fallback', 'fallback p/;', /"fallback" directive has an empty model name behind "\/"/],
  ['a model with a blank', 'target "p/a b";', /"target" directive has an invalid model name/],
  ['a model beyond ASCII', 'target p/modèle;', /"target" directive has an invalid model name/],
  ['a model that is too long', `target p/${'x'.repeat(257)};`, /"target" directive has an invalid model name/],
  ['a variable without a name', 'target p/$;', /invalid variable name/],
  ['an unknown parameter', 'target p/x heavy;', /unknown parameter "heavy" of "target"/],
  ['an unknown parameter of a fallback', 'fallback p speed=9;', /unknown parameter "speed=9" of "fallback"/],
];
for (const [name, lines, message] of targets) {
  refused(`target: ${name}`, provider + model('m', lines.includes('#!') ? lines : `${lines} #!`), message);
}

const needs = /invalid parameter "can(not)?=\S*" of "target", it must be names of images, audio, files, tools, json_schema, audio_output with commas between/;
const rules = [
  ['weight=x', /invalid parameter "weight=x" of "target", it must be a number up to 1000000/],
  ['weight=1000001', /invalid parameter "weight=1000001" of "target"/],
  ['weight=', /invalid parameter "weight=" of "target"/],
  ['priority=-1', /invalid parameter "priority=-1" of "target", it must be a number up to 1000/],
  ['tags=', /invalid parameter "tags=" of "target", it must be names with commas between/],
  ['keys=', /invalid parameter "keys=" of "target", it must be names with commas between/],
  ['keys=a,nobody', /llm_provider "p" has no key with "id=a", named in llm_model "m" in/],
  ['tags=a,,b', /invalid parameter "tags=a,,b"/],
  ['if=on', /invalid parameter "if=on" of "target", it must be a value with a variable/],
  ['if=$', /invalid variable name/],
  ['hours=22-06', /invalid parameter "hours=22-06" of "target", it must be HH:MM-HH:MM/],
  ['hours=10:00-10:00', /invalid parameter "hours=10:00-10:00"/],
  ['hours=22:00-06:00 zone=2', /invalid parameter "zone=2" of "target", it must be \+HH:MM, -HH:MM or Z/],
  ['zone=+02:00', /"target" directive has "zone=" without "hours="/],
  ['max_input_tokens=0', /invalid parameter "max_input_tokens=0" of "target", it must be a number of tokens/],
  ['max_input_tokens=128k', /invalid parameter "max_input_tokens=128k"/],
  ['cannot=', needs],
  ['can=vision', needs],
  ['weight=1 weight=2', /duplicate parameter "weight=2" of "target"/],
];
for (const [parameter, message] of rules) refused(`target p/x ${parameter}`, provider + model('m', `target p/x ${parameter}; #!`), message);

const routes = [
  ['route fastest;', /unknown strategy "fastest", there are cost, order, weighted, random, hash, least_busy, latency/],
  ['route cost 800ms;', /"route" directive takes "within=TIME" and nothing else behind "cost"/],
  ['route cost within=0;', /takes "within=TIME"/],
  ['route cost within=;', /takes "within=TIME"/],
  ['route order x;', /"route" directive has too many parameters/],
  ['route hash $arg_a $arg_b;', /"route" directive has too many parameters/],
  ['route hash $;', /invalid variable name/],
  ['route order;\nroute order;', /"route" directive is duplicate/],
];
for (const [line, message] of routes) refused(line.replace('\n', ' '), provider + model('m', `target p; ${line} #!`), message);
for (const name of ['latency', 'least_busy']) {
  refused(`route ${name} without a zone`, provider + begins(model('m', `route ${name}; target p;`)), new RegExp(`"route ${name}" of llm_model "m" needs an "llm_zone"`));
}
const priced = 'target p input_price=1 output_price=2;';
refused('route cost without prices', provider + begins(model('m', 'route cost; target p;')), /"route cost" of llm_model "m" needs "llm_prices", or prices of its targets/);
refused('a bound of latency without a zone', provider + begins(model('m', `route cost within=1s; ${priced}`)), /"route cost" of llm_model "m" needs an "llm_zone"/);
accepted('route cost with a target that has a price', provider + model('m', `route cost; ${priced} target p/x;`));
accepted('route cost within a bound', `llm_zone z 1m;\n${provider}${model('m', `route cost within=800ms; ${priced}`)}`);
accepted('every strategy and parameter', `llm_zone z 1m;\n${provider}` + [
  ...['order', 'weighted', 'random', 'hash', '"hash" $http_x_session', 'least_busy', 'latency'].map((route, i) => model(`m${i}`, `route ${route}; target p/x weight=0; target p/y weight=5 priority=2;`)),
  model('rest', 'target p if=$http_x_on hours=22:00-06:00 zone=+02:00 max_input_tokens=128000 tags=eu,default can=images cannot=tools,audio; fallback p weight=1;'),
].join(''));

// --- llm_project ----------------------------------------------------------------

const zone = 'llm_zone z 1m;\n';
const project = (name, lines = keyLine()) => `llm_project ${name} {\n${lines}\n}\n`;

for (const name of ['""', '"a b"', 'a/b', 'a:b', 'projet-é', 'x'.repeat(64)]) {
  refused(`a project called ${name.slice(0, 12)}`, zone + begins(project(name)), /"llm_project" directive needs a name of 1 to 63 letters, digits and "-_\.@"/);
}
accepted('a name may be 63 characters long', zone + project('x'.repeat(63)));
refused('a second project of one name', zone + project('a') + begins(project('a', keyLine('other'))), /duplicate llm_project "a", the first one is in .*nginx\.conf:16 /);
refused('a project without a key', zone + begins(project('a', '')), /llm_project "a" has no "key"/);
refused('projects without a zone', begins(project('a')), /llm_project needs "llm_zone", which holds its keys/);

const hash = sha256('sk-client');
const digits = /"key" directive needs 64 hexadecimal digits behind "sha256:"/;
const keys = [
  ['the key itself', 'key sk-client;', /"key" directive takes a client key as "sha256:HEX" only, never the key itself; the hash is made by: printf %s KEY \| sha256sum/],
  ['a hash without its kind', `key ${hash};`, /takes a client key as "sha256:HEX" only/],
  ['a key from the environment', 'key env:CLIENT_KEY;', /takes a client key as "sha256:HEX" only/],
  ['another kind of hash', `key sha512:${hash};`, /takes a client key as "sha256:HEX" only/],
  ['no hash', 'key sha256:;', digits],
  ['a hash that is too short', `key sha256:${hash.slice(1)};`, digits],
  ['a hash that is too long', `key sha256:${hash}0;`, digits],
  ['a hash with other letters', `key sha256:${'g'.repeat(64)};`, digits],
  ['an unknown parameter', `key sha256:${hash} name=x;`, /"key" directive takes nothing but "id=NAME" behind the hash/],
  ['an empty id', `key sha256:${hash} id=;`, /takes nothing but "id=NAME" behind the hash \(1 to 63 letters, digits and "-_\.@"\)/],
  ['an id with a blank', `key sha256:${hash} "id=a b";`, /takes nothing but "id=NAME"/],
  ['an id that is too long', `key sha256:${hash} id=${'x'.repeat(64)};`, /takes nothing but "id=NAME"/],
];
for (const [name, line, message] of keys) refused(`client key: ${name}`, zone + project('a', `${line} #!`), message);
accepted('a hash in capitals', zone + project('a', `key sha256:${hash.toUpperCase()};`));

const where = (line) => new RegExp(`the first one is in .*nginx\\.conf:${line} `);
const duplicates = [
  ['hash', 'twice in one project', project('a', `${keyLine('x', 'id=1')}\n${keyLine('x', 'id=2')} #!`)],
  ['hash', 'in two projects', project('a', keyLine('x', 'id=1')) + project('b', `${keyLine('x', 'id=2')} #!`)],
  ['hash', 'in other letters', project('a', keyLine('x', 'id=1')) + project('b', `key sha256:${sha256('x').toUpperCase()} id=2; #!`)],
  ['id', 'twice in one project', project('a', `${keyLine('x', 'id=1')}\n${keyLine('y', 'id=1')} #!`)],
  ['id', 'in two projects', project('a', keyLine('x', 'id=1')) + project('b', `${keyLine('y', 'id=1')} #!`)],
];
for (const [what, name, text] of duplicates) {
  refused(`client keys: the same ${what} ${name}`, zone + text, new RegExp(`duplicate ${what} of client key "\\S+", ${where(17).source}`));
}

const models = [
  ['an unknown model', 'models nosuch; #!', /llm_project "a" allows the model "nosuch", but there is no such llm_model/],
  ['an unknown model among known ones', 'models m; models m-2\nnosuch m; #!', /allows the model "nosuch"/],
  ['a bad pattern', 'models a*b; #!', badPattern],
  ['a bad regular expression', 'models "~("; #!', /pcre2?_compile\(\) failed/],
];
for (const [name, lines, message] of models) {
  refused(`models: ${name}`, zone + provider + model('m') + model('m-*') + project('a', `${lines.replace(' #!', '')}${lines.includes('#!') ? ' #!' : ''}\n${keyLine()}`), message);
}
accepted('models: names that a prefix or an expression covers', zone + provider + model('m-*') + model('~^n') + project('a', `models m-1 n;\n${keyLine()}`));
accepted('models: patterns may be ahead of their models', zone + provider + project('a', `models later-* ~^later$ p/direct;\n${keyLine()}`));

// --- llm_zone -------------------------------------------------------------------

const sizes = [
  ['no size', 'llm_zone z big; #!', /"llm_zone" directive has an invalid size/],
  ['a negative size', 'llm_zone z -1m; #!', /has an invalid size/],
  ['a size beyond all bounds', 'llm_zone z 99999999999999g; #!', /has an invalid size/],
  ['a zone too small for anything', 'llm_zone z 63k; #!', /is too small: 64k is the least/],
  ['a zone without a name', 'llm_zone "" 1m; #!', /"llm_zone" directive needs a name/],
  ['a second zone', `${zone}llm_zone y 1m; #!`, /"llm_zone" directive is duplicate/],
  ['the name of another zone, after it', 'limit_req_zone $remote_addr zone=z:1m rate=1r/s;\nllm_zone z 1m; #!', /zone "z" is already declared for a different use/],
  ['the name of another zone, before it', `${zone}limit_req_zone $remote_addr zone=z:1m rate=1r/s; #!`, /zone "z" is already declared for a different use/],
];
for (const [name, text, message] of sizes) refused(`zone: ${name}`, text, message);

const many = (n) => project('a', Array.from({ length: n }, (_, i) => keyLine(`key-${i}`)).join('\n'));
refused('zone: too small for its keys', `llm_zone z 64k; #!\n${many(2000)}`, /llm_zone "z" of 65536 bytes is too small for 2000 client keys/);
accepted('zone: large enough for as many keys', `llm_zone z 1m;\n${many(2000)}`);
accepted('zone: the least is good for a few keys', `llm_zone z 64k;\n${many(20)}`);
