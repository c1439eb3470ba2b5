// Ports for those who bind them only later: nginx, or nobody at all.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';

// The kernel gives ports from here on to connections and to listeners that ask
// for any: one of those would be taken before it is used.
const ephemeral = Number(fs.readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
const FIRST = 10081; // fetch() refuses 10080 and others below it

async function listens(where) {
  const server = net.createServer();
  try {
    server.listen(where);
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}

// Nobody else that asks here is given the same one while this process runs: a
// socket without a file stands for it.
export async function freePort() {
  for (let i = 0; i < 1000; i++) {
    const port = FIRST + Math.floor(Math.random() * (ephemeral - FIRST));
    const claim = await listens({ path: `\0llm-test-port-${port}` });
    if (!claim) continue;
    claim.unref();
    const probe = await listens({ port, host: '0.0.0.0' });
    if (!probe) continue;
    await new Promise((done) => probe.close(done));
    return port;
  }
  throw new Error(`no free port between ${FIRST} and ${ephemeral}`);
}
