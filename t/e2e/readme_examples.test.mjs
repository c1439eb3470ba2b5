// README's examples: nginx takes them, and what they promise happens.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { after } from './lib/after.mjs';
import { selfSigned } from './lib/certs.mjs';
import { check, Gateway, module, nginx, tempDir } from './lib/gateway.mjs';
import { authorized, chat, request } from './lib/http.mjs';
import { freePort } from './lib/port.mjs';
import { codes, fences, root, source, table } from './lib/readme.mjs';
import { until } from './lib/until.mjs';

const examples = fences.filter((f) => f.language === 'nginx');
const full = examples.find((f) => f.tag === 'full').text;

// --- nginx -t ---------------------------------------------------------------------

// A fragment's place in the complete example.
const inHttp = (text) => full.replace(/\}\s*$/, `${text}\n}\n`);
const PLACES = {
  full: (text) => text,
  main: (text) => (/^events /m.test(text) ? full.replace(/^events \{.*\}$/m, '') : full) + text,
  http: inHttp,
  server: (text) => inHttp(`server {\n${text}}`),
  location: (text) => inHttp(`server { location / {\n${text}} }`),
  upstream: (text) => inHttp(`upstream fragment {\n${text}}`),
};

const tls = selfSigned('README');
const CONTENTS = [
  [/\bfile:$/, 'sk-file'],
  [/\binclude\s+$/, source('conf/llm_providers.conf')],
  [/\bssl_certificate_key\s+$/, tls.key],
  [/\bssl_(trusted_)?certificate\s+$/, tls.cert],
];

