# Sourced by scripts/check and .ci/run: steps that are run, timed and counted.
#
# Each step's output goes to build/logs/NAME.log and is shown where it fails. One
# line per result, "pass NAME" or "fail NAME", goes to $TEELOG_RESULTS; a script
# that starts another sets it first, so that both count together.
# shellcheck shell=bash

mkdir -p build/logs
if [ -z "${TEELOG_RESULTS:-}" ]; then
    export TEELOG_RESULTS=$PWD/build/results
    : >"$TEELOG_RESULTS"
fi
steps_began=$(wc -l <"$TEELOG_RESULTS")

# step NAME COMMAND…: counts one result. The status is the command's.
step() {
    local name=$1 began=$SECONDS log
    shift
    log=build/logs/${name// /-}.log
    if "$@" >"$log" 2>&1 </dev/null; then
        echo "pass $name" >>"$TEELOG_RESULTS"
        printf 'ok      %-28s %4d s\n' "$name" $((SECONDS - began))
        return 0
    fi
    echo "fail $name" >>"$TEELOG_RESULTS"
    printf 'FAILED  %-28s %4d s, the end of %s:\n' "$name" $((SECONDS - began)) "$log"
    tail -n "${STEP_TAIL:-40}" "$log" | sed 's/^/    /'
    return 1
}

# suite NAME BUILD ARGS…: runs meson's tests; every case in them is a result. Many of them wait
# more than they compute, so that more run at a time than there are processors.
suite() {
    local name=$1 build=$2 began=$SECONDS log
    shift 2
    log=build/logs/${name// /-}.log
    rm -f "$build/meson-logs/testlog.json"
    meson test -C "$build" --no-rebuild --print-errorlogs --num-processes $(($(nproc) + 2)) "$@" >"$log" 2>&1 </dev/null || true
    if scripts/count-tests "$name" "$build/meson-logs/testlog.json" >"$log.count"; then
        printf 'ok      %-28s %4d s, %s\n' "$name" $((SECONDS - began)) "$(tail -n 1 "$log.count")"
    else
        printf 'FAILED  %-28s %4d s, %s\n' "$name" $((SECONDS - began)) "$(tail -n 1 "$log.count")"
        tail -n "${STEP_TAIL:-60}" "$log" | sed 's/^/    /'
    fi
}

# The last line, and the status, of a run.
summary() {
    local passed failed
    passed=$(tail -n +$((steps_began + 1)) "$TEELOG_RESULTS" | grep -c '^pass ' || true)
    failed=$(tail -n +$((steps_began + 1)) "$TEELOG_RESULTS" | grep -c '^fail ' || true)
    tail -n +$((steps_began + 1)) "$TEELOG_RESULTS" | sed -n 's/^fail /failed: /p'
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" != 0 ]
}
