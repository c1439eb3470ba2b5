#!/bin/bash
# Runs nginx's configure for the module. Called by the Makefile with
# CC, OPT, TREE (nginx sources or Debian's nginx-dev), OBJ and FROM_SRC.
set -eu

module=$(cd "$(dirname "$0")/.." && pwd)
cd "$TREE"

if [ -z "$FROM_SRC" ]; then
    # The flags of the packaged binary: a module must match them.
    . ./conf_flags
    cc_opt="$OPT -fstack-protector-strong -Wformat -Werror=format-security -D_FORTIFY_SOURCE=2 -fPIC"
    ld_opt="-Wl,-z,relro -Wl,-z,now -fPIC"
    [ "${OPT#*-O0}" = "$OPT" ] || cc_opt=${cc_opt/-D_FORTIFY_SOURCE=2/}
    exec ./configure "${NGX_CONF_FLAGS[@]}" --with-cc="$CC" --builddir="$OBJ" --add-dynamic-module="$module" \
        --with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt"
fi

exec ./configure --with-cc="$CC" --builddir="$OBJ" --add-dynamic-module="$module" \
    --with-compat --with-debug --with-threads --with-pcre-jit \
    --with-http_ssl_module --with-http_v2_module --with-http_realip_module --with-http_auth_request_module \
    --with-http_stub_status_module --with-http_gunzip_module --with-http_sub_module \
    --with-cc-opt="$OPT -fPIC" --with-ld-opt="$(grep -oE -- '-fsanitize=[a-z,]+' <<< "$OPT" || true)"
