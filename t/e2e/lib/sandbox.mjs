// Providers that are llm_sandbox, reached as any provider is.

// For Gateway.start's `http`: providers `openai` and `anthropic`, and `more`
// names of the first kind; the model `m`, and what else `http` says.
export function withSandbox({ names = [], provider = '', http = '' } = {}) {
  return (gateway) => {
    const one = (name, type) => `
      llm_provider ${name} {
        type ${type}; pass http://unix:${gateway.dir}/sandbox.sock:/${type}/v1; key sandbox;
        pass_header x-sandbox-delay; pass_header x-sandbox-status; pass_header x-sandbox-die;
        ${provider}
      }`;
    return `
      ${one('openai', 'openai')}
      ${one('anthropic', 'anthropic')}
      ${names.map((name) => one(name, 'openai')).join('')}
      llm_model m { target openai; }
      ${typeof http === 'function' ? http(gateway) : http}
      server {
        listen unix:${gateway.dir}/sandbox.sock;
        access_log off;
        location /openai/ { llm_sandbox openai; }
        location /anthropic/ { llm_sandbox anthropic; }
      }`;
  };
}
