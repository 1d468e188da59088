# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LIMIT ?= 16

.PHONY: run test lint typecheck unit browser clean-env

$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@

run: $(VENV)/.installed
	$(BIN)/harness run --variants all --suite mini --limit $(LIMIT) --yes
	$(BIN)/harness publish --local
	@echo "open site/public/index.html"

test: lint typecheck unit

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

typecheck: $(VENV)/.installed
	$(BIN)/mypy

browser:
	command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium)

unit: $(VENV)/.installed browser
	$(BIN)/python -m pytest

clean-env:
	rm -rf $(VENV)
