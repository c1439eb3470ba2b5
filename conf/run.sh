#!/bin/sh
# Starts the gateway with conf/nginx.conf. Called by `make run` with NGINX_BIN,
# SO, PORT and RUN_DIR; everything it writes is below RUN_DIR.
set -eu

refuse() {
    echo "make run: $*" >&2
    exit 1
}

case $PORT in
    ''|*[!0-9]*|??????*) refuse "PORT=$PORT is no port: take a number from 1 to 65535" ;;
esac
[ "$PORT" -ge 1 ] && [ "$PORT" -le 65535 ] || refuse "PORT=$PORT is no port: take a number from 1 to 65535"
[ -n "$RUN_DIR" ] || refuse "RUN_DIR is empty: name a directory, such as build/run"

conf=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$RUN_DIR" || refuse "RUN_DIR=$RUN_DIR cannot be made"
run=$(cd "$RUN_DIR" && pwd)
case $run in
    *[!A-Za-z0-9/._+@~-]*) refuse "RUN_DIR is $run: only letters, digits and /._+@~- can stand in its path" ;;
esac
[ ${#run} -le 90 ] || refuse "RUN_DIR is $run: too long for the socket in it, 90 characters at most"

pid=$(cat "$run/nginx.pid" 2>/dev/null || true)
if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = nginx ]; then
    refuse "a gateway runs in $run already (process $pid): stop it, or take another RUN_DIR= and PORT="
fi

mkdir -p "$run/modules" "$run/temp"
# Never over a file that an nginx has mapped.
cp "$SO" "$run/modules/new.so"
mv "$run/modules/new.so" "$run/modules/$(basename "$SO")"
sed -e "s|127\.0\.0\.1:8080|127.0.0.1:$PORT|" -e "s|unix:sandbox\.sock|unix:$run/sandbox.sock|" "$conf/nginx.conf" > "$run/nginx.conf"
# nginx leaves its sockets behind when it is killed.
rm -f "$run/sandbox.sock"

# Workers of another user might not reach a run directory of root's.
user=
if [ "$(id -u)" = 0 ]; then
    user="user root;"
fi

key=sk-local-test
models=sandbox-openai
[ -z "${OPENAI_API_KEY:-}" ] || models="$models, gpt-*"
[ -z "${ANTHROPIC_API_KEY:-}" ] || models="$models, claude-*"
say() {
cat <<EOT
The gateway listens on http://127.0.0.1:$PORT/v1 (models: sandbox-anthropic, $models). Try:

  curl http://127.0.0.1:$PORT/v1/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -d '{"model":"sandbox-anthropic","messages":[{"role":"user","content":"Hello there"}]}'

  curl -N http://127.0.0.1:$PORT/v1/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' -H 'x-sandbox-delay: 300ms' -d '{"model":"sandbox-openai","stream":true,"messages":[{"role":"user","content":"One word after the other"}]}'

  curl http://127.0.0.1:$PORT/v1/models -H 'Authorization: Bearer $key'

Ctrl-C stops it all. Requests are logged in $RUN_DIR/access.log.

EOT
}

# nginx writes its process id when it listens. What waits for it is no child of
# nginx's, which takes this shell's place.
rm -f "$run/nginx.pid"
( (
    while kill -0 $$ 2>/dev/null; do
        if [ -s "$run/nginx.pid" ]; then say; exit; fi
        sleep 0.1
    done
    echo "make run: nginx did not start; PORT= takes another port" >&2
) & )

# nginx takes a variable of this name for sockets it inherits.
unset NGINX
exec "$NGINX_BIN" -p "$run" -e stderr -c "$run/nginx.conf" ${user:+-g "$user"}
