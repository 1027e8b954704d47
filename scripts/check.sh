#!/usr/bin/env bash
# Format and clang-tidy over our own sources.
#   scripts/check.sh build/dev [--changed]     --changed: only files that differ from main's merge base
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?build directory with compile_commands.json}
mapfile -t sources < <(git ls-files '*.h' '*.cpp')
clang-format-19 --dry-run -Werror "${sources[@]}"
echo "format: ${#sources[@]} files"
mapfile -t units < <(git ls-files 'src/*.cpp' 'sim/*.cpp' | grep -vE '(_test|/test_[a-z_]+|/sample_records)\.cpp$')
printf '%s\0' "${units[@]}" |
  xargs -0 -P "$(nproc)" -n 4 clang-tidy-19 -p "$build" --quiet --warnings-as-errors='*' 2>/dev/null
echo "clang-tidy: ${#units[@]} files"
