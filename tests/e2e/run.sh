#!/usr/bin/env bash
# The end-to-end tests, against the programs of a build directory.
#   tests/e2e/run.sh build/dev [pytest arguments]
# WEIR_KILLS says how often the kill test kills (200).
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
build=$(cd "$root" && cd "${1:?build directory}" && pwd)
shift
for program in weir weir-sim; do
  [[ -x $build/bin/$program ]] || { echo "e2e: there is no $build/bin/$program" >&2; exit 1; }
done
python=$root/build/venv/bin/python
[[ -x $python ]] || { echo "e2e: there is no $python: scripts/setup.sh --test makes it" >&2; exit 1; }
export WEIR_BUILD=$build PYTHONDONTWRITEBYTECODE=1
# Each file stays on one process: the kill test takes one, the others share the second.
exec "$python" -m pytest -n 2 --dist loadfile "$@" .