// Files of the system become files below `dir`; those that must be there are.
function moveFiles(conf, dir) {
  return conf.replace(/(?<=[\s:])\/(?:etc|run|usr|var)\/[^\s;]+/g, (name, at) => {
    const file = path.join(dir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const content = CONTENTS.find(([before]) => before.test(conf.slice(0, at)));
    if (content) fs.writeFileSync(file, content[1]);
    return file;
  });
}

// What depends on the machine and is not what the example is about.
function settle(conf, dir) {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((t) => `${t}_temp_path temp/${t};`);
  const user = process.getuid() === 0 ? 'user root;' : '';
  return moveFiles(conf, dir)
    .replace(/^load_module modules\/.*;$/m, `load_module ${module};\npid nginx.pid;\nerror_log error.log;\n${user}`)
    .replace(/^http \{$/m, `http {\n${temp.join(' ')} access_log access.log;`);
}

function environment(example) {
  const conf = example.includes('llm_providers.conf') ? example + source('conf/llm_providers.conf') : example;
  const names = [...conf.matchAll(/\benv[: ](\w+)/g)].map((m) => m[1]);
  return Object.fromEntries(names.map((name) => [name, 'sk-env']));
}

test('README: each code block has a language, and the nginx ones a place', () => {
  assert.ok(examples.length > 5);
  for (const { language, tag, line } of fences) {
    assert.match(language, /^(nginx|sh|ini|json|text)$/, `README.md:${line}: a code block without a known language`);
    if (language !== 'nginx') continue;
    assert.ok(Object.hasOwn(PLACES, tag), `README.md:${line}: \`\`\`nginx needs one of ${Object.keys(PLACES).join(', ')}`);
  }
});

for (const { tag, text, line } of examples) {
  test(`README.md:${line}: nginx -t takes the example`, () => {
    // Its name would be asked of DNS by nginx itself, at start.
    assert.doesNotMatch(text, /^\s*server\s+(?!unix:)[a-z]/im, 'a plain server is an address, a name needs llm_server');
    const place = PLACES[tag] ?? assert.fail(`the tag "${tag}" is unknown`);
    const dir = tempDir('readme');
    const conf = place(text);
    const result = check(settle(conf, dir), { dir, env: environment(conf) });
    assert.ok(result.ok, result.output);
    assert.doesNotMatch(result.output, /\[(warn|notice|error|crit|alert|emerg)\]/);
  });
}

// --- what recipes promise ---------------------------------------------------------

function recipe(pattern) {
  const found = examples.filter((f) => pattern.test(f.text));
  assert.equal(found.length, 1, `${found.length} examples with ${pattern}`);
  return found[0].text;
}

test('README: CORS, for a question in advance, and for an error', async (t) => {
  const port = await freePort();
  await Gateway.start(t, { http: `server { listen 127.0.0.1:${port}; ${recipe(/Access-Control/)} }` });
  const url = `http://127.0.0.1:${port}/v1/chat/completions`;
  const preflight = await request(url, { method: 'OPTIONS', headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' } });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers['access-control-allow-origin'], 'https://app.example.com');
  assert.match(preflight.headers['access-control-allow-headers'], /authorization/);
  const refused = await request(url, { method: 'POST', headers: { origin: 'https://app.example.com' } });
  assert.equal(refused.status, 401);
  assert.equal(JSON.parse(refused.body).error.code, 'invalid_api_key');
  assert.equal(refused.headers['access-control-allow-origin'], 'https://app.example.com');
  assert.match(refused.headers['access-control-expose-headers'], /x-request-id/);
});

test('README: failover without a provider, and a log in JSON', async (t) => {
  const port = await freePort();
  const sandbox = recipe(/^llm_model rehearsal/m).replaceAll('8083', port);
  const gateway = await Gateway.start(t, { http: (g) => sandbox + moveFiles(recipe(/escape=json/), g.dir) });
  const answer = await chat(gateway, { model: 'rehearsal', messages: [{ role: 'user', content: 'x' }] });
  assert.equal(answer.status, 200, answer.body);
  assert.equal(answer.headers['x-llm-provider'], 'working');
  assert.equal(answer.headers['x-llm-attempts'], '2');

  const log = path.join(gateway.dir, 'var/log/nginx/llm.log');
  const lines = () => fs.readFileSync(log, 'utf8').split('\n').filter((line) => line.includes('"asked":"rehearsal"'));
  await until(() => lines().length > 0, 'a line in the log');
  const logged = JSON.parse(lines()[0]);
  assert.equal(logged.provider, 'working');
  assert.equal(logged.status, 200);
  assert.equal(logged.attempts, '2');
});

test('README: a rate limit for each key', async (t) => {
  const port = await freePort();
  const strict = recipe(/limit_req_zone/).replace('8081', `127.0.0.1:${port}`).replace(/ burst=\d+ nodelay/, '').replace('600r/m', '1r/m');
  await Gateway.start(t, { http: strict });
  const ask = () => request(`http://127.0.0.1:${port}/v1/models`, { headers: authorized() });
  const answers = await Promise.all([ask(), ask(), ask()]);
  const limited = answers.filter((a) => a.status === 429);
  assert.equal(limited.length, 2);
  assert.equal(JSON.parse(limited[0].body).error.code, 'rate_limit_exceeded');
});

// nginx only warns of it, and not on machines with higher limits.
test('README: open files, the limits fit each other', () => {
  const text = recipe(/worker_rlimit_nofile/);
  const limit = (name) => Number(new RegExp(`\\b${name} (\\d+);`).exec(text)[1]);
  assert.ok(limit('worker_rlimit_nofile') > limit('worker_connections'));
});

// --- make run ---------------------------------------------------------------------

// Commands of one line each, the continued ones joined.
const commandsOf = (text) => text.replace(/\\\n\s*/g, '').split('\n').map((line) => line.trim()).filter((line) => line.startsWith('curl '));

const noCurl = spawnSync('curl', ['--version']).status !== 0 && 'curl is not installed';

test('README: curl lines, and those that `make run` prints, work against what it starts', { skip: noCurl }, async (t) => {
  const port = await freePort();
  const dir = tempDir('run');
  const env = { ...process.env, NGINX_BIN: nginx, SO: module, PORT: port, RUN_DIR: dir };
  // Keys of whoever runs the test are not for this.
  for (const name of ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY']) delete env[name];
  const run = spawn(path.join(root, 'conf/run.sh'), { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((done) => run.once('exit', done));
  after(t, async () => {
    run.kill('SIGTERM');
    await exited;
  });
  let printed = '';
  let log = '';
  run.stdout.on('data', (data) => (printed += data));
  run.stderr.on('data', (data) => (log += data));
  await until(() => run.exitCode !== null || printed.includes('Ctrl-C'), 'a gateway');
  assert.equal(run.exitCode, null, log);

  const said = fences.filter((f) => f.language === 'sh').flatMap((f) => commandsOf(f.text));
  const shown = commandsOf(printed);
  assert.ok(said.length > 0 && shown.length > 0, 'there are curl lines');
  const documented = new Set(table('Endpoints and headers', 'header', 'value').flatMap((row) => codes(row[0])));
  const ofNginx = new Set(['server', 'date', 'content-type', 'content-length', 'transfer-encoding', 'connection']);
  for (const command of [...said.map((c) => c.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)), ...shown]) {
    const answer = spawnSync('sh', ['-c', `curl() { command curl -sS -i "$@"; }; ${command}`], { encoding: 'utf8' });
    const [head, body] = answer.stdout.split('\r\n\r\n');
    assert.equal(answer.status, 0, `${command}\n${answer.stderr}`);
    assert.match(head, /^HTTP\/1\.1 200 /, `${command}\n${answer.stdout}`);
    if (/text\/event-stream/.test(head)) {
      assert.match(body, /data: \[DONE\]\n\n$/, command);
    } else {
      assert.match(JSON.parse(body).object, /^(chat\.completion|list)$/, command);
    }
    const headers = head.split('\r\n').slice(1).map((line) => line.split(':')[0].toLowerCase());
    assert.deepEqual(headers.filter((name) => !documented.has(name) && !ofNginx.has(name)), [], 'headers that README does not have');
  }
  assert.doesNotMatch(log, /\[(warn|error|crit|alert|emerg)\]/);
});
