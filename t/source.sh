#!/bin/bash
# Prints the directory of the unpacked source of nginx as a Debian release
# packages it; fetches it when it is not there yet. Needs no root: apt works in
# a directory of its own, with the machine's own mirrors.
#   t/source.sh          the release this machine runs
#   t/source.sh trixie   another one
set -eu

release=$(. /etc/os-release && echo "$VERSION_CODENAME")
suite=${1:-$release}
dir=$PWD/build/source/$suite

unpacked() { find "$dir" -maxdepth 1 -type d -name 'nginx-*' 2>/dev/null | grep .; }
unpacked && exit 0

apt=$dir/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: > "$apt/status"

# The sources of the release's packages; `$1` leaves mirrors out.
write_list() {
    grep -hoE '^(deb|URIs:).*' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -oE '[a-z+]+://[^ ]+/debian(-security)?/?( |$)' | sort -u | grep -v "$1" | while read -r mirror; do
        case $mirror in
            *-security*) suites=$suite-security ;;
            *)           suites="$suite $suite-updates" ;;
        esac
        for s in $suites; do
            echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $s main"
        done
    done > "$apt/sources.list"
}

options=(-o "Dir::State=$apt" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
    -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=)
fetch() { cd "$dir" && apt-get "${options[@]}" update -qq && apt-get "${options[@]}" source -qq nginx; }

# A mirror may lag behind with its security updates.
for without in none security; do
    write_list "$without"
    ( fetch ) > "$dir/log" 2>&1 && unpacked && exit 0
done
# What the last update has patched may be gone from a mirror that still lists it.
for orig in "$dir"/nginx_*.orig.tar.gz; do
    tar -xzf "$orig" -C "$dir" 2>> "$dir/log" && unpacked || continue
    echo "t/source.sh: $suite's patches are not to be had, its nginx is used without them" >&2
    exit 0
done
cat "$dir/log" >&2
exit 1
