#!/usr/bin/env bash
# clang-tidy over the sources, or over those that are named.
#   scripts/tidy.sh build/dev [src/core/quote.cpp …]
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?build directory with compile_commands.json}
shift
units=("$@")
if ((${#units[@]} == 0)); then
  mapfile -t units < <(git ls-files 'src/*.cpp' 'sim/*.cpp' |
    grep -vE '(_test|/test_[a-z_]+|/sample_records)\.cpp$')
fi
printf '%s\0' "${units[@]}" |
  xargs -0 -P "$(nproc)" -n 1 clang-tidy-19 -p "$build" --quiet --warnings-as-errors='*' 2>/dev/null
echo "clang-tidy: ${#units[@]} files"
