# Every target sets up what it needs; `make demo` and `make test` work on a bare machine.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
COMPILE = $(BIN)/uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --universal --python-version 3.11 --quiet

COMPILE_TOOLS = $(BIN)/uv pip compile tests/terraform/requirements.in --generate-hashes --no-emit-index-url --universal --python-version 3.11 --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types contracts format lock schemas bench drill sim proof clean
.PHONY: terraform-check terraform-apply-local

help: ## Say what each target does
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 24

setup: $(STAMP) ## Make .venv with .venv/bin/fifteen in it, from the hash-pinned lock

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fifteen needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup ## Run gateway, worker and the FedNow simulator; send four payments; stay up until Ctrl-C
	$(BIN)/fifteen demo

test: check ## Everything: lint, types, import contracts, and the tests on a real PostgreSQL and RabbitMQ

check: lint types contracts ## The ordinary check
	$(BIN)/python -m pytest
	$(BIN)/python -m tests.terraform.check --if-installed

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

format: setup ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup ## Resolve the dependencies anew into the two lock files: for work, and for the image
	$(COMPILE) --all-extras --group dev --upgrade --output-file requirements.lock
	$(COMPILE) --extra gateway --constraint requirements.lock --output-file requirements-image.lock
	$(COMPILE_TOOLS) --upgrade --output-file requirements-terraform.lock

schemas: setup ## Regenerate the XSDs from the message metadata of the pyiso20022 package
	$(BIN)/python -m iso20022.schemas.generate

terraform-check: setup ## Format, init, validate, test, checkov, hadolint, planted mistakes, plans
	$(BIN)/python -m tests.terraform.check
	$(BIN)/python -m pytest tests/terraform tests/unit/terraform

terraform-apply-local: setup ## Apply what a moto server supports, plan again, and write the report into docs/proofs
	$(BIN)/python -m tests.proofs.terraform

bench: setup ## Measure: a whole installation at 300 payments/s, the intake alone, the messages, the bus
	$(BIN)/fifteen bench
	$(BIN)/python -m tests.benchmarks.intake
	$(BIN)/python -m tests.benchmarks.messages
	$(BIN)/python -m tests.benchmarks.bus

drill: setup ## Kill everything at named points under load, and count the money
	$(BIN)/fifteen drill crash

sim: setup ## Run simulated worlds: SEED=7 for one, step by step; SEEDS=1..1000 for many
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1..300))

proof: setup ## What takes longer: measure, and write the reports into docs/proofs
	$(BIN)/python -m tests.proofs.intake
	$(BIN)/python -m tests.proofs.simulation
	$(BIN)/python -m tests.proofs.crash
	$(BIN)/python -m tests.proofs.load
	$(BIN)/python -m tests.proofs.growth
	$(BIN)/python -m tests.proofs.overload
	$(BIN)/python -m tests.proofs.replay
	$(BIN)/python -m tests.proofs.day
	$(BIN)/python -m tests.proofs.audit
	$(BIN)/python -m tests.proofs.terraform

clean: ## Remove what setup and the tests made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
