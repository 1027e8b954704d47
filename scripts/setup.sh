#!/usr/bin/env bash
# Installs what Weir is built and tested with. The only place with package names; idempotent.
#   scripts/setup.sh            what the program needs to build
#   scripts/setup.sh --test     also what `make check`, `make test` and `make bench` need
set -euo pipefail
cd "$(dirname "$0")/.."

build_packages=(
  clang-19 lld-19 libclang-rt-19-dev llvm-19
  cmake ninja-build ccache make git pkg-config nodejs ca-certificates openssl
  libssl-dev libsimdjson-dev nlohmann-json3-dev libyaml-cpp-dev libcli11-dev
  libspdlog-dev libfmt-dev libxxhash-dev libpcre2-dev zlib1g-dev libzstd-dev libbrotli-dev
  libc-ares-dev libsqlite3-dev libmimalloc-dev libcctz-dev tzdata
)
test_packages=(
  clang-format-19 clang-tidy-19 libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  python3 python3-venv sqlite3 nginx-light haproxy curl
)

wanted=("${build_packages[@]}")
[[ "${1:-}" == "--test" ]] && wanted+=("${test_packages[@]}")

missing=()
for package in "${wanted[@]}"; do
  # A tool that is on the machine under its own name counts, however it came there.
  case "$package" in
    nodejs) command -v node >/dev/null && continue ;;
    cmake | git | curl | make) command -v "$package" >/dev/null && continue ;;
    nginx-light) command -v nginx >/dev/null && continue ;;
  esac
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
    missing+=("$package")
done
command -v npm >/dev/null || missing+=(npm)

if ((${#missing[@]})); then
  echo "setup: installing ${missing[*]}"
  sudo=()
  ((EUID == 0)) || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
fi

# The official SDKs that the end-to-end tests drive Weir with.
if [[ "${1:-}" == "--test" && -f tests/e2e/requirements.txt ]]; then
  venv=build/venv
  stamp=$venv/.installed
  if ! cmp -s tests/e2e/requirements.txt "$stamp"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r tests/e2e/requirements.txt
    cp tests/e2e/requirements.txt "$stamp"
  fi
fi
if [[ "${1:-}" == "--test" && -f tests/e2e/node/package-lock.json ]]; then
  stamp=tests/e2e/node/node_modules/.installed
  if ! cmp -s tests/e2e/node/package-lock.json "$stamp"; then
    npm ci --prefix tests/e2e/node --silent --no-audit --no-fund --ignore-scripts
    cp tests/e2e/node/package-lock.json "$stamp"
  fi
fi
