// The two that are compared, each an nginx of its own on the same core: plain
// proxy_pass, and the gateway.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { module, nginx, sha256 } from '../e2e/lib/gateway.mjs';
import { freePort } from '../e2e/lib/port.mjs';
import { until } from '../e2e/lib/until.mjs';

const KEY = 'sk-bench-0123456789abcdef';

const frame = (dir, { load = '', workers = 1, http }) => `
${load}
daemon off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes ${workers};
worker_rlimit_nofile 20000;
events { worker_connections 16384; }
http {
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((t) => `${t}_temp_path ${dir}/temp/${t};`).join(' ')}
  client_max_body_size 32m;
  client_body_buffer_size 2m;
  keepalive_requests 1000000;
  keepalive_time 1h;
  ${http}
}
`;

const upstream = (name, port) => `
  upstream ${name} {
    server 127.0.0.1:${port};
    keepalive 512;
    keepalive_requests 1000000;
    keepalive_time 1h;
  }`;

// Client paths of the raw side say which of the mock's formats answers.
export const rawPath = (dialect, stream) => `/${dialect}${stream ? '-stream' : ''}`;

const rawLocation = (dialect, path, stream) => `
    location = ${rawPath(dialect, stream)} {
      proxy_pass http://mock${path};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      ${stream ? 'proxy_buffering off;' : ''}
    }`;

export const raw = (dir, port, mock, workers) =>
  frame(dir, {
    workers,
    http: `
  log_format bench '$remote_addr [$time_iso8601] "$request" $status $bytes_sent $request_time '
                   '$upstream_addr $upstream_status $upstream_response_time $upstream_header_time';
  access_log ${dir}/access.log bench;
  ${upstream('mock', mock)}
  server {
    listen 127.0.0.1:${port} backlog=16384;
    ${[false, true].map((stream) => rawLocation('openai', '/v1/chat/completions', stream)).join('')}
    ${[false, true].map((stream) => rawLocation('anthropic', '/v1/messages', stream)).join('')}
  }`,
  });

const plain = `
  llm_model openai { target openai/bench-1; }
  llm_model anthropic { target anthropic/bench-1; }`;

const gatewayOf = (models) => (dir, port, mock, workers) =>
  frame(dir, {
    load: `load_module ${module};`,
    workers,
    http: `
  llm_zone gateway 8m;
  log_format bench '$remote_addr [$time_iso8601] "$request" $status $bytes_sent $request_time '
                   '$llm_project $llm_key_id $llm_request_model $llm_provider $llm_model $llm_attempts '
                   '$llm_prompt_tokens $llm_completion_tokens $llm_cached_tokens $llm_finish_reason '
                   '$llm_time_to_first_token $llm_upstream_time $llm_overhead_time $llm_error';
  access_log ${dir}/access.log bench;
  ${upstream('one', mock)}
  ${upstream('two', mock)}
  llm_provider openai    { type openai;    pass http://one; key sk-upstream; }
  llm_provider anthropic { type anthropic; pass http://two; key sk-upstream; }
  ${models}
  llm_project bench { key sha256:${sha256(KEY)} id=bench; }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location /v1/ { llm_gateway on; }
  }`,
  });

export const gateway = gatewayOf(plain);

// Each request chooses among several targets by all that there is to go by.
export const routed = gatewayOf(`
  llm_model openai {
    route latency;
    target openai/bench-1 max_input_tokens=1000000;
    target openai/bench-2 cannot=images weight=2;
    target openai/bench-3 hours=00:00-24:00;
    target openai/bench-4 priority=1;
    fallback openai/bench-5;
  }`);

// A side that runs, with what the kernel knows about its workers.
export class Side {
  static async start(work, name, conf, mock, { workers = 1, cores = '0' } = {}) {
    const side = new Side();
    side.name = name;
    side.dir = fs.mkdtempSync(path.join(work, `${name}-`));
    fs.mkdirSync(path.join(side.dir, 'temp'));
    side.port = await freePort();
    const file = path.join(side.dir, 'nginx.conf');
    fs.writeFileSync(file, conf(side.dir, side.port, mock, workers));
    side.process = spawn('taskset', ['-c', cores, nginx, '-p', side.dir, '-e', `${side.dir}/error.log`, '-c', file], {
      stdio: 'inherit',
    });
    await until(() => side.workers().length === workers, `${name}, see ${side.dir}/error.log,`);
    return side;
  }

  workers() {
    const pid = this.process.pid;
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  }

  sum(read) {
    return this.workers().reduce((total, pid) => total + read(pid), 0);
  }

  // Microseconds of CPU time the workers have used so far.
  cpu() {
    return this.sum((pid) => Number(fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])) / 1000;
  }

  // Resident kilobytes of the workers.
  memory() {
    return this.sum((pid) => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]));
  }

  async stop() {
    this.process.kill('SIGTERM');
    await new Promise((done) => this.process.once('exit', done));
    const log = fs.readFileSync(`${this.dir}/error.log`, 'utf8');
    if (/\[(error|crit|alert|emerg)\]/.test(log)) console.log(`  ${this.name} logged errors:\n${log.slice(0, 1000)}`);
    fs.rmSync(this.dir, { recursive: true });
  }
}
