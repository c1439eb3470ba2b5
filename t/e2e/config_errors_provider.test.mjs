// llm_provider: what must have been said, and what cannot be meant.
import { refused } from './lib/conf.mjs';

// A provider that lacks nothing but what a row takes away or adds.
function provider(lines = '', { name = 'p', type = 'type openai;', pass = 'pass http://127.0.0.1:1;', key = 'key none;' } = {}) {
  return `llm_provider ${name} {\n${[type, pass, key, lines].filter(Boolean).join('\n')}\n}`;
}
const begins = (text) => text.replace('{', '{ #!');

const incomplete = [
  ['no type', { type: '' }, /llm_provider "p" has no "type"/],
  ['no pass', { pass: '' }, /llm_provider "p" has no "pass"/],
  ['no key', { key: '' }, /llm_provider "p" has no "key" \(say "key none;" for an upstream that needs none\)/],
];
for (const [name, without, message] of incomplete) refused(name, begins(provider('', without)), message);

refused('an unknown type, and which there are', provider('', { type: 'type cohera; #!' }), /unknown provider type "cohera"; there are: openai, anthropic, cohere, azure, mistral, /);
refused('a type in capitals', provider('', { type: 'type OpenAI; #!' }), /unknown provider type "OpenAI"; there are: openai, anthropic, /);

const vertex = { type: 'type vertex;' };
const inPath = [
  ['no project', 'location global;', vertex, /llm_provider "p" has no "project"/],
  ['no location', 'project x;', vertex, /llm_provider "p" has no "location"/],
  ['a project of another type', 'project x;', {}, /llm_provider "p" has "project", which its type does not take/],
  ['a location of another type', 'location x;', { type: 'type gemini;' }, /llm_provider "p" has "location", which its type does not take/],
  ['safety of another type', 'safety HARASSMENT=OFF;', {}, /llm_provider "p" has "safety", which its type does not take/],
];
for (const [name, lines, more, message] of inPath) refused(name, begins(provider(lines, more)), message);

const safety = {
  'a category that is none': 'VIOLENCE=OFF',
  'a threshold that is none': 'HARASSMENT=LOW',
  'no threshold': 'HARASSMENT',
  'nothing but a sign': '=',
};
for (const [name, value] of Object.entries(safety)) {
  refused(`safety: ${name}`, provider(`safety ${value}; #!`, { type: 'type gemini;' }), /invalid value ".*" in "safety": it is made of CATEGORY=THRESHOLD/);
}
refused('a second safety', provider('safety HARASSMENT=OFF;\nsafety HARASSMENT=OFF; #!', { type: 'type gemini;' }), /"safety" directive is duplicate/);
refused('an empty project', provider('project ""; #!', vertex), /"project" directive must not be empty/);

const names = { 'a/b': 'a slash', 'a,b': 'a comma', '"a b"': 'a blank', '""': 'nothing', 'a$b': 'a dollar', [`"a'b"`]: 'a quote', ü: 'beyond ASCII', ['x'.repeat(65)]: 'too many characters' };
for (const [name, what] of Object.entries(names)) {
  refused(`a name with ${what}`, begins(provider('', { name })), /"llm_provider" directive needs a name of 1 to 64 printable characters without "\/", commas and quotes/);
}
refused('a second provider of one name', `${provider()}\n${begins(provider())}`, /duplicate llm_provider "p", the first one is in .*nginx\.conf:15 /);

