// What the key of a project may use, and what GET /v1/models tells it.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gateway, KEY, keyLine } from './lib/gateway.mjs';
import { authorized, chat, request } from './lib/http.mjs';
import { withSandbox } from './lib/sandbox.mjs';

const messages = [{ role: 'user', content: 'x' }];
const models = `
  llm_model gpt-4o { target openai; }
  llm_model cheap fast { target openai/mini; }
  llm_model org/name-v1.2 { target anthropic/x; }
  llm_model "odd%name?&=+#" { target openai; }
  llm_model eu-* { target openai; }
  llm_model ~^us-(?<m>.+)$ { target openai/$m; }`;
const exact = ['m', 'gpt-4o', 'cheap', 'fast', 'org/name-v1.2', 'odd%name?&=+#'];

const projects = {
  everything: ['', [...exact, 'eu-1', 'us-1'], []],
  names: ['models gpt-4o fast;', ['gpt-4o', 'fast'], ['cheap', 'm', 'eu-1', 'GPT-4o', 'gpt-4o-mini']],
  slashes: ['models org/name-v1.2;', ['org/name-v1.2'], ['org', 'gpt-4o']],
  prefixes: ['models c* eu-2*;', ['cheap', 'eu-2', 'eu-2x'], ['gpt-4o', 'fast', 'eu-1']],
  expressions: ['models ~^us- "~*^(GPT|EU)-[0-9]";', ['us-1', 'gpt-4o', 'eu-1'], ['cheap', 'eu-x', 'xus-1']],
  lines: ['models fast; models cheap;', ['cheap', 'fast'], ['gpt-4o']],
  star: ['models *;', [...exact, 'eu-1', 'us-1'], []],
  later: ['models later-*;', [], ['gpt-4o']],
};
const keyOf = (project) => `sk-${project}`;
const options = {
  project: Object.entries(projects)
    .map(([name, [lines]]) => `llm_project ${name} { ${keyLine(keyOf(name), `id=${name}`)} ${lines} }`)
    .join('\n'),
  http: withSandbox({ http: models }),
  server: 'location /ai/ { llm_gateway on; llm_direct on; llm_headers off; }',
};

const listOf = async (gateway, key) => JSON.parse((await request(`${gateway.url}/models`, { headers: authorized(key) })).body);
const modelOf = (gateway, key, path, method = 'GET') => request(`${gateway.url}/models/${path}`, { method, headers: authorized(key) });

test('models of a project', async (t) => {
  const gateway = await Gateway.start(t, options);
  for (const [name, [, allowed, refused]] of Object.entries(projects)) {
    await t.test(name, async () => {
      const key = keyOf(name);
      for (const model of allowed) {
        const answer = await chat(gateway, { model, messages }, authorized(key));
        assert.equal(answer.status, 200, `${model}: ${answer.body}`);
      }
      for (const model of refused) {
        const answer = await chat(gateway, { model, messages }, authorized(key));
        assert.equal(answer.status, 403, model);
        assert.deepEqual(JSON.parse(answer.body).error, {
          message: `The API key may not use the model '${model}'.`,
          type: 'permission_error',
          param: 'model',
          code: 'model_not_allowed',
        });
      }
      const list = await listOf(gateway, key);
      assert.deepEqual(list.data.map((m) => m.id), exact.filter((m) => allowed.includes(m)));
      for (const model of [...allowed, ...refused]) {
        const answer = await modelOf(gateway, key, encodeURIComponent(model));
        assert.equal(answer.status, allowed.includes(model) ? 200 : 404, model);
        if (answer.status === 200) assert.equal(JSON.parse(answer.body).id, model);
      }
    });
  }
});

test('a name that does not exist is told from one that is not allowed', async (t) => {
  const gateway = await Gateway.start(t, options);
  for (const [project, status] of [['everything', 404], ['names', 403], ['later', 403]]) {
    const answer = await chat(gateway, { model: 'nosuch', messages }, authorized(keyOf(project)));
    assert.equal(answer.status, status, project);
  }
  // Allowed, but not there yet.
  assert.equal((await chat(gateway, { model: 'later-1', messages }, authorized(keyOf('later')))).status, 404);
});

test('the list is in OpenAI\'s shape', async (t) => {
  const before = Math.floor(Date.now() / 1000) - 1;
  const gateway = await Gateway.start(t, options);
  const answer = await request(`${gateway.url}/models`, { headers: authorized(keyOf('names')) });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/json');
  const { object, data, ...rest } = JSON.parse(answer.body);
  assert.deepEqual([object, rest], ['list', {}]);
  for (const model of data) {
    assert.deepEqual(Object.keys(model), ['id', 'object', 'created', 'owned_by']);
    assert.equal(model.object, 'model');
    assert.ok(Number.isInteger(model.created) && model.created >= before && model.created <= Date.now() / 1000);
    assert.equal(model.owned_by, 'openai');
  }
  const one = JSON.parse((await modelOf(gateway, keyOf('names'), 'gpt-4o')).body);
  assert.deepEqual(one, data.find((m) => m.id === 'gpt-4o'));
});

