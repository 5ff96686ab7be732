#!/usr/bin/env bash
# Checks the format and runs both test programs, the end-to-end tests against artifacts/hotcore:
# the very file that ships. The last line is the sum: 'N passed, N failed'.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly UNIT_TESTS_LIMIT=10m
readonly END_TO_END_TESTS_LIMIT=40m
readonly LOGS=artifacts/test

passed=0
failed=0
failures=()
running=

finish() {
  local status=$?
  trap - EXIT INT TERM HUP
  # `timeout` hands the signal on to the whole group of the test program it runs.
  [[ -z $running ]] || kill "$running" 2>/dev/null || true
  # This script itself went wrong, or was interrupted: that must not pass for success.
  if ((status != 0 && failed == 0)); then failed=1; fi
  tell_failures
  echo "$passed passed, $failed failed"
  ((failed == 0)) || exit 1
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# One thing that failed, or COUNT of them where the second argument says so.
fail() {
  echo "failed: $1"
  failures+=("$1")
  failed=$((failed + ${2-1}))
}

say() { printf '\n== %s\n' "$1"; }

# Who sees only the end of a long output finds there what failed, and how each began to say why.
tell_failures() {
  local log
  ((failed > 0)) || return 0
  say "failed"
  printf '%s\n' "${failures[@]}"
  for log in "$LOGS"/*.log; do
    [[ -f $log ]] || continue
    awk '/ \[FAIL\]$/ { left = 6 } /^ *Stack Trace:/ { left = 0 } left-- > 0 { print substr($0, 1, 300) }' "$log"
  done
}

# What every test rests on: without it nothing after it would mean anything.
require() {
  local what=$1
  shift
  say "$what"
  "$@" && return
  fail "$what"
  exit 1
}

check_format() {
  say "format"
  if dotnet format Hotcore.slnx --no-restore --verify-no-changes; then
    echo "passed: format"
    passed=$((passed + 1))
  else
    fail "format (run: make format)"
  fi
}

run_tests() {
  local name=$1 limit=$2
  local log=$LOGS/$name.log status=0
  say "$name"
  : >"$log"
  # Into a file, and followed from there: a process that a test left behind cannot hold this script up.
  timeout --kill-after=10s "$limit" "artifacts/build/bin/$name/release/$name" -noColor >"$log" 2>&1 &
  running=$!
  tail -n +1 -f -s 0.2 --pid="$running" "$log"
  wait "$running" || status=$?
  running=
  count_results "$name" "$log" "$status"
  # 124: ended in good order; 137: had to be killed.
  if ((status == 124 || status == 137)); then
    fail "$name did not end within $limit" 0
  fi
}

# Adds what the runner's summary says; a run that says nothing, or not the whole truth, is a failure.
count_results() {
  local name=$1 log=$2 status=$3 total errors wrong skipped not_run bad
  local summary='Total: ([0-9]+), Errors: ([0-9]+), Failed: ([0-9]+), Skipped: ([0-9]+), Not Run: ([0-9]+)'
  if ! [[ $(tail -n 20 "$log") =~ $summary ]]; then
    fail "$name ended with exit code $status and without a summary"
    return
  fi
  total=${BASH_REMATCH[1]} errors=${BASH_REMATCH[2]} wrong=${BASH_REMATCH[3]}
  skipped=${BASH_REMATCH[4]} not_run=${BASH_REMATCH[5]}
  passed=$((passed + total - wrong - skipped - not_run))
  bad=$((errors + wrong + skipped))
  if ((bad > 0)); then fail "$name: $wrong failed, $errors errors, $skipped skipped" "$bad"; fi
  if ((bad == 0 && (status != 0 || total == 0))); then
    fail "$name ran $total tests and ended with exit code $status"
  fi
}

mkdir -p "$LOGS"
rm -f "$LOGS"/*.log
require "what the tests need" scripts/install-test-needs.sh
require "build artifacts/hotcore" make --no-print-directory build
require "build the tests" dotnet build Hotcore.slnx -c Release --nologo -v quiet
check_format
HOTCORE_BINARY=$PWD/artifacts/hotcore
export HOTCORE_BINARY
run_tests Hotcore.Tests "$UNIT_TESTS_LIMIT"
run_tests Hotcore.EndToEndTests "$END_TO_END_TESTS_LIMIT"
echo
