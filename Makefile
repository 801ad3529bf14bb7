# Everything a newcomer needs; `make help` lists it. Only Python 3.11+ and make are expected.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export DAGSTER_HOME ?= $(CURDIR)/dagster_home
# Without its bytecode each start of Dagster takes twice the processor time. Where the environment forbids Python to keep
# it, as many images do, `setup` compiles what it installs, and our own targets keep it.
BYTECODE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test cluster-test test-postgresql soak soak-memory alert-kills hostile installed example foreign screenshots pictures lint bench docs schema lock
.DEFAULT_GOAL := help

help: ## List these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: .venv/ready ## A virtual environment in .venv with the locked dependencies and the project

# The extras that were asked for once stay: make setup EXTRAS=postgres
EXTRAS ?= $(shell cat .venv/extras 2>/dev/null)
LOCKS := requirements/development.txt $(EXTRAS:%=requirements/%.txt)

.venv/extras: FORCE
	@mkdir -p .venv
	@echo "$(EXTRAS)" | cmp -s - $@ || echo "$(EXTRAS)" > $@

.PHONY: FORCE
FORCE:

.venv/ready: $(LOCKS) requirements/uv.txt pyproject.toml .venv/extras
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with: make setup PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip sync --quiet $(BYTECODE) --require-hashes $(LOCKS)
	VIRTUAL_ENV=$(CURDIR)/.venv $(UV) pip install --quiet --no-deps --no-build-isolation -e .
	$(if $(BYTECODE),$(BIN)/python -m compileall -q -j 0 integration_center salesforce_emulator)
	@touch $@

demo: setup ## The main job on the embedded Salesforce org and Insights API (under a minute)
	$(BIN)/integration-center demo

up: setup ## Console on http://localhost:3001, Dagster UI on http://localhost:3000, and what the demo left running
	$(BIN)/integration-center up

# A third of the time a test waits: for a clock, a process or an answer. So there are more workers than processors.
WORKERS ?= 4
# The tests count on yesterday, and all data is of that day. What fails in a suite that goes over midnight UTC runs once
# more, within one day.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
RUN_TESTS = day=$$(date -u +%F); $(1) $(PYTEST) $(2) || { test $$day != $$(date -u +%F) && $(1) $(PYTEST) $(2) $(3) --last-failed --last-failed-no-failures none; }
test: setup ## The test suite; a browser's tests are skipped where no Chromium is installed; PROOFS=1 for all of it, COVERAGE=1 measures branches
	$(call RUN_TESTS,$(if $(PROOFS),INTEGRATION_CENTER_PROOFS=1),$(if $(COVERAGE),--cov --cov-report=term:skip-covered),$(if $(COVERAGE),--cov-append))

# What asks the database the most. CI runs all that opens a database on PostgreSQL, too: ALL=1.
ON_POSTGRESQL := $(addprefix integration_center_tests/,pipeline/test_recovery.py pipeline/test_undo.py \
  pipeline/test_fencing.py pipeline/test_protection.py database/test_rolling_upgrade.py access/test_sessions.py \
  access/test_attempts.py access/test_audit.py console/test_database_integrations.py console/test_stop.py)
SUITE ?= $(if $(ALL),integration_center_tests,$(ON_POSTGRESQL))
test-postgresql: setup ## Tests with each installation on PostgreSQL, on servers that they start; ALL=1 for all that open one, SUITE for a part
	$(call RUN_TESTS,INTEGRATION_CENTER_PROOFS=1 INTEGRATION_CENTER_REQUIRE_POSTGRESQL=1,--postgresql $(SUITE))

SECONDS_OF_SOAK ?= 600
cluster-test: setup ## Three hosts as Linux namespaces on PostgreSQL, Redis and object storage; hosts are lost (some minutes; FULL=1 for all)
	$(BIN)/python -m pytest -q integration_center_tests/cluster/three_hosts.py integration_center_tests/cluster/celery_hosts.py integration_center_tests/cluster/outages.py integration_center_tests/cluster/worker_processes.py integration_center_tests/cluster/consoles.py integration_center_tests/cluster/random_losses.py integration_center_tests/cluster/many_syncs.py

