#!/usr/bin/env bash
# Is every source in the house's form?
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t sources < <(git ls-files '*.h' '*.cpp')
clang-format-19 --dry-run -Werror "${sources[@]}"
echo "format: ${#sources[@]} files"
