// Arguments, places and blocks: what nginx's parser is told about every
// directive of the module.
import { refused } from './lib/conf.mjs';

const blocks = {
  http: (line) => `${line} #!`,
  upstream: (line) => `upstream u {\n${line} #!\n}`,
  server: (line) => `server {\n${line} #!\n}`,
  location: (line) => `server { location / {\n${line} #!\n} }`,
  llm_provider: (line) => `llm_provider p {\n${line} #!\n}`,
  llm_model: (line) => `llm_model m {\n${line} #!\n}`,
  llm_project: (line) => `llm_project p {\n${line} #!\n}`,
};

// Each directive: the blocks it belongs to, and lines with a wrong number of
// arguments.
const directives = {
  llm_zone: [['http'], '', 'a', 'a 1m b'],
  llm_provider: [['http'], '{ }', 'a b { }'],
  llm_model: [['http'], '{ }'],
  llm_project: [['http'], '{ }', 'a b { }'],
  llm_fallback: [['http'], ''],
  llm_server: [['upstream'], ''],
  llm_gateway: [['location'], '', 'on on'],
  llm_sandbox: [['location'], '', 'openai anthropic'],
  llm_auth: [['http', 'server', 'location'], '', 'on on'],
  llm_direct: [['http', 'server', 'location'], '', 'on on'],
  llm_headers: [['http', 'server', 'location'], '', 'on on'],
  llm_keepalive: [['http', 'server', 'location'], '', '1s 2s'],
  llm_unsupported: [['http', 'server', 'location'], '', 'drop reject'],
  llm_model_name: [['http', 'server', 'location'], '', 'asked provider'],
  llm_max_body: [['http', 'server', 'location'], '', '1m 2m'],
  llm_max_depth: [['http', 'server', 'location'], '', '1 2'],
  llm_max_event: [['http', 'server', 'location'], '', '1m 2m'],
  llm_max_response: [['http', 'server', 'location'], '', '1m 2m'],
  llm_max_tool_arguments: [['http', 'server', 'location'], '', '1m 2m'],
  type: [['llm_provider'], '', 'openai anthropic'],
  pass: [['llm_provider'], '', 'http://a http://b'],
  host: [['llm_provider'], '', 'a b'],
  key: [['llm_provider', 'llm_project'], '', 'a b c d'],
  auth: [['llm_provider'], '', 'bearer api-key'],
  api_version: [['llm_provider'], '', '2024-10-21 2025-01-01'],
  header: [['llm_provider'], '', 'a', 'a b c'],
  pass_header: [['llm_provider'], '', 'a b'],
  breaker: [['llm_provider'], ''],
  connect_timeout: [['llm_provider'], '', '1s 2s'],
  send_timeout: [['llm_provider'], '', '1s 2s'],
  first_token_timeout: [['llm_provider'], '', '1s 2s'],
  idle_timeout: [['llm_provider'], '', '1s 2s'],
  total_timeout: [['llm_provider'], '', '1s 2s'],
  ssl_verify: [['llm_provider'], '', 'on on'],
  ssl_verify_depth: [['llm_provider'], '', '1 2'],
  ssl_trusted_certificate: [['llm_provider'], '', 'a b'],
  ssl_certificate: [['llm_provider'], '', 'a b'],
  ssl_certificate_key: [['llm_provider'], '', 'a b'],
  target: [['llm_model'], ''],
  fallback: [['llm_model'], ''],
  attempts: [['llm_model'], '', '1 2'],
  retry: [['llm_model'], ''],
  retry_within: [['llm_model'], '', '1s 2s'],
  hedge: [['llm_model'], '', '1s 2 3'],
  retry_budget: [['llm_model'], '', '1% 2 3'],
  models: [['llm_project'], ''],
};

const isBlock = (name) => /^llm_(provider|model|project)$/.test(name);
// nginx has directives of these names in places of its own.
const nginxOwns = {
  send_timeout: ['http', 'server', 'location'],
  ssl_verify_depth: ['http', 'server'],
  ssl_trusted_certificate: ['http', 'server'],
  ssl_certificate: ['http', 'server'],
  ssl_certificate_key: ['http', 'server'],
};

for (const [name, [places, ...wrong]] of Object.entries(directives)) {
  for (const args of wrong) {
    for (const place of places) {
      const line = `${name} ${args}${isBlock(name) ? '' : ';'}`;
      refused(`${place}: "${line}" has a wrong number of arguments`, blocks[place](line), new RegExp(`invalid number of arguments in "${name}" directive`));
    }
  }

  const elsewhere = Object.keys(blocks).filter((b) => !places.includes(b) && !nginxOwns[name]?.includes(b));
  const line = isBlock(name) ? `${name} x { }` : `${name} x;`;
  for (const place of elsewhere) {
    refused(`${name} does not belong into ${place}`, blocks[place](line), new RegExp(`"${name}" directive is not allowed here`));
  }
}

const flags = ['llm_gateway', 'llm_auth', 'llm_direct', 'llm_headers', 'ssl_verify'];
for (const name of flags) {
  const place = name === 'ssl_verify' ? 'llm_provider' : 'location';
  refused(`${name} is on or off`, blocks[place](`${name} maybe;`), new RegExp(`invalid value "maybe" in "${name}" directive, it must be "on" or "off"`));
}

