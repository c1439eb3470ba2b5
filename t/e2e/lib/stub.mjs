// A provider that does what the model's name says.
import http from 'node:http';

// `behaviours`: name of the model to (res, body, req). Everything a provider
// was asked is in `requests`.
export async function startStub(t, behaviours) {
  const requests = [];
  const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts));
      requests.push({ headers: req.headers, url: req.url, body });
      behaviours[body.model](res, body, req);
    });
  });
  let connections = 0;
  server.on('connection', () => connections++);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: server.address().port, requests, connections: () => connections };
}

export const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18, prompt_tokens_details: { cached_tokens: 3 }, completion_tokens_details: { reasoning_tokens: 2 } };

const json = (res, status, value, headers) => {
  res.writeHead(status, { 'content-type': 'application/json', ...headers });
  res.end(JSON.stringify(value));
};

export const completion = (model, { finish = 'stop', message = { content: 'Hello.' }, ...more } = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model,
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
  usage,
  ...more,
});

export const event = (value) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
export const chunk = (delta, finish = null) => ({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'x', choices: [{ index: 0, delta, finish_reason: finish }] });
export const start = (res, headers) => res.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).write(event(chunk({ role: 'assistant', content: 'Hel' })));

// A whole or a streamed answer, as it is asked for.
export function answer(res, body, { headers, ...options } = {}) {
  const { finish = 'stop' } = options;
  if (!body.stream) return json(res, 200, completion(body.model, options), headers);
  start(res, headers);
  res.write(event(chunk({ content: 'lo.' })));
  res.write(event(chunk({}, finish)));
  if (body.stream_options?.include_usage) res.write(event({ ...chunk({}), choices: [], usage }));
  res.end(event('[DONE]'));
}

export const fail = (res, status, error = {}, headers) => json(res, status, { error: { message: 'no', type: 'x', param: null, code: null, ...error } }, headers);
