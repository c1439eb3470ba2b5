// Upstreams that say which of them was asked, the same port on several
// addresses, and a gateway that finds them by DNS.
import http from 'node:http';
import net from 'node:net';
import { Gateway } from './gateway.mjs';
import { chat } from './http.mjs';
import { freePort } from './port.mjs';
import { until } from './until.mjs';

export const ONE = '127.0.0.1';
export const TWO = '127.0.0.2';
export const SIX = '::1';

export async function hasIpv6() {
  const server = net.createServer().listen(0, '::1');
  return new Promise((done) => {
    server.once('error', () => done(false));
    server.once('listening', () => server.close(() => done(true)));
  });
}

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

// An OpenAI answer whose text is the address. A streamed one stops before its
// end until `finish()`.
class Place {
  constructor(address) {
    this.address = address;
    this.connections = 0;
    this.requests = 0;
    this.open = [];
    this.server = http.createServer((req, res) => this.serve(req, res));
    this.server.on('connection', () => this.connections++);
  }

  serve(req, res) {
    this.requests++;
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      const body = parts.length ? JSON.parse(Buffer.concat(parts)) : {};
      const choice = (delta, finish_reason = null) => ({ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] });
      if (body.stream) {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write(`data: ${JSON.stringify(choice({ role: 'assistant', content: this.address }))}\n\n`);
        this.open.push(() => {
          res.write(`data: ${JSON.stringify(choice({ content: ' to the end' }))}\n\n`);
          res.write(`data: ${JSON.stringify(choice({}, 'stop'))}\n\n`);
          res.end('data: [DONE]\n\n');
        });
        return;
      }
      res.writeHead(200, { 'content-type': 'application/json' });
      const message = { role: 'assistant', content: this.address };
      res.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }], usage }));
    });
  }

  finish() {
    for (const end of this.open.splice(0)) end();
  }
}

// { port, [address]: Place }
export async function startPlaces(t, ...addresses) {
  const places = { port: await freePort() };
  for (const address of addresses) {
    const place = new Place(address);
    await new Promise((done, fail) => place.server.once('error', fail).listen(places.port, address, done));
    t.after(() => {
      place.server.close();
      place.server.closeAllConnections();
    });
    places[address] = place;
  }
  return places;
}

// A gateway whose model `m` goes to the upstream block `u` with these lines.
// `target`: what the model has instead; `more`: what else http{} has.
export function start(t, dns, block, { more = '', target = 'target p;', ...options } = {}) {
  return Gateway.start(t, {
    ...options,
    http: `
      resolver ${ONE}:${dns.port};
      upstream u { ${block} }
      llm_provider p { type openai; pass http://u; host api.test; key none; }
      llm_model m { ${target} }
      ${more}`,
  });
}

export const request = { model: 'm', messages: [{ role: 'user', content: 'where?' }] };

// Where the answer comes from, or the whole answer when it is an error.
export async function ask(gateway, model = 'm') {
  const answer = await chat(gateway, { ...request, model });
  return answer.status === 200 ? JSON.parse(answer.body).choices[0].message.content : answer;
}

// Sorted: which of them is the first is the balancer's business.
export async function askTimes(gateway, n) {
  const answers = [];
  for (let i = 0; i < n; i++) answers.push(await ask(gateway));
  return answers.sort();
}

export const comesFrom = (gateway, address) => until(async () => (await ask(gateway)) === address, `an answer from ${address}`);