const wrongValues = [
  ['location', 'llm_unsupported maybe;', /invalid value "maybe" in "llm_unsupported", it must be "drop" or "reject"/],
  ['location', 'llm_model_name maybe;', /invalid value "maybe" in "llm_model_name", it must be "provider" or "asked"/],
  ['location', 'llm_max_body some;', /"llm_max_body" directive invalid value/],
  ['location', 'llm_max_event -1;', /"llm_max_event" directive invalid value/],
  ['location', 'llm_max_response 1s;', /"llm_max_response" directive invalid value/],
  ['location', 'llm_max_tool_arguments 1.5m;', /"llm_max_tool_arguments" directive invalid value/],
  ...['llm_max_body', 'llm_max_event', 'llm_max_response', 'llm_max_tool_arguments'].flatMap((name) => [
    ['location', `${name} 0;`, new RegExp(`"${name}" directive must be between 1 and 1g`)],
    ['location', `${name} 1025m;`, new RegExp(`"${name}" directive must be between 1 and 1g`)],
  ]),
  ['location', 'llm_max_depth 0;', /value must be between 1 and 512/],
  ['location', 'llm_max_depth 513;', /value must be between 1 and 512/],
  ['location', 'llm_max_depth deep;', /invalid number/],
  ['location', 'llm_sandbox gemini;', /unknown llm_sandbox type "gemini"; there are: openai, anthropic/],
  ['llm_provider', 'auth basic;', /invalid value "basic" in "auth", it must be "bearer" or "x-api-key" or "api-key"/],
  ['llm_provider', 'api_version v1;', /"api_version" directive must be a date such as 2024-10-21/],
  ['llm_provider', 'api_version 2024-10-2x;', /"api_version" directive must be a date/],
  ['llm_provider', 'api_version 2024-10-21; api_version 2024-10-22;', /"api_version" directive is duplicate/],
  ['llm_provider', 'connect_timeout soon;', /"connect_timeout" directive invalid value/],
  ['llm_provider', 'send_timeout 1x;', /"send_timeout" directive invalid value/],
  ['llm_provider', 'first_token_timeout -1;', /"first_token_timeout" directive invalid value/],
  ['llm_provider', 'idle_timeout 1m1h;', /"idle_timeout" directive invalid value/],
  ['llm_provider', 'total_timeout 0;', /"total_timeout" directive must not be 0/],
  ['llm_provider', 'connect_timeout 0s;', /"connect_timeout" directive must not be 0/],
  ['llm_provider', 'ssl_verify_depth deep;', /invalid number/],
];
for (const [place, line, message] of wrongValues) {
  refused(`${place}: "${line}"`, blocks[place](line), message);
}

const once = {
  location: [
    'llm_gateway on;',
    'llm_sandbox openai;',
    'llm_auth off;',
    'llm_direct on;',
    'llm_headers off;',
    'llm_keepalive 1s;',
    'llm_unsupported drop;',
    'llm_model_name asked;',
    'llm_max_body 1m;',
    'llm_max_depth 1;',
    'llm_max_event 1m;',
    'llm_max_response 1m;',
    'llm_max_tool_arguments 1m;',
  ],
  llm_provider: [
    'type openai;',
    'pass http://127.0.0.1:1;',
    'host a.test;',
    'key none;',
    'breaker off;',
    'connect_timeout 1s;',
    'send_timeout 1s;',
    'first_token_timeout 1s;',
    'idle_timeout 1s;',
    'total_timeout 1s;',
    'ssl_verify on;',
    'ssl_verify_depth 1;',
    'ssl_trusted_certificate a;',
    'ssl_certificate a;',
    'ssl_certificate_key a;',
  ],
  llm_model: ['attempts 2;', 'retry 1;', 'retry_within 1s;', 'retry_budget 20%;', 'hedge 1s;'],
  http: ['llm_zone z 1m;'],
};
for (const [place, lines] of Object.entries(once)) {
  for (const line of lines) {
    const name = line.split(' ')[0];
    refused(`${name} twice`, blocks[place](`${line}\n${line}`), new RegExp(`"${name}" directive is duplicate`));
  }
}

const bodies = {
  llm_provider: 'type openai; pass http://127.0.0.1:1; key none;',
  llm_model: 'target p;',
  llm_project: `key sha256:${'0'.repeat(64)};`,
};
for (const [block, body] of Object.entries(bodies)) {
  refused(`${block} without a block`, `${block} x; #!`, new RegExp(`directive "${block}" has no opening "{"`));
  refused(`${block} that is not closed before the next one`, `${block} x {\nserver { #!\n}`, /"server" directive is not allowed here/);
  refused(`${block} that is never closed`, `${block} x { ${body}`, /unexpected end of file, expecting "}"/);
  refused(`a line of ${block} without its semicolon`, `${block} x {\nkey none\n} #!`, /unexpected "}"|directive "key" is not terminated by ";"/);
  refused(`an unknown directive in ${block}`, `${block} x {\nkay none; #!\n}`, /unknown directive "kay"/);
  refused(`a directive of http in ${block}`, `${block} x {\nsendfile on; #!\n}`, /"sendfile" directive is not allowed here/);
  refused(`${block} in ${block}`, `${block} x {\n${block} y { } #!\n}`, new RegExp(`"${block}" directive is not allowed here`));
}

refused('an error in an included file names that file', (dir) => `llm_provider p {\ninclude ${dir}/inner.conf;\n}`, /"type" directive is duplicate/, {
  files: { 'inner.conf': 'type openai;\ntype openai; #!\n' },
});
refused('an included file that is not there', (dir) => `llm_provider p {\ninclude ${dir}/inner.conf; #!\n}`, /open\(\) ".*inner\.conf" failed/);
