#!/bin/sh
# Installs the packages that a target needs and that are not there yet.
#   conf/deps.sh build [--no-nginx]   to build and run the module
#   conf/deps.sh test                 to test and lint it as well
#   conf/deps.sh valgrind             for `make valgrind` besides
set -eu

packages="g++ make libyajl-dev libssl-dev ca-certificates"
case "$*" in
    *--no-nginx*) packages="$packages libpcre2-dev zlib1g-dev" ;;
    *)            packages="$packages nginx nginx-dev" ;;
esac
case $1 in
    test)
        packages="$packages curl libgtest-dev clang-14 clang-tidy-14 clang-format-14 libclang-rt-14-dev openssl git procps"
        # nginx from Debian's source, under the sanitizers.
        packages="$packages dpkg-dev debian-archive-keyring libpcre2-dev zlib1g-dev"
        command -v npm >/dev/null || packages="$packages npm" ;;
    valgrind) packages="$packages valgrind libc6-dbg" ;;
esac

missing=
for p in $packages; do
    if command -v dpkg-query >/dev/null; then
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
    else
        missing="$missing $p"
    fi
done

if ! command -v apt-get >/dev/null; then
    # Another system: look for the tools themselves.
    have=yes
    for tool in c++ make nginx; do
        command -v $tool >/dev/null || { have=no; echo "missing: $tool" >&2; }
    done
    for header in yajl/yajl_parse.h openssl/evp.h; do
        echo "#include <$header>" | c++ -E -x c++ - >/dev/null 2>&1 || { have=no; echo "missing: <$header>" >&2; }
    done
    [ $have = yes ] && exit 0
    echo "This is no Debian: install what is missing (on Debian 12:$missing) and, without nginx-dev," >&2
    echo "build with NGINX_SRC=<unpacked nginx tree>." >&2
    exit 1
fi
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "These packages are missing:$missing" >&2
        echo "Install them as root: apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    sudo=sudo
fi

echo "installing:$missing"
policy=/usr/sbin/policy-rc.d
case " $missing " in
    *" nginx "*)
        # An nginx that comes only for this must not start serving.
        if [ ! -e $policy ]; then
            printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
            $sudo chmod 755 $policy
            trap '$sudo rm -f $policy' EXIT
            trap 'exit 130' INT TERM
        fi ;;
esac

log=$(mktemp)
# shellcheck disable=SC2086
if ! { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 1
fi
rm -f "$log"

case " $missing " in
    *" nginx "*) $sudo systemctl disable nginx >/dev/null 2>&1 || $sudo update-rc.d nginx disable >/dev/null 2>&1 || true ;;
esac
