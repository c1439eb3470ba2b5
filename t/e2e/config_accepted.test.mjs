// Configurations that nginx takes, on a machine without DNS.
import { accepted, refused, warned } from './lib/conf.mjs';
import { keyLine, sha256 } from './lib/gateway.mjs';

const dead = 'resolver 127.0.0.1:1;\n';
const env = { OPENAI_API_KEY: 'sk-openai', ANTHROPIC_API_KEY: 'sk-ant' };
const files = { 'run/secrets/anthropic': 'sk-ant-file\n' };

const complete = `
    llm_zone gateway 64m;                      # keys, budgets, limits, breakers, counters

    upstream openai    { zone openai 64k;    llm_server api.openai.com:443;    keepalive 64; }
    upstream anthropic { zone anthropic 64k; llm_server api.anthropic.com:443; keepalive 64; }

    llm_provider openai    { type openai;    pass https://openai;    key env:OPENAI_API_KEY; }
    llm_provider anthropic { type anthropic; pass https://anthropic; key file:run/secrets/anthropic; }

    llm_model gpt-4o       { target openai;  fallback anthropic/claude-sonnet-4-5; }
    llm_model cheap-fast   { target openai/gpt-4o-mini; target anthropic/claude-haiku-4-5; }
    llm_model ~^eu-(?<m>.+)$ { target anthropic/$m; }

    llm_project marketing  { key sha256:${sha256('sk-marketing')}; models gpt-4o cheap-fast; }

    server {
        listen 8080;
        client_max_body_size 32m;              # nginx's default of 1m is too small for images and long prompts
        client_body_buffer_size 256k;
        location /v1/ { llm_gateway on; }      # /v1/chat/completions, /v1/embeddings, /v1/models, ...
    }
`;
accepted('the complete small configuration', dead + complete, { env, files });
accepted('the complete small configuration with the resolver of the system', complete, { env, files });

// The order of blocks is the operator's.
const blocks = complete.split(/\n(?=    (?:llm_|upstream|server))/).slice(1);
accepted('the complete small configuration, backwards', [...blocks].reverse().join('\n') + dead, { env, files });

const zone = `${dead}llm_zone z 1m;\n`;
const provider = (lines, name = 'p') => `llm_provider ${name} { type openai; pass https://api.test; ${lines} }\n`;

accepted('every directive of a provider', zone + `
  llm_provider p {
    type openai;
    pass https://api.test:8443/v2/;
    host api.example.test;
    key env:OPENAI_API_KEY if_set;
    header x-region "\${remote_addr}-eu";
    header OpenAI-Organization org-1;
    pass_header x-trace;
    connect_timeout 500ms; send_timeout 10s; first_token_timeout 1m; idle_timeout 1m30s; total_timeout 1h;
    ssl_verify on; ssl_verify_depth 2; ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
  }`, { env });

const everything = `
    llm_auth on; llm_direct on; llm_headers off; llm_unsupported reject; llm_model_name asked;
    llm_max_body 1m; llm_max_depth 64; llm_max_event 64k; llm_max_response 1m; llm_max_tool_arguments 64k;`;
accepted('every directive of a location, in http, server and location', `${zone} llm_project a { ${keyLine()} }
  ${everything}
  server {
    ${everything}
    location /v1/ { llm_gateway on; ${everything} }
  }`);

accepted('include in every block', (dir) => zone + `
  upstream u { include ${dir}/server.conf; }
  llm_provider p { include provider.conf; }
  llm_model m { include ${dir}/model*.conf; }
  llm_project a { include ${dir}/project.conf; include ${dir}/none*.conf; }
  include ${dir}/blocks.conf;
  server { location /v1/ { include ${dir}/location.conf; } }`, {
  files: {
    'server.conf': 'llm_server a.test; keepalive 4;',
    'provider.conf': 'type openai;\npass https://u;\nkey none;\n',
    'model1.conf': 'target p;',
    'model2.conf': 'fallback p/x;',
    'project.conf': `${keyLine('a')}\nmodels m;`,
    'blocks.conf': `llm_provider q { include provider.conf; }\nllm_project b { ${keyLine('b')} }`,
    'location.conf': 'llm_gateway on;',
  },
});

