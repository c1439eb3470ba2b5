// Names and certificates of llm_provider, and upstream blocks that two
// providers share.
import { selfSigned } from './lib/certs.mjs';
import { accepted, refused, warned } from './lib/conf.mjs';

const mine = selfSigned('a.test');
const other = selfSigned('a.test');
const files = { 'ca.pem': mine.cert, 'other.pem': other.cert, 'cert.pem': mine.cert, 'key.pem': mine.key, 'other-key.pem': other.key, 'no.pem': 'no certificate' };

const provider = (pass, lines = '', name = 'p') => `llm_provider ${name} {\ntype openai; key none;\npass ${pass};\n${lines}\n}\n`;
const begins = (text) => text.replace('{', '{ #!');
const block = (lines, name = 'u') => `upstream ${name} {\n${lines}\n}\n`;

for (const line of ['ssl_verify on;', 'ssl_verify off;', 'ssl_verify_depth 2;', 'ssl_trusted_certificate ca.pem;', 'ssl_certificate cert.pem; ssl_certificate_key key.pem;']) {
  refused(`${line.split(' ')[0]} with http://: "${line}"`, begins(provider('http://a.test', line)), /llm_provider "p" has ssl_\* directives, but "pass" is not https:\/\//, { files });
}
for (const line of ['ssl_certificate cert.pem;', 'ssl_certificate_key key.pem;']) {
  refused(`${line.split(' ')[0]} alone`, begins(provider('https://a.test', line)), /llm_provider "p" needs both "ssl_certificate" and "ssl_certificate_key"/, { files });
}

const broken = [
  ['an authority that is not there', 'ssl_trusted_certificate missing.pem;'],
  ['an authority that is no certificate', 'ssl_trusted_certificate no.pem;'],
  ['a certificate that is not there', 'ssl_certificate missing.pem; ssl_certificate_key key.pem;'],
  ['a key that is not there', 'ssl_certificate cert.pem; ssl_certificate_key missing.pem;'],
  ['a key of another certificate', 'ssl_certificate cert.pem; ssl_certificate_key other-key.pem;'],
];
for (const [name, line] of broken) {
  refused(name, begins(provider('https://a.test', line)), /TLS of llm_provider "p" cannot be set up/, { files });
}

// Each: what `pass` names, and the lines of the block behind it.
const unclear = [
  ['two names', 'https://u', 'llm_server a.test; llm_server b.test;'],
  ['one name at two ports', 'https://u', 'llm_server a.test:443; llm_server a.test:8443;'],
  ['addresses', 'https://u', 'server 127.0.0.1:1; server 127.0.0.2:1;'],
  ['one address', 'https://u', 'server 127.0.0.1:443;'],
  ['one IPv6 address', 'https://u', 'server [::1]:443;'],
  ['a name and an address', 'https://u', 'llm_server a.test; server 127.0.0.1:443 backup;'],
  ['two names without TLS', 'http://u', 'llm_server a.test; llm_server b.test;'],
  ['an address in pass', 'https://127.0.0.1:8443', null],
  ['an IPv6 address in pass', 'https://[::1]/v1', null],
];
for (const [name, pass, lines] of unclear) {
  const servers = lines ? block(lines) : '';
  refused(`no host: ${name}`, servers + begins(provider(pass)), /llm_provider "p" needs "host": no one name follows from "pass http/);
  accepted(`host given: ${name}`, servers + provider(pass, 'host a.test;'));
}
const clear = [
  ['a host', 'https://a.test', null],
  ['a host and a port', 'https://a.test:8443/v1', null],
  ['one llm_server', 'https://u', 'llm_server a.test;'],
  ['the same name twice', 'https://u', 'llm_server a.test:443; llm_server a.test;'],
  ['an address without TLS', 'http://127.0.0.1:1', null],
  ['a socket', 'http://unix:/tmp/x.sock:/v1', null],
];
for (const [name, pass, lines] of clear) accepted(`host follows: ${name}`, (lines ? block(lines) : '') + provider(pass));

warned('certificates that are not verified', begins(provider('https://a.test', 'ssl_verify off;')), 'warn', /llm_provider "p" does not verify certificates/);
warned('an address whose certificate is not verified needs no name', begins(provider('https://127.0.0.1', 'ssl_verify off;')), 'warn', /does not verify/);

const shared = block('llm_server a.test;');
const message = /llm_provider "q" and "p" use the upstream "u" with different TLS settings or names: give each its own upstream block/;
const two = (pass1, lines1, pass2, lines2, mark = (x) => x) => shared + provider(pass1, lines1) + mark(provider(pass2, lines2, 'q'));
const clashes = [
  ['http and https', 'http://u', '', 'https://u', ''],
  ['two hosts', 'https://u', 'host a.test;', 'https://u', 'host b.test;'],
  ['a host and the default', 'https://u', '', 'https://u', 'host b.test;'],
  ['two authorities', 'https://u', 'ssl_trusted_certificate ca.pem;', 'https://u', 'ssl_trusted_certificate other.pem;'],
  ['an authority and the default', 'https://u', '', 'https://u', 'ssl_trusted_certificate ca.pem;'],
  ['two depths', 'https://u', 'ssl_verify_depth 2;', 'https://u', ''],
  ['a client certificate and none', 'https://u', '', 'https://u', 'ssl_certificate cert.pem; ssl_certificate_key key.pem;'],
  ['verified and not', 'https://u', '', 'https://u', 'ssl_verify off;'],
];
for (const [name, ...sides] of clashes) {
  refused(`one upstream, two identities: ${name}`, two(...sides, begins), message, { files });
}
refused('one upstream, two identities: before the block', provider('https://u') + begins(provider('https://u', 'host b.test;', 'q')) + shared, message);
refused('one host, two identities, without a block', provider('https://a.test') + begins(provider('https://a.test', 'host b.test;', 'q')), /llm_provider "q" and "p" use the upstream "a.test"/);

const agreements = [
  ['nothing said', 'https://u', '', 'https://u/other', ''],
  ['the same said', 'https://u', 'host b.test;', 'https://u', 'host b.test;'],
  ['the default said', 'https://u', '', 'https://u', 'host a.test; ssl_verify on; ssl_verify_depth 4;'],
  ['the same authority, by a relative path', 'https://u', 'ssl_trusted_certificate ca.pem;', 'https://u', 'ssl_trusted_certificate ca.pem;'],
  ['two hosts without TLS', 'http://u', 'host a.test;', 'http://u', 'host b.test;'],
];
for (const [name, ...sides] of agreements) accepted(`one upstream, one identity: ${name}`, two(...sides), { files });
accepted('one host, two ports: two upstreams', provider('http://a.test') + provider('https://a.test', '', 'q'));
