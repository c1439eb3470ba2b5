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
