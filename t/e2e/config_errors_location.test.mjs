// llm_gateway and llm_sandbox in locations, llm_server in upstream blocks.
import { accepted, refused, warned } from './lib/conf.mjs';
import { keyLine } from './lib/gateway.mjs';

const base = `llm_zone z 1m; llm_project a { ${keyLine()} } llm_provider p { type openai; pass http://127.0.0.1:1; key none; }\n`;
const location = (lines, server = '') => `server {\n${server}\nlocation /v1/ {\n${lines}\n}\n}\n`;

// --- content handlers -------------------------------------------------------------

const gateway = /"llm_gateway on" cannot share its location with proxy_pass or another content handler/;
const sandbox = /"llm_sandbox" cannot share its location with proxy_pass or another content handler/;
const sandboxSecond = /"llm_sandbox" directive cannot share its location with another content handler/;
const others = ['proxy_pass http://127.0.0.1:1;', 'fastcgi_pass 127.0.0.1:1;', 'grpc_pass 127.0.0.1:1;', 'empty_gif;', 'stub_status;'];
for (const handler of others) {
  const name = handler.split(/[ ;]/)[0];
  refused(`llm_gateway, then ${name}`, base + location(`llm_gateway on; #!\n${handler}`), gateway);
  refused(`${name}, then llm_gateway`, base + location(`${handler}\nllm_gateway on; #!`), gateway);
  refused(`llm_sandbox, then ${name}`, base + location(`llm_sandbox openai; #!\n${handler}`), sandbox);
  refused(`${name}, then llm_sandbox`, base + location(`${handler}\nllm_sandbox openai; #!`), sandboxSecond);
  accepted(`${name} in a location below llm_gateway`, base + location(`llm_gateway on;\nlocation /v1/other/ { ${handler} }`));
  accepted(`${name} beside "llm_gateway off"`, base + location(`llm_gateway off;\n${handler}`));
}
refused('llm_gateway, then llm_sandbox', base + location('llm_gateway on; #!\nllm_sandbox openai;'), gateway);
refused('llm_sandbox, then llm_gateway', base + location('llm_sandbox openai;\nllm_gateway on; #!'), gateway);
refused('llm_gateway beside proxy_pass in a nested location', base + location('location /v1/a/ {\nproxy_pass http://127.0.0.1:1;\nllm_gateway on; #!\n}'), gateway);
accepted('llm_sandbox in a location below llm_gateway', base + location('llm_gateway on;\nlocation /v1/sandbox/ { llm_sandbox anthropic; }'));
accepted('llm_gateway off in a location below llm_gateway', base + location('llm_gateway on;\nlocation /v1/other/ { llm_gateway off; }'));
accepted('if and limit_except in a location', base + location('llm_gateway on;\nif ($arg_a) { set $b 1; }\nlimit_except POST { deny all; }'));
accepted('if and limit_except in a sandbox', base + location('llm_sandbox openai;\nif ($arg_a) { set $b 1; }\nlimit_except POST { deny all; }'));

// --- an open gateway ----------------------------------------------------------------

const open = /llm_gateway without any llm_project: add one with a key, or say "llm_auth off;" for an open gateway/;
refused('a gateway without any project', location('llm_gateway on; #!'), open);
refused('a gateway without any project, but a zone', `llm_zone z 1m;\n${location('llm_gateway on; #!')}`, open);
refused('llm_auth off in another location only', `${location('llm_auth off;\nllm_gateway on;')}${location('llm_gateway on; #!')}`, open);
refused('llm_auth on again below llm_auth off', location('llm_gateway on; #!\nllm_auth off;\nlocation /v1/b/ { llm_auth on; }'), open);
for (const [place, text] of Object.entries({
  http: `llm_auth off;\n${location('llm_gateway on;')}`,
  server: location('llm_gateway on;', 'llm_auth off;'),
  location: location('llm_auth off;\nllm_gateway on;'),
})) {
  accepted(`llm_auth off in ${place}`, text);
}

// --- warnings -----------------------------------------------------------------------

const smaller = /client_max_body_size 1048576 is smaller than llm_max_body 33554432: long prompts and images get 413/;
warned('client_max_body_size in the location', base + location('client_max_body_size 1m;\nllm_gateway on; #!'), 'warn', smaller);
warned('client_max_body_size in the server', base + location('llm_gateway on; #!', 'client_max_body_size 1m;'), 'warn', smaller);
warned('a larger llm_max_body', base + location('llm_gateway on; #!\nllm_max_body 65m;'), 'warn', /client_max_body_size 67108864 is smaller than llm_max_body 68157440/);
accepted('no client_max_body_size at all', base + location('client_max_body_size 0;\nllm_gateway on;'));
accepted('the same size', base + location('client_max_body_size 1m;\nllm_max_body 1m;\nllm_gateway on;'));
accepted('a small client_max_body_size elsewhere', base + location('llm_gateway on;', 'location / { client_max_body_size 1k; }'));

