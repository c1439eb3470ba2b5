#!/bin/bash
# One pass over the end-to-end tests ($TESTS, else all) with the nginx of
# $LLM_NGINX and the module of $LLM_MODULE.
#   t/e2e.sh PASS [REPORTS]
# The result is build/test/PASS.json. REPORTS is the directory into which a tool
# writes what it finds: each file there is a failure.
set -u

cd "$(dirname "$0")/.."
unset NGINX  # nginx takes a variable of this name for sockets it inherits
export LLM_PASS=$1 LLM_REPORTS=${2:-} LLM_WORK=$PWD/build/e2e/$1
mkdir -p build/test
rm -rf "$LLM_WORK" "build/test/$1.json"
[ -z "$LLM_REPORTS" ] || { rm -rf "$LLM_REPORTS" && mkdir -p "$LLM_REPORTS"; }

# shellcheck disable=SC2086
exec t/node_modules/.bin/node --test --test-concurrency=2 --test-timeout=300000 \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=./t/e2e/lib/reporter.mjs --test-reporter-destination="build/test/$1.json" \
    ${TESTS:-t/e2e/*.test.mjs}
