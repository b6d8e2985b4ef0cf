# Cogov: everything a developer, CI or a first-time visitor runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements-bootstrap.lock requirements-dev.lock
MEMBERS := services/deliberation/pyproject.toml services/wishes/pyproject.toml shared/pyproject.toml

INPUT ?=
ONCE ?=
TARGET ?=
INFRA ?=
ACCEPT ?=
ARGS ?=

TESTS := $(wildcard tests/unit tests/contract tests/architecture tests/integration tests/acceptance)
QUICK_TESTS := $(wildcard tests/unit tests/contract tests/architecture)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --no-emit-package cogov-shared $(if $(UPGRADE),--upgrade)

.PHONY: help
help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## Start everything and play a district: INPUT=file to read, ONCE=1 to stop at its end, TARGET=compose in containers
	@exec $(BIN)/python -m shared.cli demo $(if $(INPUT),--input '$(INPUT)') \
	  $(if $(TARGET),--target '$(TARGET)') $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: compose-secrets
compose-secrets: $(READY) ## Draw the secrets that docker-compose.yml mounts
	@exec $(BIN)/python -m shared.cli compose-secrets

.PHONY: test
test: $(READY) ## Run every test that one machine can prove: ARGS=… goes to pytest, INFRA=docker uses containers
	@exec env $(if $(INFRA),COGOV_TEST_INFRA='$(INFRA)') $(BIN)/python -m pytest $(TESTS) $(ARGS)

.PHONY: check
check: $(READY) ## Lint, types, walls and the tests that need no server, in under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(QUICK_TESTS)

.PHONY: format
format: $(READY) ## Format the code and apply the linter's safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: schemas
schemas: $(READY) ## Write the JSON Schemas of the published events
	@exec $(BIN)/python -m shared.contracts.schemas

.PHONY: docs
docs: $(READY) ## Write the reference pages that are made from the code
	@exec $(BIN)/python -m shared.cli.reference

.PHONY: revisions
revisions: $(READY) ## Write revisions.lock: ACCEPT="name: reason" takes a change for the same
	@exec $(BIN)/python -m shared.cli.revisions $(if $(ACCEPT),--accept '$(ACCEPT)')

.PHONY: bench
bench: $(READY) ## Measure throughput and latency on this machine
	@exec $(BIN)/python -m tests.performance $(ARGS)

.PHONY: lock
lock: $(READY) ## Write the lock files again: UPGRADE=1 takes the newest versions
	$(COMPILE) $(MEMBERS) --output-file requirements.lock
	$(COMPILE) $(MEMBERS) --group pyproject.toml:dev --constraints requirements.lock \
	  --output-file requirements-dev.lock
	echo uv | $(COMPILE) - --output-file requirements-bootstrap.lock

.PHONY: clean
clean: ## Remove the environment, the demo's data and every cache of this folder
	[ ! -d .cogov ] || [ ! -x $(BIN)/python ] || $(BIN)/python -m shared.kit.embedded down
	rm -rf $(VENV) .cogov reports .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment from nothing but a Python: pip installs uv, uv the rest, both only by hash.
# A lock that changed, and nothing else, installs again.
$(READY): $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Cogov needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." \
	    "Install one, or name it: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Preparing $(VENV) …"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary :all: --requirement requirements-bootstrap.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.lock \
	  requirements-bootstrap.lock
	@touch $@