accepted('quoted names', zone + `
  llm_provider "p.1-a_b" { "type" "openai"; 'pass' "https://api.test"; "key" "none"; }
  "llm_model" 'gpt-4o' "claude-*" "~^eu-(?<m>.{2,})$" { "target" "p.1-a_b/$m"; }
  llm_model 'with"quotes"and{braces}' { target p.1-a_b; }
  llm_project "a@b" { "key" "sha256:${sha256('x')}" "id=x"; models "gpt-4o" '~.*'; }`);

warned('if_set: an environment variable that is not set', zone + `llm_provider p {\ntype openai; pass https://api.test;\nkey env:LLM_TEST_MISSING if_set; #!\n}\nllm_model m { target p; }`, 'notice', /key "env:LLM_TEST_MISSING" of llm_provider "p" is left out: the environment variable is not set/);
warned('if_set: a file that is missing', zone + `llm_provider p {\ntype openai; pass https://api.test;\nkey file:missing if_set; #!\n}`, 'notice', /key "file:missing" of llm_provider "p" is left out: the file cannot be read/);
warned('if_set: a file that is empty', zone + `llm_provider p {\ntype openai; pass https://api.test;\nkey file:empty if_set; #!\n}`, 'notice', /key "file:empty" of llm_provider "p" is left out: the file is empty/, { files: { empty: '\n' } });
accepted('if_set: a variable that is set', zone + provider('key env:OPENAI_API_KEY if_set;'), { env });
refused('if_set: what else is wrong is still wrong', `${zone}llm_provider p { #!\ntype openai; key env:LLM_TEST_MISSING if_set; }`, /llm_provider "p" has no "pass"/);

const project = `llm_project a { ${keyLine()} }\n`;
accepted('nested, exact and regular expression locations', zone + project + `
  server {
    location / {
      llm_gateway on;
      location = /v1/models { limit_except GET { deny all; } }
      location /v1/slow/ { llm_max_body 1m; client_max_body_size 1m; }
      location ~ ^/v1/[a-z]+$ { llm_headers off; }
    }
    location = /chat/completions { llm_gateway on; }
    location ~* ^/(?<tenant>[a-z]+)/v1/ { llm_gateway on; }
    location ^~ /ai/ { llm_gateway on; }
    location @named { llm_gateway on; }
  }`);
accepted('several servers, with keys and open', zone + project + provider('key none;') + `
  server { listen 127.77.0.1:8001; location /v1/ { llm_gateway on; } }
  server { listen 127.77.0.1:8001; server_name b; llm_auth off; location /v1/ { llm_gateway on; } }
  server { listen 127.77.0.1:8002; location /openai/ { llm_sandbox openai; } location /anthropic/ { llm_sandbox anthropic; } }`);
accepted('the variables where others of nginx may stand', zone + project + `
  map $llm_key_id $limited { default ""; "~^b" $llm_key_id; }
  limit_req_zone $limited zone=keys:1m rate=1r/s;
  log_format llm '$llm_request_model $llm_model $llm_provider $llm_attempts $llm_fallback $llm_stream $llm_finish_reason '
                 '$llm_prompt_tokens $llm_completion_tokens $llm_total_tokens $llm_cached_tokens $llm_reasoning_tokens '
                 '$llm_time_to_first_token $llm_upstream_time $llm_overhead_time $llm_project $llm_key_id $llm_error';
  server { location /v1/ { limit_req zone=keys; llm_gateway on; access_log off; } }`);
accepted('a module that nobody uses', '');
accepted('TLS providers behind blocks that come later', zone + `
  llm_provider a { type openai; pass https://u; key none; }
  llm_provider b { type anthropic; pass https://u; key none; }
  upstream u { llm_server a.test; keepalive 4; }`);
