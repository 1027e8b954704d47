# Everything a person types. Each target installs what it needs and can be run again.
SHELL := /bin/bash
.DEFAULT_GOAL := build
JOBS ?= $(shell nproc)
export CCACHE_DIR ?= $(HOME)/.cache/weir-ccache
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

.PHONY: run build setup test check tidy world bench bench-budgets asan tsan fuzz format clean

run: build                    ## simulated providers and agents at work; the README's tour
	@build/release/bin/weir demo

build: build/release/.setup   ## the program alone: build/release/bin/weir
	@cmake --preset release >build/release/configure.log 2>&1 || { cat build/release/configure.log; exit 1; }
	@cmake --build --preset release --target weir -j $(JOBS)

build/release/.setup: scripts/setup.sh
	@scripts/setup.sh
	@mkdir -p build/release && touch $@

setup:                        ## all packages, for tests too
	@scripts/setup.sh --test

test: setup                   ## every test
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS)
	@scripts/test.sh build/dev

check: setup                  ## format and layering
	@tools/tidy.py
	@scripts/check.sh

tidy: setup                   ## clang-tidy over every file; a quarter of an hour on two cores
	@cmake --preset dev >/dev/null
	@scripts/tidy.sh build/dev

world: setup                  ## 10,000 simulated histories of budgets under faults; WORLDS=n for n
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev --target weir-world -j $(JOBS)
	@scripts/world.sh build/dev $(or $(WORLDS),10000)

bench: setup                  ## beside nginx and haproxy, in one run
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench --target weir weir_load budget_bench fold_bench -j $(JOBS)
	@bench/run.py --build build/bench

bench-budgets: setup          ## how a budget is spent to its end, beside one that counts afterwards
	@cmake --preset bench >/dev/null
	@cmake --build --preset bench --target budgets_bench -j $(JOBS)
	@build/bench/bin/budgets_bench --json build/bench/budgets.jsonl

asan tsan: setup              ## the suite under the sanitizers
	@cmake --preset $@ >/dev/null
	@cmake --build --preset $@ -j $(JOBS)
	@scripts/test.sh build/$@

fuzz: setup                   ## each fuzzer for a minute
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz -j $(JOBS)
	@scripts/fuzz.sh build/fuzz 60

format:                       ## rewrites sources in the house's form
	@git ls-files '*.h' '*.cpp' | xargs clang-format-19 -i

clean:
	@rm -rf build
