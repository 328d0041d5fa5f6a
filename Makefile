# Every target sets up what it needs; `make demo` and `make test` work on a bare machine.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
GATES  := .venv-gates
GATES_STAMP := $(GATES)/.installed
BUILD  := build
COMPILE = $(BIN)/uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --universal --python-version 3.11 --quiet
COMPILE_TOOLS = $(BIN)/uv pip compile tests/terraform/requirements.in --generate-hashes --no-emit-index-url --universal --python-version 3.11 --quiet

.DEFAULT_GOAL := help
.PHONY: terraform-check terraform-apply-local container-check bandit dependency-audit sbom gates hooks image bootstrap deploy one-off synthetic provenance
.PHONY: help setup demo test check check-python check-terraform lint types contracts format lock schemas bench drill sim proof clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 24

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

check: lint types contracts ## The ordinary check; Terraform's part takes what the tests leave of the machine
	$(MAKE) --no-print-directory --jobs 2 check-python check-terraform

check-python: setup
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal --ignore tests/terraform

check-terraform: setup
	nice -n 19 $(BIN)/python -m tests.terraform.check --if-installed

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

lock: setup ## Resolve the dependencies anew into the lock files: for work, for the image, for the gates
	$(COMPILE) --all-extras --group dev --upgrade --output-file requirements.lock
	$(COMPILE) --extra gateway --extra dynamodb --extra s3 --constraint requirements.lock --output-file requirements-image.lock
	$(BIN)/uv pip compile --group pyproject.toml:gates --generate-hashes --no-emit-index-url --universal --python-version 3.11 --quiet --upgrade --output-file requirements-gates.lock
	$(COMPILE_TOOLS) --upgrade --output-file requirements-terraform.lock

schemas: setup ## Regenerate the XSDs from the message metadata of the pyiso20022 package
	$(BIN)/python -m iso20022.schemas.generate

terraform-check: setup ## Format, validity, tests, checkov, hadolint, planted mistakes, plans of all environments
	$(BIN)/python -m tests.terraform.check

terraform-apply-local: setup ## Apply what a moto server supports, plan again, and write the report into docs/proofs
	$(BIN)/python -m tests.proofs.terraform

bench: setup ## Measure: an installation at 300 payments/s, the intake alone, messages, bus, guards, caches, a skeleton, months
	$(BIN)/fifteen bench
	$(BIN)/python -m tests.benchmarks.intake
	$(BIN)/python -m tests.benchmarks.messages
	$(BIN)/python -m tests.benchmarks.bus
	$(BIN)/python -m tests.benchmarks.guards
	$(BIN)/python -m tests.benchmarks.caches
	$(BIN)/python -m tests.benchmarks.skeleton
	$(BIN)/python -m tests.benchmarks.months

drill: setup ## Kill everything at named points under load, and count the money
	$(BIN)/fifteen drill crash

sim: setup ## Run simulated worlds: SEED=7 for one, step by step; SEEDS=1..1000 for many
	$(BIN)/python -m tests.simulation $(if $(REGIONS),--regions )$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1..300))

proof: setup ## What takes longer: measure, and write the reports into docs/proofs
	$(BIN)/python -m tests.proofs.intake
	$(BIN)/python -m tests.proofs.simulation
	$(BIN)/python -m tests.proofs.crash
	$(BIN)/python -m tests.proofs.growth
	$(BIN)/python -m tests.proofs.overload
	$(BIN)/python -m tests.proofs.replay
	$(BIN)/python -m tests.proofs.day
	$(BIN)/python -m tests.proofs.audit
	$(BIN)/python -m tests.proofs.regions
	$(BIN)/python -m tests.proofs.region_drill
	$(BIN)/python -m tests.proofs.synchronous
	$(BIN)/python -m tests.proofs.container
	$(BIN)/python -m tests.proofs.terraform
	$(BIN)/python -m tests.proofs.receiving
	$(BIN)/python -m tests.proofs.load

gates: container-check bandit dependency-audit sbom ## What a delivery has to pass beside the tests; the audit needs an advisory service

container-check: $(GATES_STAMP) ## Hold the Dockerfile against hadolint's rules
	$(GATES)/bin/hadolint --failure-threshold style Dockerfile

bandit: $(GATES_STAMP) ## Look for insecure code beyond what ruff looks for
	$(GATES)/bin/bandit --quiet --configfile pyproject.toml --recursive .ci adapters gateway iso20022 simulators terraform/delivery terraform/modules/deploy_hooks

dependency-audit: $(GATES_STAMP) ## Ask for known weaknesses of what is in the image; what could not be asked for is a failure
	$(PYTHON) .ci/dependency_audit.py $(GATES)/bin/pip-audit requirements-image.lock

sbom: $(GATES_STAMP) ## Write the bill of materials of the image's Python packages (CycloneDX)
	mkdir -p $(BUILD)
	$(GATES)/bin/cyclonedx-py requirements --spec-version 1.6 --output-reproducible --output-file $(BUILD)/sbom.cdx.json requirements-image.lock

hooks: ## Make the zip file of the deployment hooks, for Terraform
	$(PYTHON) terraform/modules/deploy_hooks/package.py

image: ## Build the image: BASE_DIGEST=sha256:… of debian:bookworm-slim, RELEASE=…, IMAGE=…
	@test -n "$(BASE_DIGEST)" || { echo "BASE_DIGEST=sha256:… of debian:bookworm-slim: a tag can be moved" >&2; exit 1; }
	@test -n "$(RELEASE)" || { echo "RELEASE=…: what this image is called" >&2; exit 1; }
	docker build $(if $(BASE_REPOSITORY),--build-arg BASE_REPOSITORY=$(BASE_REPOSITORY)) --build-arg BASE_DIGEST=$(BASE_DIGEST) --build-arg RELEASE=$(RELEASE) --tag $(or $(IMAGE),fifteen:$(RELEASE)) .

bootstrap: setup ## Set an account up before anything is deployed into it (FIFTEEN_ENVIRONMENT; docs/deploy.md)
	$(BIN)/python terraform/delivery/bootstrap.py

deploy: setup ## A step of the delivery: bring FIFTEEN_IMAGE into a region (docs/deploy.md)
	$(BIN)/python terraform/delivery/deliver.py deploy

one-off: setup ## Run a command of the program once in a region: COMMAND="region init" (docs/deploy.md)
	@test -n "$(COMMAND)" || { echo 'COMMAND="…": what follows fifteen, such as "db check"' >&2; exit 1; }
	$(BIN)/python terraform/delivery/deliver.py one-off $(COMMAND)

synthetic: setup ## A step of the delivery: synthetic payments in the release that was deployed
	$(BIN)/python terraform/delivery/deliver.py one-off synthetic

provenance: ## Say what was built from what: a statement (in-toto, SLSA) about ARTIFACTS="file …"
	$(PYTHON) .ci/provenance.py $(BUILD)/provenance.json $(ARTIFACTS)

$(GATES_STAMP): requirements-gates.lock
	$(PYTHON) -m venv $(GATES)
	$(GATES)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r requirements-gates.lock
	touch $(GATES_STAMP)

clean: ## Remove what setup and the tests made
	rm -rf $(VENV) $(GATES) $(BUILD) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
