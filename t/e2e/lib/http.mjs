// Plain HTTP, where an SDK would hide what goes over the wire.
import http from 'node:http';
import { KEY } from './gateway.mjs';

// { status, headers, body }; the body as text.
export function request(url, { method = 'GET', headers = {}, body, agent } = {}) {
  return new Promise((done, fail) => {
    const req = http.request(url, { method, headers, agent }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('error', fail);
      res.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        const answer = { status: res.statusCode, headers: res.headers, body: text, trailersComplete: res.complete };
        // Over a connection of its own it is over when that is closed on both sides.
        if (agent === false && !res.socket.destroyed) res.socket.once('close', () => done(answer));
        else done(answer);
      });
    });
    req.on('error', fail);
    req.end(body);
  });
}

export const get = (url, headers) => request(url, { headers });

export const authorized = (key = KEY) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' });

// POST of a chat request; `body` is an object or raw text.
export function chat(gateway, body, headers = {}) {
  return request(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { ...authorized(), ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });
}

// The `data:` payloads of an event stream, parsed but for [DONE].
export function events(text) {
  return text
    .split('\n\n')
    .filter((event) => event && event !== ': ping')
    .map((event) => event.replace(/^data: /, ''))
    .map((data) => (data === '[DONE]' ? data : JSON.parse(data)));
}

// What the chunks of a stream say in sum.
export function textOf(chunks) {
  return chunks
    .filter((c) => c !== '[DONE]')
    .map((c) => c.choices?.[0]?.delta?.content ?? '')
    .join('');
}
