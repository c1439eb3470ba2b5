#!/bin/sh
# Starts the gateway with conf/nginx.conf. Called by `make run` with NGINX_BIN,
# SO, PORT and RUN_DIR; everything it writes is below RUN_DIR.
set -eu

conf=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$RUN_DIR/modules" "$RUN_DIR/temp"
run=$(cd "$RUN_DIR" && pwd)

cp "$SO" "$run/modules/"
sed -e "s|127\.0\.0\.1:8080|127.0.0.1:$PORT|" -e "s|unix:sandbox\.sock|unix:$run/sandbox.sock|" "$conf/nginx.conf" > "$run/nginx.conf"
# nginx leaves its sockets behind when it is killed.
rm -f "$run/sandbox.sock"

# Run by root, the workers give up their rights, but must reach the socket.
user=
if [ "$(id -u)" = 0 ]; then
    user="user root;"
fi

key=sk-local-test
models=sandbox-openai
[ -z "${OPENAI_API_KEY:-}" ] || models="$models, gpt-*"
[ -z "${ANTHROPIC_API_KEY:-}" ] || models="$models, claude-*"
cat <<EOT
The gateway listens on http://127.0.0.1:$PORT/v1 (models: sandbox-anthropic, $models). Try:

  curl http://127.0.0.1:$PORT/v1/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -d '{"model":"sandbox-anthropic","messages":[{"role":"user","content":"Hello there"}]}'

  curl -N http://127.0.0.1:$PORT/v1/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -H 'x-sandbox-delay: 300ms' -d '{"model":"sandbox-openai","stream":true,"messages":[{"role":"user","content":"One word after the other"}]}'

  curl http://127.0.0.1:$PORT/v1/models -H 'Authorization: Bearer $key'

Ctrl-C stops it. Requests are logged in $RUN_DIR/access.log.

EOT
# nginx takes a variable of this name for sockets it inherits.
unset NGINX
exec "$NGINX_BIN" -p "$run" -e stderr -c "$run/nginx.conf" ${user:+-g "$user"}