soak-memory: setup ## 200 syncs on the cluster in fast-forward: the memory of each process that stays is flat (half an hour)
	SYNCS=$${SYNCS:-10} ROWS=$${ROWS:-200} $(BIN)/python -m pytest -q -s integration_center_tests/cluster/many_days.py

soak: setup ## Kill processes at random for ten minutes while runs and commands go on; SECONDS_OF_SOAK for less
	$(BIN)/python -m integration_center_tests.faults.soak --seconds $(SECONDS_OF_SOAK)

alert-kills: setup ## Kill the senders of alerts and all other processes: each incident has one message (ten minutes)
	$(BIN)/python -m integration_center_tests.faults.alert_kills

SCREENSHOTS ?= /tmp/integration-center-screenshots
screenshots: setup ## Pictures of each page of the console, light, dark and narrow, in SCREENSHOTS
	INTEGRATION_CENTER_PROOFS=1 INTEGRATION_CENTER_REQUIRE_BROWSER=1 INTEGRATION_CENTER_SCREENSHOTS=$(SCREENSHOTS) \
	  $(BIN)/python -m pytest -q integration_center_tests/browser
	@echo "see $(SCREENSHOTS)"

example: setup ## examples/dbt_duckdb from built wheels: a dbt mart reaches the local org
	$(BIN)/python -m integration_center_tests.example_project

foreign: setup ## The component in two projects of somebody else, from built wheels, with dg's commands
	$(BIN)/python -m integration_center_tests.foreign

installed: setup ## Build the wheel, install it in a new environment, and run the demo and up there
	$(BIN)/python -m integration_center_tests.installed

lint: setup ## ruff and mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

hostile: setup ## 300 bad files, settings and arguments, and what the command line says of each (some minutes)
	$(BIN)/python -m integration_center_tests.faults.bad_inputs

bench: setup ## Calls, bytes, seconds and peak memory, beside a floor
	$(BIN)/python -m benchmarks

docs: setup ## The documentation, in site/index.html; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

pictures: setup ## The pictures of the pages in docs/pictures, from the real console; needs Chromium
	INTEGRATION_CENTER_PROOFS=1 INTEGRATION_CENTER_PICTURES=docs/pictures $(BIN)/python -m pytest -q integration_center_tests/browser/test_front_page.py \
	  integration_center_tests/browser/test_many_integrations.py integration_center_tests/browser/test_every_page.py

schema: setup ## The JSON schema of report.yaml, in the package, after a change to its options
	$(BIN)/python -m tools.report_schema

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --no-header
lock: setup ## Write the locks of production, of each extra and of development: hashes, no addresses
	$(COMPILE) --group dev pyproject.toml -o requirements/development.txt
	$(COMPILE) -c requirements/development.txt pyproject.toml -o requirements/production.txt
	$(COMPILE) -c requirements/development.txt --extra postgres pyproject.toml -o requirements/postgres.txt
	$(COMPILE) -c requirements/development.txt --extra sftp pyproject.toml -o requirements/sftp.txt
	$(COMPILE) -c requirements/development.txt --extra aws pyproject.toml -o requirements/aws.txt
	$(COMPILE) -c requirements/development.txt --extra otel pyproject.toml -o requirements/otel.txt
	$(COMPILE) -c requirements/development.txt --extra gcp pyproject.toml -o requirements/gcp.txt
	$(COMPILE) -c requirements/development.txt --extra vault pyproject.toml -o requirements/vault.txt
	$(COMPILE) -c requirements/development.txt --extra cluster pyproject.toml -o requirements/cluster.txt
	echo hatchling | $(COMPILE) -c requirements/development.txt - -o requirements/build.txt
	echo uv | $(COMPILE) -c requirements/development.txt - -o requirements/uv.txt
	$(COMPILE) -c requirements/production.txt examples/dbt_duckdb/requirements.in pyproject.toml \
	  salesforce_emulator/pyproject.toml -o examples/dbt_duckdb/requirements.txt
