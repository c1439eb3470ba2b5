#!/bin/sh
# Installs the npm packages of the tests when they are not there yet, Node
# itself among them: Debian's older one only fetches it.
set -eu

cd "$(dirname "$0")"
stamp=node_modules/.installed
if [ -e $stamp ] && cmp -s package-lock.json $stamp && [ -x node_modules/.bin/node ]; then
    exit 0
fi
npm ci --no-audit --no-fund --loglevel=error
node_modules/.bin/node --version >/dev/null
cp package-lock.json $stamp
