#!/usr/bin/env bash
# Runs every test of a build directory and closes with one line of counts.
#   scripts/test.sh build/dev
set -uo pipefail
cd "$(dirname "$0")/.."
build=${1:?build directory}
status=0
ctest --test-dir "$build" --output-on-failure -j "$(nproc)" || status=1
if [[ -x tests/e2e/run.sh ]]; then
  tests/e2e/run.sh "$build" || status=1
fi
exit $status
