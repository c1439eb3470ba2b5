#!/bin/sh
# Copies the module to the directory nginx loads modules from. Called by
# `make install` with NGINX_BIN, SO and DESTDIR. Nothing is switched on.
set -eu
unset NGINX

options=$("$NGINX_BIN" -V 2>&1)
option() { printf '%s\n' "$options" | tr ' ' '\n' | sed -n "s|^--$1=||p" | tail -n 1; }
prefix=$(option prefix)
modules=$(option modules-path)
modules=${modules:-${prefix:-/usr/local/nginx}/modules}

target=$DESTDIR$modules
if ! mkdir -p "$target" 2>/dev/null || [ ! -w "$target" ]; then
    echo "$target is not writable: run \"sudo make install\", or set DESTDIR" >&2
    exit 1
fi
install -m 644 "$SO" "$target/"

# Beside nginx.conf, as fastcgi_params is: for `include llm_providers.conf;`.
conf=$(option conf-path)
conf=$DESTDIR$(dirname "${conf:-${prefix:-/usr/local/nginx}/conf/nginx.conf}")
mkdir -p "$conf"
install -m 644 "$(dirname "$0")/llm_providers.conf" "$conf/"

cat <<EOT
installed $target/$(basename "$SO") and $conf/llm_providers.conf

To load it, put this line at the top of nginx.conf (on Debian, of a file in
/etc/nginx/modules-enabled/), check and reload:

    load_module modules/$(basename "$SO");

    nginx -t && nginx -s reload

After an upgrade of the module restart nginx: a reload keeps the old code.
EOT
