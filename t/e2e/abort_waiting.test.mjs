// The client goes away while its request waits for the provider's address;
// and: however many clients go away, nothing of theirs is left.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Dns } from '../mock/dns.mjs';
import { answer, chunk, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { ask, assertServed, provider } from './lib/faulty.mjs';
import { Gateway } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { assertNotGrown, chatBody, eventually, Http2, memoryOf, post, socketsOf, Wire, within } from './lib/wire.mjs';

for (const kind of ['HTTP/1.1, FIN', 'HTTP/1.1, RST', 'HTTP/2, RST_STREAM', 'HTTP/2, connection lost']) {
  test(`${kind}: while DNS is waited for`, async (t) => {
    const dns = await Dns.start(t, { 'api.test': { A: ['127.0.0.1'], AAAA: [] } });
    dns.hold();
    const up = await RawProvider.start(t, (x) => answer(x, 'Hi'));
    const clear2 = await freePort();
    const gateway = await Gateway.start(t, {
      http: `
        resolver 127.0.0.1:${dns.port};
        upstream api { llm_server api.test:${up.port} ipv6=off; }
        ${provider('up', 'openai', 'http://api/v1')}
        llm_model m { target up; }`,
      server: `listen 127.0.0.1:${clear2} http2;`,
    });
    await within(dns.asked('A api.test'), 'a query');

    if (kind.startsWith('HTTP/1')) {
      const wire = await Wire.connect(t, gateway.port);
      await wire.send(post(chatBody('m')));
      await eventually(async () => (await gateway.active()) === 1, 'the request');
      kind.endsWith('RST') ? wire.reset() : wire.fin();
    } else {
      const client = await Http2.connect(t, clear2);
      const call = client.request(chatBody('m'));
      await eventually(async () => (await gateway.active()) === 1, 'the request');
      kind.endsWith('lost') ? client.session.destroy() : call.stream.close(8);
    }
    await gateway.waitForIdle();
    assert.equal(up.connections, 0);

    dns.release();
    assertServed(await ask(gateway, 'm'), { stream: false, text: 'Hi', provider: 'up', attempts: 1 });
    assert.equal(up.exchanges.length, 1, 'the request that was given up was sent after all');
  });
}

test('some hundred clients that go away leave nothing behind', async (t) => {
  const hello = (x) => [...stream[x.format]([]).opening, ...stream[x.format](['Hello']).content].map(chunk).join('');
  const scripts = {
    silent: () => {},
    half: (x) => x.write(sized(200, whole[x.format]('Hello')).slice(0, -20)),
    token: (x) => x.write(streamHead() + hello(x)),
    failing: (x) => x.write(sized(500, '{}')),
  };
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const clear2 = await freePort();
  const names = Object.keys(scripts).flatMap((name) => ['openai', 'anthropic'].map((format) => [`${name}-${format}`, name, format]));
  const gateway = await Gateway.start(t, {
    http: `
      ${names.map(([name, path, format]) => provider(name, format, `http://127.0.0.1:${up.port}/${path}`)).join('\n')}
      ${names.map(([name]) => `llm_model ${name} { target ${name}; fallback silent-openai; }`).join('\n')}`,
    server: `listen 127.0.0.1:${clear2} http2;`,
  });
  const [pid] = gateway.workerPids();
  await gateway.active();
  const before = socketsOf(pid);

  async function one(n) {
    const [model] = names[n % names.length];
    const streamed = model.startsWith('token');
    const marker = `number ${n}`;
    const body = chatBody(model, { stream: streamed, messages: [{ role: 'user', content: marker }] });
    const arrived = up.until(() => up.exchanges.some((x) => x.request.body.includes(`"${marker}"`)), marker, 30000);
    if (n % 3) {
      const wire = await Wire.connect(t, gateway.port);
      await wire.send(post(body));
      await arrived;
      if (streamed) await wire.until(/Hello/, 30000);
      n % 2 ? wire.reset() : wire.fin();
    } else {
      const client = await Http2.connect(t, clear2);
      const call = client.request(body);
      await arrived;
      if (streamed) await within(call.first, 'the first token', 30000);
      if (n % 2) call.stream.close(8);
      client.session.destroy();
    }
  }

  const round = async (from, to) => {
    const next = { n: from };
    const worker = async () => {
      while (next.n < to) await one(next.n++);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    await up.until(() => up.sockets.size === 0, 'the end of all upstream connections');
    await gateway.waitForIdle();
    await eventually(() => socketsOf(pid) <= before, 'the end of all sockets');
  };
  await round(0, 120);
  const warm = memoryOf(pid);
  await round(120, 480);
  assertNotGrown(pid, warm);
});
