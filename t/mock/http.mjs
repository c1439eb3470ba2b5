// What all mock providers are made of: an HTTP server on a free port that
// keeps every request and answers as the test says.
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { after } from '../e2e/lib/after.mjs';

export class Mock {
  // `tls`: { key, cert } serves https. Anything else is the subclass's.
  static async start(t, options = {}) {
    const mock = new this(options);
    after(t, () => mock.finish());
    await mock.listen();
    return mock;
  }

  constructor({ tls } = {}) {
    this.requests = [];
    this.connections = 0;
    this.sockets = new Set();
    this.failures = [];
    this.queue = [];
    this.waiters = [];
    this.tls = tls;
    const answer = (request, response) => this.take(request, response);
    this.server = tls ? https.createServer(tls, answer) : http.createServer(answer);
    // Connections stay open for as long as the gateway wants to keep them.
    this.server.keepAliveTimeout = 0;
    this.server.on(tls ? 'secureConnection' : 'connection', (socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
    });
  }

  async listen() {
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.port = this.server.address().port;
  }

  get address() {
    return `127.0.0.1:${this.port}`;
  }

  get url() {
    return `${this.tls ? 'https' : 'http'}://${this.address}`;
  }

  get last() {
    return this.requests.at(-1);
  }

  // Answers of the next requests, one each: (request, response) => ...
  next(...handlers) {
    this.queue.push(...handlers);
  }

  // The answer when nothing is queued.
  async fallback(request, response) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('{"error":{"message":"Not found"}}');
  }

  // A subclass looks at the request first; what is queued comes after that.
  async answer(request, response) {
    return this.scripted(request, response);
  }

  async scripted(request, response) {
    const handler = this.queue.shift() ?? ((req, res) => this.fallback(req, res));
    return handler(request, response);
  }

  // `request`: method, url, path, headers (by lower-case name), rawHeaders
  // ([name, value] pairs), body (bytes), text, json, socket, and the promise
  // `closed` of "done" or, when the client went away first, "aborted".
  async take(incoming, response) {
    const pairs = incoming.rawHeaders;
    const request = {
      method: incoming.method,
      url: incoming.url,
      path: incoming.url.split('?')[0],
      version: incoming.httpVersion,
      headers: incoming.headers,
      rawHeaders: pairs.filter((_, i) => i % 2 === 0).map((name, i) => [name, pairs[2 * i + 1]]),
      socket: incoming.socket,
      closed: new Promise((done) => {
        response.once('close', () => done(response.writableFinished ? 'done' : 'aborted'));
      }),
    };
    response.on('error', () => {});
    try {
      const parts = [];
      for await (const part of incoming) parts.push(part);
      request.body = Buffer.concat(parts);
    } catch {
      return; // the client went away in the middle of its request
    }
    request.text = request.body.toString('utf8');
    request.json = parse(request.text);
    this.requests.push(request);
    for (const wake of this.waiters.splice(0)) wake();
    try {
      await this.answer(request, response);
    } catch (error) {
      this.failures.push(error);
      response.destroy();
    }
  }

  // Resolves to the request with that number, counted from 1, once it is here.
  async request(number, ms = 10000) {
    // A timer may be early by the clock: what counts is that it has fired.
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      for (const wake of this.waiters.splice(0)) wake();
    }, ms);
    while (this.requests.length < number) {
      assert.ok(!late, `request ${number} never came`);
      await new Promise((wake) => this.waiters.push(wake));
    }
    clearTimeout(timer);
    return this.requests[number - 1];
  }

  close() {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((done) => this.server.close(done));
  }

  async finish() {
    await this.close();
    assert.deepEqual(this.failures, [], 'what went wrong in the mock');
    assert.equal(this.queue.length, 0, 'answers that nobody came for');
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// A text in pieces of `size` characters, or, with `units`, of that many UTF-16
// units, which can take a surrogate pair apart.
export function pieces(text, size = 5, units = false) {
  const from = units ? text.split('') : [...text];
  const out = [];
  for (let i = 0; i < from.length; i += size) out.push(from.slice(i, i + size).join(''));
  return out;
}
