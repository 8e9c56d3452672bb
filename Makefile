# Every target fills its own virtual environment from a lock of exact versions with hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := pip --disable-pip-version-check install --quiet
PIP := $(BIN)/python -m $(INSTALL)

.DEFAULT_GOAL := help
.PHONY: help demo demo-traffic demo-envoy demo-nginx test check bench bench-deps test-deps lock \
	clean litellm

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.demo: locks/demo.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bailiwick needs Python 3.11 or later: make PYTHON=python3.11 demo")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r locks/demo.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: locks/dev.lock $(VENV)/.demo
	$(PIP) --require-hashes -r locks/dev.lock
	@touch $@

demo: $(VENV)/.demo  ## Start a gateway with a policy and send it requests from many places (ARGS=--once exits)
	@$(BIN)/python -m examples.demo $(ARGS)

demo-traffic: $(VENV)/.dev  ## Make a month of traffic and ask what a change of policy would cost (ARGS="--rows N")
	@$(BIN)/python -m examples.traffic $(ARGS)
demo-envoy: $(VENV)/.dev  ## The demo behind Envoy from compiled configuration, asking the service
	@$(BIN)/python -m examples.demo --front envoy $(ARGS)

demo-nginx: $(VENV)/.dev  ## The demo behind nginx from compiled configuration, asking the service
	@$(BIN)/python -m examples.demo --front nginx $(ARGS)

test: $(VENV)/.dev  ## Run every test; says what was skipped and why
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(VENV)/.dev  ## Format, lint, types, arrows between rooms, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv-bench/.done: locks/demo.lock locks/bench.lock pyproject.toml
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m $(INSTALL) --require-hashes -r locks/demo.lock
	.venv-bench/bin/python -m $(INSTALL) --require-hashes -r locks/bench.lock
	.venv-bench/bin/python -m $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

.venv-litellm/.done: locks/litellm.lock
	test -x .venv-litellm/bin/python || $(PYTHON) -m venv .venv-litellm
	.venv-litellm/bin/python -m $(INSTALL) --require-hashes -r locks/litellm.lock
	@touch $@

litellm: .venv-litellm/.done  ## Install LiteLLM in an environment of its own, for the tests of its hook

bench: .venv-bench/.done .venv-litellm/.done  ## Measure the hot paths against peers; writes benchmarks/results.md
	.venv-bench/bin/python -m benchmarks $(ARGS)

bench-deps:  ## Install the programs that the benchmarks measure against (Debian)
	sh tests/install_programs.sh bench

test-deps:  ## Install the programs that some tests use (Debian: apt-get, macOS: brew)
	sh tests/install_programs.sh

lock:  ## Resolve the locks anew (needs uv)
	uv pip compile pyproject.toml --extra demo --group build $(LOCK) -o locks/demo.lock
	uv pip compile locks/bench.in $(LOCK) -c locks/demo.lock -o locks/bench.lock
	uv pip compile locks/litellm.in $(LOCK) -o locks/litellm.lock
	uv pip compile pyproject.toml --all-extras --group build --group test --group check $(LOCK) -c locks/demo.lock -o locks/dev.lock

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

clean:  ## Remove what the targets made
	rm -rf $(VENV) .ruff_cache .mypy_cache .hypothesis .import_linter_cache build