const passes = [
  ['no scheme', 'api.openai.com', /"pass" directive must begin with "http:\/\/" or "https:\/\/"/],
  ['another scheme', 'ftp://api.openai.com', /must begin with "http:\/\/" or "https:\/\/"/],
  ['a scheme in capitals', 'HTTPS://api.openai.com', /must begin with "http:\/\/" or "https:\/\/"/],
  ['a query', 'https://api.openai.com/v1?a=b', /can hold neither a query nor variables/],
  ['a fragment', 'https://api.openai.com/v1#a', /can hold neither a query nor variables/],
  ['a variable', 'https://$host', /can hold neither a query nor variables/],
  ['a variable in the path', 'https://api.openai.com/$uri', /can hold neither a query nor variables/],
  ['a blank', '"https://api.openai.com/ v1"', /can hold neither a query nor variables/],
  ['no host', 'https://', /no host in upstream ""/],
  ['no host but a path', 'https:///v1', /no host in upstream "\/v1"/],
  ['a port that is none', 'https://api.openai.com:https', /invalid port in upstream/],
  ['a port out of range', 'https://api.openai.com:65536', /invalid port in upstream/],
  ['a socket without a path', 'http://unix:', /no path in the unix domain socket/],
];
for (const [name, pass, message] of passes) {
  refused(`pass: ${name}`, provider('', { pass: `pass ${pass}; #!` }), message);
}
const block = (lines) => `upstream u {\n${lines}\n}\n`;
refused('pass: a port behind the name of a block', block('server 127.0.0.1:1;') + provider('', { pass: 'pass http://u:8080; #!' }), /upstream "u" may not have port 8080/);
refused('pass: a port behind the name of a later block', `${provider('', { pass: 'pass http://u:8080; #!' })}\n${block('server 127.0.0.1:1;')}`, /upstream "u" may not have port 8080/);

const keys = [
  ['an environment variable that is not set', 'env:LLM_TEST_MISSING', /key "env:LLM_TEST_MISSING" of llm_provider "p": the environment variable is not set/],
  ['an environment variable that is empty', 'env:LLM_TEST_EMPTY', /key "env:LLM_TEST_EMPTY" of llm_provider "p": the environment variable is not set/],
  ['an environment variable with a blank in it', 'env:LLM_TEST_BLANK', /key "env:LLM_TEST_BLANK" .*holds blanks or control characters/],
  ['an environment variable with a line break in it', 'env:LLM_TEST_BREAK', /key "env:LLM_TEST_BREAK" .*holds blanks or control characters/],
  ['blanks in a variable are no matter of if_set', 'env:LLM_TEST_BLANK if_set', /key "env:LLM_TEST_BLANK" .*holds blanks or control characters/],
  ['no name behind env:', 'env:', /key "env:" of llm_provider "p": the environment variable is not set/],
  ['a file that is missing', 'file:missing', /key "file:missing" of llm_provider "p": the file cannot be read/],
  ['a directory', 'file:temp', /key "file:temp" of llm_provider "p": the file cannot be read/],
  ['a file that is empty', 'file:empty', /key "file:empty" of llm_provider "p": the file is empty/],
  ['a file of blanks', 'file:blanks', /key "file:blanks" of llm_provider "p": the file is empty/],
  ['a file with two words', 'file:two', /key "file:two" of llm_provider "p": the file holds blanks or control characters/],
  ['a file with two lines', 'file:lines', /key "file:lines" of llm_provider "p": the file holds blanks or control characters/],
  ['a file with a NUL', 'file:nul', /key "file:nul" of llm_provider "p": the file holds blanks or control characters/],
  ['a file that is no key at all', 'file:huge', /key "file:huge" of llm_provider "p": the file is larger than a key can be/],
  ['a literal with a blank', '"sk-secret 1"', /key "literal" of llm_provider "p": the key is empty or holds blanks or control characters/],
  ['a literal beyond ASCII', 'sk-sécret', /key "literal" .*the key is empty or holds blanks or control characters/],
  ['an empty literal', '""', /key "literal" .*the key is empty or holds blanks or control characters/],
  ['something else than if_set', 'sk-secret if-set', /"key" directive takes nothing but "if_set" and "id=NAME" behind the key/],
  ['an empty id', 'sk-secret id=', /"key" directive takes nothing but "if_set" and "id=NAME" behind the key/],
  ['an id that is none', 'sk-secret id=a,b', /"key" directive takes nothing but "if_set" and "id=NAME" behind the key/],
  ['one id for two keys', 'sk-secret id=a; key sk-other id=a', /"key" directive has an "id=" that another key of this provider has/],
  ['one id for a key and one that is left out', 'env:NOT_THERE if_set id=a; key sk-other id=a', /"key" directive has an "id=" that another key of this provider has/],
];
const environment = { LLM_TEST_EMPTY: '', LLM_TEST_BLANK: 'sk secret', LLM_TEST_BREAK: 'sk\nsecret' };
const keyFiles = { empty: '', blanks: ' \t\r\n', two: 'sk secret\n', lines: 'sk-1\nsk-2\n', nul: 'sk\0secret', huge: 'k'.repeat(16384) };
for (const [name, key, message] of keys) {
  refused(`key: ${name}`, provider('', { key: `key ${key}; #!` }), message, { env: environment, files: keyFiles });
}
refused('key: the same one twice', provider('key sk-1; key sk-1; #!', { key: '' }), /"key" directive is duplicate/);
refused('key: one beside none', provider('key sk-2; #!'), /"key" directive none cannot stand beside another key/);
refused('key: too many', provider(`${Array.from({ length: 16 }, (_, i) => `key sk-${i};`).join(' ')} key sk-x; #!`, { key: '' }), /"key" directive is given too often: 16 keys are the most/);