// --- llm_server ---------------------------------------------------------------------

const upstream = (line, more = '') => `upstream u {\n${line}\n${more}\n}`;
const port = /"llm_server" directive has an invalid port/;
const name = /"llm_server" directive needs a host name or an address/;
const parameter = /"llm_server" directive knows only the parameters "valid=TIME" and "ipv6=on\|off"/;
const servers = [
  ['a port that is no number', 'a.test:https', port],
  ['port 0', 'a.test:0', port],
  ['a port out of range', 'a.test:65536', port],
  ['a negative port', 'a.test:-1', port],
  ['no port behind the colon', 'a.test:', port],
  ['an empty name', '""', name],
  ['no name before the port', ':443', name],
  ['a blank in the name', '"a test"', name],
  ['a path', 'a.test/v1', name],
  ['a URL', 'https://a.test', name],
  ['a wildcard', '*.a.test', name],
  ['a variable', '$host', name],
  ['a leading dot', '.a.test', name],
  ['a leading hyphen', '-a.test', name],
  ['a name beyond ASCII', 'bücher.test', name],
  ['a name that is too long', `${'a'.repeat(250)}.test`, name],
  ['an address with a bad port', '127.0.0.1:65536', /"llm_server" directive has an invalid address/],
  ['an IPv6 address that is not closed', '[::1', /"llm_server" directive has an invalid address/],
  ['an unknown parameter', 'a.test:443 weight=2', parameter],
  ['a word', 'a.test:443 resolve', parameter],
  ['ipv6 neither on nor off', 'a.test:443 ipv6=maybe', parameter],
  ['an unknown parameter behind a good one', 'a.test:443 valid=1s backup', parameter],
  ['a time that is none', 'a.test:443 valid=soon', /"llm_server" directive has an invalid "valid"/],
  ['no time', 'a.test:443 valid=', /has an invalid "valid"/],
  ['no time at all', 'a.test:443 valid=0', /has an invalid "valid"/],
  ['a parameter of an address', '127.0.0.1:443 valid=1s', /"llm_server" directive takes no parameters for an address/],
  ['a parameter of an IPv6 address', '[::1]:443 ipv6=off', /takes no parameters for an address/],
  ['a parameter of a socket', 'unix:/tmp/x.sock valid=1s', /takes no parameters for an address/],
];
for (const [what, args, message] of servers) refused(`llm_server: ${what}`, upstream(`llm_server ${args}; #!`), message);
for (const args of ['a.test', 'a.test:1', 'a_b.test:65535', 'a.test valid=500ms ipv6=off', '127.0.0.1', '127.0.0.1:1', '[::1]', '[::1]:1', 'unix:/tmp/x.sock', 'localhost:1']) {
  accepted(`llm_server ${args}`, upstream(`llm_server ${args};`));
}
const random = /"random" cannot balance "llm_server" in upstream "u": use "least_conn" or none/;
for (const more of ['random;', 'random two least_conn; keepalive 8;', '# hash\nzone u 64k; random;', 'random two; # "\nkeepalive 8;']) {
  refused(`llm_server, then ${JSON.stringify(more)}`, `upstream u { #!\nllm_server a.test;\n${more}\n}`, random);
  refused(`${JSON.stringify(more)}, then llm_server`, `upstream u { #!\n${more}\nllm_server a.test;\n}`, random);
}
for (const more of ['hash "random";', 'hash $random consistent;', '# random;\nip_hash;', 'ip_hash; # random;', "hash '; random;';"]) {
  accepted(`llm_server beside ${JSON.stringify(more)}`, 'map $uri $random { default 1; }\n' + upstream('llm_server a.test;', more));
}
accepted('random in another block', upstream('llm_server a.test; ip_hash;') + ' upstream v { server 127.0.0.1:1; random; }');
for (const more of ['keepalive 8;', 'zone u 64k; least_conn; keepalive 8;', 'ip_hash;', 'hash $remote_addr consistent;', 'server 127.0.0.1:1; server 127.0.0.1:2 backup;']) {
  accepted(`llm_server, then "${more}"`, upstream('llm_server a.test;', more));
  accepted(`"${more}", then llm_server`, upstream(more, 'llm_server a.test;'));
}
