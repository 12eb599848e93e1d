# `make` lists the verbs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# How long `make chaos` runs. Taken from the command line only: bash keeps a SECONDS of its own.
SECONDS := 600
unexport SECONDS
# More for pytest: make test ARGS='-k audit -x'
ARGS ?=
# Processes of pytest: for `make check`; for `make test`, where each has a broker and a database of its own to wait for.
WORKERS ?= 2
TEST_WORKERS ?= 4
# What `make lint` runs, side by side: the longest first.
LINTS := lint-types lint-texts lint-schemas lint-imports lint-style lint-format
SIDE_BY_SIDE := --no-print-directory --keep-going $(if $(filter output-sync,$(.FEATURES)),--output-sync)
# Where the demo's log is: an embedded one, or `make demo LOG=kafka`. Taken from the command line only.
LOG :=
# Brokers of `make kafka-up`: 1 or 3; as many as there are, else one.
NODES ?=
# The resolver that writes requirements.lock, in an environment of its own.
UV := uv==0.13.9
LOCK_ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo check test lint format texts bench chaos unclean-election kafka-up kafka-down kafka-wipe lock lock-kafka clean \
  unit-tests $(LINTS)

help: ## List these verbs
	@echo 'usage: make VERB'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(VENV)/.installed ## Make .venv with the locked dependencies and the dossier command

demo: setup ## Show a dossier's way from start to decision (LOG=kafka: through the queue of a real Kafka)
	$(if $(filter kafka,$(LOG)),$(BIN)/python -m infra.demo.on_kafka,$(BIN)/dossier demo)

check: setup ## Run every check beside the tests that need no server: under a minute (ARGS='-k word' picks some)
	@$(MAKE) $(SIDE_BY_SIDE) --jobs=3 $(LINTS) unit-tests

unit-tests:
	$(BIN)/python -m pytest -m unit --numprocesses=$(WORKERS) --dist=worksteal $(ARGS)

test: lint ## Run every check, then all tests (ARGS='-k word' picks some)
	$(BIN)/python -m pytest --numprocesses=$(TEST_WORKERS) --dist=loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## Check style, format, types, the direction of imports, the public schemas and the texts
	@$(MAKE) $(SIDE_BY_SIDE) --jobs=2 $(LINTS)

lint-types:
	$(BIN)/mypy

lint-imports:
	$(BIN)/lint-imports --no-logo

lint-style:
	$(BIN)/ruff check

lint-format:
	$(BIN)/ruff format --check

lint-schemas:
	$(BIN)/python -m schemas.release check
	$(BIN)/python -m schemas.command_schemas --check
	$(BIN)/python -m schemas.asyncapi --check

lint-texts:
	$(BIN)/python -m infra.dev.catalogues --check
	$(BIN)/python -m infra.dev.state_diagram --check

format: setup ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

texts: setup ## Take new texts up into the message catalogues, and compile these
	$(BIN)/python -m infra.dev.catalogues

bench: setup ## Measure; the numbers go to build/bench.json
	@mkdir -p build
	$(BIN)/python -m tests.benchmarks

chaos: setup ## Kill and restart the parts under load (SECONDS=600; ARGS='--whole 3': all on three brokers)
	$(BIN)/python -m tests.fault.chaos --seconds $(SECONDS) $(ARGS)

unclean-election: setup ## Have a replica elected that lacks what was acknowledged, on five real brokers, and recover
	$(BIN)/python -m tests.fault.unclean_election

kafka-up: setup ## Start a real Kafka in build/kafka, and print where it is (NODES=3 for three brokers)
	@$(BIN)/python -m infra.dev.kafka up $(if $(NODES),--nodes $(NODES))

kafka-down: setup ## Stop it; its data stays
	@$(BIN)/python -m infra.dev.kafka down

kafka-wipe: setup ## Stop it and delete its data
	@$(BIN)/python -m infra.dev.kafka wipe

lock: build/.locker ## Remake requirements.lock from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	build/locker/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-config --no-header --no-emit-index-url --no-emit-find-links \
	  --quiet $(LOCK_ARGS) --output-file requirements.lock

lock-kafka: setup ## Remake infra/dev/kafka.lock.toml, the jars of the Kafka for development
	$(BIN)/python -m infra.dev.kafka_jars

clean: ## Remove the environment, caches and everything built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A changed lock remakes the environment, so that nothing unlocked stays behind in it.
$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Dossier needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make setup PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) install --quiet --require-hashes -r requirements.lock
	@touch $@

# `pip check` fails when pyproject.toml asks for something that the lock does not have: then `make lock`.
# The few files of infra/package are copied, all others are used where they stand.
$(VENV)/.installed: $(VENV)/.locked pyproject.toml $(wildcard infra/package/dossier/*.py infra/package/dossier/*/*.py)
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@$(PIP) check || { echo "requirements.lock is behind pyproject.toml: run 'make lock'" >&2; exit 1; }
	@touch $@

build/.locker: Makefile
	$(PYTHON) -m venv --clear build/locker
	build/locker/bin/python -m pip --disable-pip-version-check install --quiet '$(UV)'
	@touch $@