const breakers = [
  ['nothing', 'breaker;', /invalid number of arguments in "breaker" directive/],
  ['a word', 'breaker on;', /unknown parameter "on" of "breaker", there are: failures=, ratio=, requests=, window=, cooldown=, max_cooldown=/],
  ['off and more', 'breaker off window=1s;', /"breaker" directive off takes no parameters/],
  ['too many failures', 'breaker failures=17;', /invalid parameter "failures=17" of "breaker", it must be 0 to 16/],
  ['neither number nor share', 'breaker failures=0;', /"breaker" directive needs "failures=" or "ratio="; or say "breaker off;"/],
  ['a share without %', 'breaker ratio=50;', /invalid parameter "ratio=50" of "breaker", it must be 1% to 100%/],
  ['no time', 'breaker cooldown=0;', /invalid parameter "cooldown=0" of "breaker", it must be a time of at least 1ms/],
];
for (const [what, line, message] of breakers) refused(`breaker: ${what}`, provider(`${line} #!`), message);

const headers = [
  ['header: a name with a blank', 'header "x y" 1;', /"header" directive has an invalid header name/],
  ['header: a name with a colon', 'header x: 1;', /"header" directive has an invalid header name/],
  ['header: an empty name', 'header "" 1;', /"header" directive has an invalid header name/],
  ['header: a bad variable', 'header x ${y;', /closing bracket in "y" variable is missing|invalid variable name|"\$\{y"/],
  ['pass_header: a name with a blank', 'pass_header "x y";', /"pass_header" directive has an invalid header name/],
];
for (const [name, line, message] of headers) refused(name, provider(`${line} #!`), message);

for (const name of ['Host', 'content-length', 'Content-Type', 'Transfer-Encoding', 'connection', 'Accept-Encoding', 'expect', 'te', 'trailer', 'Upgrade']) {
  refused(`header: ${name} is the gateway's`, provider(`header ${name} x; #!`), /"header" directive cannot set a header that the gateway writes itself/);
  refused(`pass_header: ${name} is the gateway's`, provider(`pass_header ${name}; #!`), /"pass_header" directive cannot pass a header that the gateway writes itself/);
}
for (const name of ['Authorization', 'x-api-key', 'Cookie', 'proxy-authorization']) {
  refused(`pass_header: ${name} is the client's secret`, provider(`pass_header ${name}; #!`), /"pass_header" directive cannot pass a header that holds the client's secrets/);
}

for (const host of ['"a b"', 'a/b', 'user@a.test', 'a?b', '"a#b"', '$host', '""']) {
  refused(`host: ${host}`, provider(`host ${host}; #!`), /"host" directive must be a host name/);
}
