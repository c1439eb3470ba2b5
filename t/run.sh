#!/bin/bash
# Runs every test and ends in one line: N passed, N failed, N skipped.
# Called by `make test`, which has installed what is needed.
set -u

cd "$(dirname "$0")/.."
unset NGINX  # nginx takes a variable of this name for sockets it inherits
out=build/test
mkdir -p $out
rm -f $out/*.json

step() { printf '\n== %s\n' "$1"; }

# Another nginx: what does not see it is not run again.
if [ -n "${RELEASE:-}" ]; then
    step "source of $RELEASE's nginx"
    NGINX_SRC=$(t/source.sh "$RELEASE") || exit 1
    export NGINX_SRC
fi

step "module (BUILD=${BUILD:=release}${NGINX_SRC:+, nginx from $NGINX_SRC})"
make --no-print-directory all || exit 1
name=$BUILD${NGINX_SRC:+-$(basename "$NGINX_SRC")}
export LLM_MODULE=$PWD/build/$name/ngx_http_llm_gateway_module.so
export LLM_NGINX=${NGINX_SRC:+$PWD/build/$name/nginx}
[ -n "$LLM_NGINX" ] || LLM_NGINX=$(command -v nginx || echo /usr/sbin/nginx)

step "packages of the end-to-end tests"
t/npm.sh || exit 1
node=$PWD/t/node_modules/.bin/node

if [ -n "${RELEASE:-}" ]; then
    pass=e2e-$(basename "$NGINX_SRC")
    step "end to end: $pass"
    t/e2e.sh "$pass"
    exec "$node" t/e2e/lib/summary.mjs "$out/$pass.json"
fi

step "unit and golden tests (ASan, UBSan)"
make --no-print-directory -j"$(nproc)" build/unit/unit || exit 1
build/unit/unit --gtest_brief=1 --gtest_output=json:$out/unit.json | grep -v '^Running main'

step "fuzz targets, ${FUZZ_SECONDS:=10} seconds each (ASan, UBSan)"
make --no-print-directory fuzz-build || exit 1
t/fuzz/run.sh "$FUZZ_SECONDS" $out/fuzz.json

step "end to end: real nginx, real SDKs ($("$node" --version))"
t/e2e.sh e2e

step "end to end: nginx and module under ASan, LSan and UBSan"
t/sanitized.sh

step "soak: a mixed load for ${SOAK_SECONDS:=60} seconds, two workers"
"$node" t/soak/soak.mjs "$SOAK_SECONDS" $out/soak.json

exec "$node" t/e2e/lib/summary.mjs $out/{unit,fuzz,e2e,e2e-sanitized,soak}.json
