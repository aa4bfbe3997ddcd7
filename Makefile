# Everything runs in .venv, which `make setup` fills from the pinned, hashed requirements. Targets are instant when
# nothing changed. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
WORKERS ?= 2
# one more than cores: some tests wait for processes
TESTERS ?= 3
# Tests that start, kill and wait for real processes: a part of `make engines`
REAL := tests/executors/test_local_engine.py tests/operation/test_kill.py tests/operation/test_takeover.py

.PHONY: help setup demo test check oracle databases engines faults bench pins clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: .venv/.dev ## make .venv with everything that running and testing needs

.venv/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; install the package python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old: Python 3.11 or later is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "Python cannot make virtual environments; install the package python3-venv" >&2; exit 1; }
	@echo "Making .venv ..."
	@$(PYTHON) -m venv .venv

.venv/.runtime: requirements.txt pyproject.toml | .venv/bin/pip
	@echo "Installing what Dure runs on ..."
	@$(PIP) install --quiet --require-hashes --requirement requirements.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	@echo "Installing what the tests need ..."
	@$(PIP) install --quiet --require-hashes --requirement requirements-dev.txt
	@touch $@

demo: .venv/.runtime ## a small call, and a month of a national fleet that spends its awards; a report to look at
	@$(BIN)/dure demo --out demo

test: .venv/.dev ## all tests
	@$(BIN)/python -c "from dure.app.twin import compile_kernels; compile_kernels()"  # once, not once a worker
	@$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal $(REAL:%=--ignore=%)

check: .venv/.dev oracle ## style, types, layers, documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: ruff format ." >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

oracle: .venv/.dev
	@echo "Kernels against their slow twins, without the compiler ..."
	@out=$$(NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q -n $(WORKERS) tests/kernels 2>&1) || { echo "$$out"; exit 1; }

databases: .venv/.dev ## the tests of the store, the use cases and the API, on PostgreSQL
	@url=$$(tools/postgres start) && DURE_EXAMPLES=10 DURE_TEST_POSTGRES=$$url $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
	  tests/store tests/app tests/operation tests/tracking tests/web tests/governance/test_oracle.py; code=$$?; tools/postgres stop; exit $$code

.venv-engines/.made: requirements-engines.txt
	@$(PYTHON) -m venv .venv-engines
	@.venv-engines/bin/pip --disable-pip-version-check install --quiet --require-hashes --requirement requirements-engines.txt
	@touch $@

engines: .venv-engines/.made .venv/.dev ## the tests with real engines: the local one, the evaluation harness
	@DURE_EXAMPLES=10 $(BIN)/python -m pytest -q -n $(WORKERS) $(REAL) tests/app/test_publish.py
	@DURE_TEST_INSPECT=1 .venv-engines/bin/python -m pytest -q -p no:cacheprovider tests/engines

faults: .venv/.dev ## the whole service on a virtual clock, with faults drawn from a thousand seeds
	@$(BIN)/python -m tests.operation.simulation --seeds 1000 --workers $(WORKERS)

bench: .venv/.runtime ## all benchmarks; rewrites the table in docs/reference/benchmarks.md
	@$(BIN)/python -m bench --table docs/reference/benchmarks.md

# python-dateutil: inspect_ai and trafilatura agree on none from 3 on
pins: .venv/.dev ## resolve the requirements anew (needs uv)
	@PIP_COMPILE="uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --no-annotate --universal \
	  --fork-strategy fewest --python-version 3.11 --upgrade"; \
	printf 'flit_core\npython-dateutil<3\n' | $$PIP_COMPILE pyproject.toml - --output-file requirements.txt && \
	$$PIP_COMPILE pyproject.toml --extra dev --extra postgres --constraint requirements.txt --output-file requirements-dev.txt && \
	$$PIP_COMPILE pyproject.toml --extra dev --extra evaluate --constraint requirements.txt --output-file requirements-engines.txt

clean: ## remove what was made
	rm -rf .venv .venv-engines demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
