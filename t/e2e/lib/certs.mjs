// Certificates for tests, made by the openssl command.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

// A certificate that is its own authority: { cert, key } as PEM.
export function selfSigned(...names) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'cert-'));
  const out = { cert: path.join(dir, 'cert.pem'), key: path.join(dir, 'key.pem') };
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const san = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',');
  const run = spawnSync('openssl', [...args, '-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${san}`, '-keyout', out.key, '-out', out.cert], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const pem = { cert: fs.readFileSync(out.cert, 'utf8'), key: fs.readFileSync(out.key, 'utf8') };
  fs.rmSync(dir, { recursive: true });
  return pem;
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

// An authority that issues certificates: `issue(names)` gives { cert, key } of a
// server with the chain up to the root, `below(name)` an authority under this
// one.
export function authority(name = 'root', above) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'authority-'));
  const openssl = (...args) => {
    const run = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  };
  const read = (file) => fs.readFileSync(path.join(dir, file), 'utf8');
  const sign = (signer, from, to, extensions, days) => {
    fs.writeFileSync(path.join(dir, 'extensions'), extensions);
    fs.writeFileSync(path.join(dir, 'signer.pem'), signer.cert);
    fs.writeFileSync(path.join(dir, 'signer.key'), signer.key);
    openssl('x509', '-req', '-in', from, '-CA', 'signer.pem', '-CAkey', 'signer.key', '-CAcreateserial', '-days', String(days), '-extfile', 'extensions', '-out', to);
    return read(to);
  };

  let cert;
  if (above) {
    openssl('req', '-new', ...EC, '-subj', `/CN=${name}`, '-keyout', 'ca.key', '-out', 'ca.csr');
    cert = sign(above, 'ca.csr', 'ca.pem', 'basicConstraints=critical,CA:TRUE\n', 2);
  } else {
    openssl('req', '-x509', ...EC, '-days', '2', '-subj', `/CN=${name}`, '-keyout', 'ca.key', '-out', 'ca.pem');
    cert = read('ca.pem');
  }
  const self = { cert, key: read('ca.key') };
  const chain = above ? cert + (above.chain ?? '') : '';
  fs.rmSync(dir, { recursive: true });

  self.chain = chain;
  self.below = (other) => authority(other, self);
  // `days` below 0: it has run out.
  self.issue = (names, { days = 2 } = {}) => {
    fs.mkdirSync(dir);
    openssl('req', '-new', ...EC, '-subj', `/CN=${names[0]}`, '-keyout', 'leaf.key', '-out', 'leaf.csr');
    const leaf = sign(self, 'leaf.csr', 'leaf.pem', `subjectAltName=${names.map((n) => `DNS:${n}`).join(',')}\n`, days);
    const pem = { cert: leaf + chain, key: read('leaf.key') };
    fs.rmSync(dir, { recursive: true });
    return pem;
  };
  return self;
}
