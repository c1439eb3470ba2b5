#!/bin/bash
# What a reviewer should not have to look for. Called by `make lint`.
set -u

cd "$(dirname "$0")/.."
failed=0
complain() { echo "lint: $*"; failed=1; }

# A folder may include only folders to its left.
layers=(base json wire chat auth client dialects providers policy relay sandbox ngx)
for ((i = 0; i < ${#layers[@]}; i++)); do
    for ((k = i + 1; k < ${#layers[@]}; k++)); do
        hits=$(grep -rnE "#include \"${layers[k]}/" "src/${layers[i]}") && complain "${layers[i]} includes ${layers[k]}: $hits"
    done
done
for folder in src/*/; do
    [[ " ${layers[*]} " == *" $(basename "$folder") "* ]] || complain "$folder has no place in the order of layers"
done

# Neither a client format nor a dialect sees another one.
hits=$(grep -rn '#include "client/' src/dialects) && complain "a dialect sees a client format: $hits"
for dialect in src/dialects/*/; do
    name=$(basename "$dialect")
    hits=$(grep -rnE '#include "dialects/[a-z]+/' "$dialect" | grep -v "\"dialects/$name/") && complain "$name sees another dialect: $hits"
done

# nginx is seen in src/ngx alone, and there through one door.
hits=$(grep -rnE '\b(ngx_|NGX_)' src --include='*.cc' --include='*.hpp' | grep -v '^src/ngx/') && complain "nginx outside src/ngx: $hits"
hits=$(grep -rnE '#include <ngx_' src | grep -v '^src/ngx/ngx.hpp:') && complain "nginx headers beside src/ngx/ngx.hpp: $hits"

# Nothing blocks, nothing lives longer than it is told to.
hits=$(grep -rnE '#include <(iostream|fstream|regex|thread|mutex|locale|future)>' src) && complain "not in a worker: $hits"

# Files stay small enough to be read in one go.
while read -r lines file; do
    [ "$file" = total ] || [ "$lines" -le 450 ] || complain "$file has $lines lines, more than 450"
done < <(git ls-files -- 'src/*' 't/unit/*' 't/e2e/*' 't/mock/*' 't/bench/*' | xargs wc -l)

# Text hygiene.
hits=$(git grep -nIE '[[:space:]]+$' -- . ':!t/golden' ':(exclude,glob)t/fuzz/*/**' ':!LICENSE') && complain "trailing blanks: $hits"
hits=$(git grep -nIE $'\t' -- src t '*.md' ':!t/golden') && complain "tabs: $hits"
hits=$(git grep -nIwE 'TODO|FIXME|XXX|HACK' -- . ':!t/lint.sh' ':!t/golden') && complain "unfinished: $hits"

# The lock file names no registry.
grep -q '"resolved"' t/package-lock.json && complain "t/package-lock.json holds download addresses"

for script in conf/*.sh t/*.sh; do
    head -n 1 "$script" | grep -q bash && shell=bash || shell=sh
    $shell -n "$script" || complain "$script does not parse"
done

sources=$(find src t/unit t/fuzz t/preload t/bench -name '*.cc' -o -name '*.hpp')
# shellcheck disable=SC2086
clang-format-14 --dry-run --Werror $sources 2>&1 | grep -E 'error|warning' && complain "formatting: run clang-format-14 -i"

echo "lint: both compilers under nginx's own -Wall -Werror"
make --no-print-directory all || failed=1
make --no-print-directory CC=clang-14 all || failed=1

echo "lint: clang-tidy"
tree=/usr/share/nginx/src/src
system=()
for folder in core event event/modules os/unix http http/modules http/v2; do system+=(-isystem "$tree/$folder"); done
system+=(-isystem build/release)
export -f complain
find src -name '*.cc' | xargs -P "$(nproc)" -n 4 sh -c '
    flags=$1; shift
    clang-tidy-14 --quiet "$@" -- -std=c++20 -Isrc $flags 2>/dev/null' sh "${system[*]}" | grep -E 'error:|warning:' && complain "clang-tidy"

[ $failed = 0 ] && echo "lint: clean"
exit $failed
