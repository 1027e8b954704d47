#!/usr/bin/env bash
# Runs every test of a build directory and closes with one line of counts.
#   scripts/test.sh build/dev
set -uo pipefail
cd "$(dirname "$0")/.."
build=${1:?build directory}
passed=0
failed=0
skipped=0

log=$build/ctest.log
ctest --test-dir "$build" --output-on-failure -j "$(nproc)" 2>&1 | tee "$log"
programs=$(grep -cE '^ *[0-9]+/[0-9]+ Test .* Passed ' "$log")
broken=$(grep -cE '^ *[0-9]+/[0-9]+ Test .*(\*\*\*|Not Run)' "$log")
passed=$((passed + programs))
failed=$((failed + broken))

if [[ -x tests/e2e/run.sh ]]; then
  log=$build/e2e.log
  tests/e2e/run.sh "$build" 2>&1 | tee "$log"
  e2e=${PIPESTATUS[0]}
  last=$(grep -E '^=+ .*(passed|failed|error).* =+$|^[0-9]+ (passed|failed).* in ' "$log" | tail -n 1)
  count() { grep -oE "[0-9]+ $1" <<<"$last" | grep -oE '[0-9]+' || echo 0; }
  passed=$((passed + $(count passed)))
  skipped=$((skipped + $(count skipped)))
  broken=$(($(count failed) + $(count error)))
  # A run that broke down before its tests counts as a failure.
  ((e2e != 0 && broken == 0)) && broken=1
  failed=$((failed + broken))
fi
((passed + failed == 0)) && failed=1
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
