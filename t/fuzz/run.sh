#!/bin/bash
# Runs the fuzz targets, two at a time. Called by the Makefile.
#   t/fuzz/run.sh SECONDS RESULT   replay the corpus, then fuzz each so long
#   t/fuzz/run.sh forever          until told to stop
# The corpus grows below build/fuzz/corpus; its seeds are the golden files and
# the named crashes of t/fuzz/crashes.
set -u
cd "$(dirname "$0")/../.."

out=build/fuzz
targets=("$out"/bin/*)

# A golden file as an input: the first byte steers (t/fuzz/fuzz.hpp).
seed() {
    local folder=$out/corpus/$1 steer=$2 file
    mkdir -p "$folder"
    shift 2
    for file in "$@"; do
        [ -f "$file" ] || continue
        { printf '%b' "$steer"; cat "$file"; } > "$folder/$(echo "$file" | tr / _)"
    done
}

for bin in "${targets[@]}"; do
    name=$(basename "$bin")
    provider=${name#*-}
    case $name in
        json)     seed "$name" '' t/golden/*/*/*.json ;;
        sse)      seed "$name" '\x06' t/golden/*/*/upstream_stream.sse ;;
        head)     seed "$name" '' t/fuzz/heads/* ;;
        request)  seed "$name" '\0' t/golden/*/*/request.json ;;
        form)     mkdir -p "$out/corpus/$name" && cp t/fuzz/forms/* "$out/corpus/$name/" ;;
        vectors)  mkdir -p "$out/corpus/$name" && cp t/fuzz/vectors/* "$out/corpus/$name/" ;;
        prices)   mkdir -p "$out/corpus/$name" && cp t/fuzz/prices/* "$out/corpus/$name/" ;;
        answer-*) seed "$name" '\0' t/golden/"$provider"/*/upstream_response.json ;;
        stream-*) seed "$name" '\x06' t/golden/"$provider"/*/upstream_stream.sse ;;
        error-*)  seed "$name" '\x01' t/golden/"$provider"/*/upstream_error.json ;;
    esac
    [ -d "t/fuzz/crashes/$name" ] && cp t/fuzz/crashes/"$name"/* "$out/corpus/$name/"
    mkdir -p "$out/found/$name"
done

common=(-timeout=20 -rss_limit_mb=4096 -max_len=65536 -print_final_stats=0 -verbosity=0)
fuzz() {
    local name=$1 seconds=$2
    if "$out/bin/$name" "${common[@]}" -max_total_time="$seconds" -artifact_prefix="$out/found/$name/" \
        "$out/corpus/$name" > "$out/$name.log" 2>&1; then
        echo "fuzz $name: ok, $(find "$out/corpus/$name" -type f | wc -l) inputs"
    else
        echo "fuzz $name: FAILED, see $out/$name.log and $out/found/$name"
        tail -n 30 "$out/$name.log"
        return 1
    fi
}

if [ "$1" = forever ]; then
    while :; do
        for bin in "${targets[@]}"; do
            fuzz "$(basename "$bin")" 600 || exit 1
        done
    done
fi

passed=0 failed=0
for ((i = 0; i < ${#targets[@]}; i += 2)); do
    pids=()
    for bin in "${targets[@]:i:2}"; do
        fuzz "$(basename "$bin")" "$1" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        if wait "$pid"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    done
done
echo "{\"passed\":$passed,\"failed\":$failed,\"skipped\":0,\"skips\":[]}" > "$2"
[ $failed = 0 ]
