#!/usr/bin/env bash
# Runs simulated histories, a share of them on each core; fails if one of them has a finding.
#   scripts/world.sh build/dev [count] [first seed]
set -uo pipefail
cd "$(dirname "$0")/.."
build=${1:?build directory}
count=${2:-10000}
first=${3:-1}
cores=$(nproc)
share=$(((count + cores - 1) / cores))
processes=()
for ((i = 0; i * share < count; i++)); do
  left=$((count - i * share))
  "$build/bin/weir-world" --quiet --seed $((first + i * share)) --count $((left < share ? left : share)) &
  processes+=($!)
done
failed=0
for process in "${processes[@]}"; do wait "$process" || failed=1; done
exit $failed