// [path behind /v1/models/, id in the answer]
const paths = [
  ['gpt-4o', 'gpt-4o'],
  ['org/name-v1.2', 'org/name-v1.2'],
  ['org%2Fname-v1.2', 'org/name-v1.2'],
  ['org%2fname%2Dv1%2e2', 'org/name-v1.2'],
  ['%67pt-4o', 'gpt-4o'],
  ['odd%25name%3F%26%3D%2B%23', 'odd%name?&=+#'],
  ['gpt-4o?limit=1', 'gpt-4o'],
  ['eu-anything/at/all', 'eu-anything/at/all'],
  ['us-%7Etilde', 'us-~tilde'],
  ['nosuch', null],
  ['gpt-4o/', null],
  ['GPT-4O', null],
  ['openai/gpt-4o', null],
];
test('one model, in whatever way its id is written', async (t) => {
  const gateway = await Gateway.start(t, options);
  for (const [path, id] of paths) {
    const answer = await modelOf(gateway, keyOf('everything'), path);
    if (id) {
      assert.equal(answer.status, 200, path);
      assert.equal(JSON.parse(answer.body).id, id);
    } else {
      assert.equal(answer.status, 404, path);
      const { error } = JSON.parse(answer.body);
      assert.deepEqual([error.type, error.param, error.code], ['invalid_request_error', 'model', 'model_not_found']);
    }
    // HEAD is GET without the body.
    const head = await modelOf(gateway, keyOf('everything'), path, 'HEAD');
    assert.deepEqual([head.status, head.body], [answer.status, '']);
    assert.equal(head.headers['content-length'], answer.headers['content-length']);
    assert.equal(head.headers['content-type'], answer.headers['content-type']);
  }
});

test('HEAD of the list', async (t) => {
  const gateway = await Gateway.start(t, options);
  const [get, head] = [await request(`${gateway.url}/models`, { headers: authorized(keyOf('names')) }), await request(`${gateway.url}/models`, { method: 'HEAD', headers: authorized(keyOf('names')) })];
  assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', get.headers['content-length']]);
});

test('with llm_direct also what a provider may be asked for, and with llm_headers off nobody is named', async (t) => {
  const gateway = await Gateway.start(t, options);
  const get = async (key, path) => request(`http://127.0.0.1:${gateway.port}/ai/v1/models${path}`, { headers: authorized(keyOf(key)) });
  const direct = JSON.parse((await get('everything', '/anthropic/claude/1')).body);
  assert.deepEqual([direct.id, direct.owned_by], ['anthropic/claude/1', 'gateway']);
  assert.equal((await get('names', '/anthropic/claude')).status, 404);
  assert.equal((await get('everything', '/nosuch/claude')).status, 404);
  const owners = JSON.parse((await get('everything', '')).body).data.map((m) => m.owned_by);
  assert.deepEqual([...new Set(owners)], ['gateway']);
});

test('several keys of several projects, and an open gateway beside them', async (t) => {
  const gateway = await Gateway.start(t, {
    project: `
      llm_project red { ${keyLine('sk-1', 'id=one')} ${keyLine('sk-2', 'id=two')} models m; }
      llm_project blue { ${keyLine('sk-3')} }
      llm_project test { ${keyLine(KEY)} }`,
    http: withSandbox({ http: models }),
    server: 'add_header x-who "$llm_project $llm_key_id"; location /open/ { llm_gateway on; llm_auth off; }',
  });
  const ask = async (key, path, model = 'm') => {
    const answer = await request(`http://127.0.0.1:${gateway.port}${path}/v1/chat/completions`, {
      method: 'POST',
      headers: key === null ? { 'content-type': 'application/json' } : authorized(key),
      body: JSON.stringify({ model, messages }),
    });
    return `${answer.status} ${answer.headers['x-who'] ?? ''}`.trim();
  };
  assert.equal(await ask('sk-1', ''), '200 red one');
  assert.equal(await ask('sk-2', ''), '200 red two');
  assert.match(await ask('sk-3', ''), /^200 blue [0-9a-f]{8}$/);
  assert.match(await ask('sk-4', ''), /^401/);
  // Whoever says who he is keeps to his project.
  assert.equal(await ask(null, '/open'), '200');
  assert.equal(await ask('sk-4', '/open', 'gpt-4o'), '200');
  assert.equal(await ask('sk-1', '/open'), '200 red one');
  assert.match(await ask('sk-1', '/open', 'gpt-4o'), /^403/);
});
