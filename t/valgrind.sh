#!/bin/bash
# A part of the end-to-end tests (TESTS=<files>: others) with Debian's own nginx
# under valgrind's memcheck, which sees what AddressSanitizer does not: memory
# that is read before it was written to. The module is the debug build, as an
# optimiser may read the value of an empty std::optional to throw it away.
set -u

cd "$(dirname "$0")/.."
make --no-print-directory BUILD=debug all || exit 1
t/npm.sh || exit 1
reports=$PWD/build/test/valgrind
mkdir -p build/test
rm -f build/test/*.json

# Stands for nginx; with -q a process without errors leaves an empty file.
cat > build/test/nginx-valgrind <<EOT
#!/bin/sh
exec valgrind -q --log-file=$reports/%p --suppressions=$PWD/t/valgrind.supp --num-callers=30 \\
    ${LLM_NGINX:-$(command -v nginx || echo /usr/sbin/nginx)} "\$@"
EOT
chmod +x build/test/nginx-valgrind

export LLM_NGINX=$PWD/build/test/nginx-valgrind
export LLM_MODULE=$PWD/build/debug/ngx_http_llm_gateway_module.so
: "${TESTS:=$(echo t/e2e/{smoke,auth,failover,failover_last,abort,malformed,keepalive,provider_tls,dns,sandbox_wire,sdk_tools,translated_answers,variables}.test.mjs)}"
export TESTS
t/e2e.sh e2e-valgrind "$reports"
exec t/node_modules/.bin/node t/e2e/lib/summary.mjs build/test/e2e-valgrind.json
