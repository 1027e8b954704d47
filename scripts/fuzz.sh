#!/usr/bin/env bash
# Runs each fuzzer for some seconds from its corpus; stops at the first finding.
#   scripts/fuzz.sh build/fuzz 60
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?build directory}
seconds=${2:-60}
for target in "$build"/bin/fuzz_*; do
  name=$(basename "$target" | sed 's/^fuzz_//')
  found=$build/found/$name
  mkdir -p "$found"
  echo "fuzz: $name"
  "$target" -max_total_time="$seconds" -artifact_prefix="$found/" "$found" "fuzz/corpus/$name" 2>&1 | tail -n 2
done
