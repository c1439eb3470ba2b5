#!/bin/bash
# The end-to-end tests with nginx itself and the module under AddressSanitizer,
# LeakSanitizer and UndefinedBehaviorSanitizer, and every pool allocation one of
# malloc's. Tests see LLM_SANITIZED=1.
set -u

cd "$(dirname "$0")/.."
src=${NGINX_SRC:-$(t/source.sh)} && [ -n "$src" ] || exit 1
make --no-print-directory BUILD=asan NGINX_SRC="$src" all || exit 1
build=$PWD/build/asan-$(basename "$src")
reports=$PWD/build/test/sanitizer

export LLM_NGINX=$build/nginx LLM_MODULE=$build/ngx_http_llm_gateway_module.so LLM_SANITIZED=1
# nginx and each module have a variable ngx_modules.
export ASAN_OPTIONS=detect_odr_violation=0:detect_leaks=1:log_path=$reports/asan
export LSAN_OPTIONS=suppressions=$PWD/t/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/ubsan
exec t/e2e.sh e2e-sanitized "$reports"
