// A DNS server whose records a test changes while it runs.
import dgram from 'node:dgram';
import { once } from 'node:events';
import packet from 'dns-packet';

const RCODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };
const AUTHORITATIVE = packet.AUTHORITATIVE_ANSWER | packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE;

export class Dns {
  // `records`: what names have, e.g. { 'api.test': { A: ['127.0.0.1'], AAAA: [] } }.
  // Instead of a list of addresses a type may have the name of an error, or
  // 'SILENCE'; instead of the types a name may have either, or { CNAME: name }.
  // Other names do not exist.
  static async start(t, records = {}, { port = 0 } = {}) {
    const dns = new Dns(records);
    dns.socket.bind(port, '127.0.0.1');
    await once(dns.socket, 'listening');
    dns.port = dns.socket.address().port;
    t.after(() => dns.stop());
    return dns;
  }

  constructor(records) {
    this.records = records;
    this.queries = []; // 'A api.test'
    this.held = null;
    this.watchers = new Set();
    this.socket = dgram.createSocket('udp4');
    this.socket.on('message', (message, from) => {
      const query = packet.decode(message);
      const [{ name, type }] = query.questions;
      this.queries.push(`${type} ${name}`);
      for (const watcher of this.watchers) watcher();
      const answer = () => this.answer(query, from);
      if (this.held) this.held.push({ name, type, answer });
      else answer();
    });
  }

  // Keeps answers back until release(), of all names or of one.
  hold() {
    this.held ??= [];
  }

  release(name) {
    const held = this.held ?? [];
    this.held = name ? held.filter((q) => q.name !== name) : null;
    for (const q of held) if (!name || q.name === name) q.answer();
  }

  // Resolves when that query has come so often, counted from `since`.
  async asked(query, times = 1, since = 0) {
    const enough = () => this.queries.slice(since).filter((q) => q === query).length >= times;
    while (!enough()) {
      await new Promise((done) => {
        const watcher = () => {
          this.watchers.delete(watcher);
          done();
        };
        this.watchers.add(watcher);
      });
    }
  }

  resolve(name, type) {
    const record = this.records[name] ?? 'NXDOMAIN';
    if (typeof record === 'string') return { rcode: record, answers: [] };
    if (record.CNAME) {
      const alias = { name, type: 'CNAME', ttl: 1, class: 'IN', data: record.CNAME };
      const { rcode, answers } = this.resolve(record.CNAME, type);
      return { rcode, answers: [alias, ...answers] };
    }
    const data = record[type] ?? [];
    if (typeof data === 'string') return { rcode: data, answers: [] };
    return { rcode: 'NOERROR', answers: data.map((address) => ({ name, type, ttl: 1, class: 'IN', data: address })) };
  }

  answer(query, from) {
    const [{ name, type }] = query.questions;
    const { rcode, answers } = this.resolve(name, type);
    if (rcode === 'SILENCE' || this.stopped) return;
    const { id, questions } = query;
    const message = packet.encode({ type: 'response', id, flags: AUTHORITATIVE | RCODES[rcode], questions, answers });
    this.socket.send(message, from.port, from.address);
  }

  async stop() {
    if (this.stopped) return;
    this.stopped = true;
    this.socket.close();
    await once(this.socket, 'close');
  }
}
