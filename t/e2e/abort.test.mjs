// The client goes away: what was done for it ends at once, whatever that was
// and however it was said.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startBlackhole } from '../mock/faults.mjs';
import { chunk, RawProvider, sized, stream, streamHead, whole } from '../mock/raw.mjs';
import { selfSigned } from './lib/certs.mjs';
import { provider } from './lib/faulty.mjs';
import { Gateway, tempDir } from './lib/gateway.mjs';
import { freePort } from './lib/port.mjs';
import { chatBody, connectingTo, eventually, Http2, post, Wire, within } from './lib/wire.mjs';

// Providers that get so far and no further.
const scripts = {
  silent: () => {},
  half: (x) => x.write(sized(200, whole[x.format]('Hello')).slice(0, -20)),
  token: (x) => x.write(streamHead() + [...stream[x.format]([]).opening, ...stream[x.format](['Hello']).content].map(chunk).join('')),
  opening: (x) => x.write(streamHead() + stream[x.format]([]).opening.map(chunk).join('')),
  failing: (x) => x.write(sized(500, '{}')),
};

const TLS = selfSigned('gateway.test');

async function start(t) {
  const up = await RawProvider.start(t, (x) => scripts[x.name](x));
  const deaf = await RawProvider.start(t, () => {}, { connected: (socket) => socket.pause() });
  const muteTls = await RawProvider.start(t, () => {}, { connected: () => true });
  const blackhole = await startBlackhole(t);
  const [clear2, tls1, tls2] = [await freePort(), await freePort(), await freePort()];
  const dir = tempDir('certs');
  for (const [name, pem] of Object.entries(TLS)) fs.writeFileSync(path.join(dir, name), pem);

  const at = (name) => `http://127.0.0.1:${up.port}/${name}`;
  const gateway = await Gateway.start(t, {
    http: `
      ${Object.keys(scripts).map((name) => provider(name, 'openai', at(name)) + provider(`${name}-a`, 'anthropic', at(name))).join('\n')}
      ${provider('deaf', 'openai', `http://127.0.0.1:${deaf.port}`)}
      ${provider('blackhole', 'openai', `http://127.0.0.1:${blackhole}`, 'connect_timeout 60s;')}
      ${provider('mute-tls', 'openai', `https://127.0.0.1:${muteTls.port}`, 'host a.test; connect_timeout 60s;')}
      ${[...Object.keys(scripts), 'deaf', 'blackhole', 'mute-tls'].map((name) => `llm_model ${name} { target ${name}; }`).join('\n')}
      ${Object.keys(scripts).map((name) => `llm_model ${name}-a { target ${name}-a; }`).join('\n')}
      llm_model second { target failing; target failing-a; target silent; }
      llm_model second-a { target failing; target silent-a; }`,
    server: `
      listen 127.0.0.1:${clear2} http2;
      listen 127.0.0.1:${tls1} ssl;
      listen 127.0.0.1:${tls2} ssl http2;
      ssl_certificate ${dir}/cert; ssl_certificate_key ${dir}/key;`,
  });
  return { gateway, up, deaf, muteTls, blackhole, ports: { clear1: gateway.port, clear2, tls1, tls2 } };
}

// Ways to be a client, and to stop being one. `call` sends a request (half a
// request when `body` is null) and gives { first, leave }.
const secure = { rejectUnauthorized: false };
function overHttp1(port, options, how) {
  return async (t, ports, body) => {
    const wire = await Wire.connect(t, ports[port], options);
    await wire.send(body === null ? post('x'.repeat(100), { expect: '100-continue' }).slice(0, -50) : post(body));
    if (body === null) await wire.until(/100 Continue/); // it is being read
    return { wire, first: () => wire.until(/Hello/), leave: () => wire[how]() };
  };
}
function overHttp2(port, options, how) {
  return async (t, ports, body) => {
    const client = await Http2.connect(t, ports[port], options);
    const call = client.request(body);
    if (body === null) await new Promise((done) => client.session.ping(done)); // it has arrived
    return { first: () => within(call.first, 'the first token'), leave: () => (how === 'rst' ? call.stream.close(8) : client.session.destroy()) };
  };
}
const clients = {
  'HTTP/1.1, FIN': overHttp1('clear1', {}, 'fin'),
  'HTTP/1.1, RST': overHttp1('clear1', {}, 'reset'),
  'HTTP/1.1 over TLS, FIN': overHttp1('tls1', { secure }, 'fin'),
  'HTTP/2, RST_STREAM': overHttp2('clear2', {}, 'rst'),
  'HTTP/2, connection lost': overHttp2('clear2', {}, 'lost'),
  'HTTP/2 over TLS, RST_STREAM': overHttp2('tls2', { secure }, 'rst'),
  'HTTP/2 over TLS, connection lost': overHttp2('tls2', { secure }, 'lost'),
};

// [what is going on, model, streamed, whether the client has got something]
const moments = [
  ['before the head of a stream', 'silent', true],
  ['before the head of an answer', 'silent', false],
  ['before the first token', 'opening', true],
  ['before the first token, translated', 'opening-a', true],
  ['in mid-stream', 'token', true, true],
  ['in mid-stream, translated', 'token-a', true, true],
  ['during a whole answer', 'half', false],
  ['during a whole answer, translated', 'half-a', false],
  ['during failover', 'second', false],
  ['during failover of a stream', 'second-a', true],
];

for (const [name, connect] of Object.entries(clients)) {
  test(`${name}: the upstream connection is closed at once`, async (t) => {
    const { gateway, up, deaf, muteTls, blackhole, ports } = await start(t);

    for (const [moment, model, streamed, token] of moments) {
      await t.test(moment, async (t) => {
        const already = up.exchanges.length;
        const call = await connect(t, ports, chatBody(model, { stream: streamed }));
        const failures = { second: 2, 'second-a': 1 }[model] ?? 0;
        const exchange = await up.exchange(already + failures + 1);
        if (token) await call.first();
        call.leave();
        await within(exchange.closed, 'the end of the upstream connection');
        await gateway.waitForIdle();
        assert.equal(up.exchanges.length, already + failures + 1, 'another target was asked');
      });
    }

    await t.test('while the request goes to the provider', async (t) => {
      const call = await connect(t, ports, chatBody('deaf', { user: 'x'.repeat(4 << 20) }));
      await deaf.until(() => deaf.connections > 0, 'a connection');
      const [socket] = deaf.sockets;
      await eventually(async () => (await gateway.active()) === 1, 'the request');
      call.leave();
      await gateway.waitForIdle();
      socket.resume();
      await deaf.until(() => deaf.sockets.size === 0, 'the end of the upstream connection');
      assert.equal(deaf.exchanges.length, 0);
    });

    await t.test('in the TLS handshake with the provider', async (t) => {
      const call = await connect(t, ports, chatBody('mute-tls'));
      await muteTls.until(() => muteTls.connections > 0, 'a connection');
      const [socket] = muteTls.sockets;
      socket.resume();
      call.leave();
      await muteTls.until(() => muteTls.sockets.size === 0, 'the end of the upstream connection');
      await gateway.waitForIdle();
    });

    await t.test('while the provider is being connected to', async (t) => {
      const before = connectingTo(blackhole);
      const call = await connect(t, ports, chatBody('blackhole'));
      await eventually(() => connectingTo(blackhole) === before + 1, 'a connection to the provider');
      call.leave();
      await eventually(() => connectingTo(blackhole) === before, 'the end of it');
      await gateway.waitForIdle();
    });

    await t.test('while the body of the request is still coming', async (t) => {
      const [already, logged] = [up.exchanges.length, (await gateway.accessLog()).length];
      const call = await connect(t, ports, null);
      call.leave();
      const lines = await gateway.accessLog(logged + 1);
      assert.match(lines[logged] ?? '', /chat\/completions HTTP\/[12]\S+ (400|499) /);
      assert.equal(up.exchanges.length, already);
      assert.equal(await gateway.active(), 0);
    });
  });
}

test('other streams of the connection go on when one is reset', async (t) => {
  const { gateway, up, ports } = await start(t);
  const client = await Http2.connect(t, ports.clear2);
  const [one, two] = ['token', 'token-a'].map((model) => client.request(chatBody(model, { stream: true })));
  await within(Promise.all([one.first, two.first]), 'both first tokens');
  const [gone, stays] = ['openai', 'anthropic'].map((format) => up.exchanges.find((x) => x.format === format));
  one.stream.close(8);
  await within(gone.closed, 'the end of the upstream connection');
  await eventually(async () => (await gateway.active()) === 1, 'one request less');
  for (const event of stream.anthropic([]).ending) await stays.write(chunk(event));
  await stays.write('0\r\n\r\n');
  assert.match((await within(two.done, 'the end of the stream')).text, /Hello.*\[DONE\]\n\n$/s);
});
