# `make` lists what there is. Everything runs from .venv, which is made from the lock files.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
ARGS ?=
COMPILE := $(BIN)/uv pip compile --quiet --no-config --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-package vuelo --python-version 3.11

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/runtime: requirements.lock pyproject.toml vuelo/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e vuelo -e .
	touch $@

.venv/development: .venv/runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

.PHONY: demo
demo: .venv/runtime ## A running platform from nothing (ARGS=--once: check and stop; ARGS=--fresh: start over)
	@$(BIN)/gasolinera demo --day $(ARGS)

.PHONY: test
test: .venv/development ## Every test that needs nothing but Python packages
	$(BIN)/pytest -n 2 -m "not needs_java and not fuzz" $(ARGS)

.PHONY: fuzz
fuzz: .venv/development ## Generated requests against every route, good and bad ones, for as long as it takes
	GASOLINERA_FUZZ_EXAMPLES=$${GASOLINERA_FUZZ_EXAMPLES:-300} $(BIN)/pytest -n 0 -m fuzz tests/fuzz $(ARGS)

.PHONY: machine
machine: .venv/development ## Interleavings and crashes of redemptions, statement by statement, for as long as it takes
	GASOLINERA_MACHINE_EXAMPLES=$${GASOLINERA_MACHINE_EXAMPLES:-500} \
		$(BIN)/pytest -n 0 --timeout 7200 tests/redemption/test_machine.py $(ARGS)

.PHONY: chaos
chaos: .venv/development ## Real processes killed while 64 tills redeem, and all added up (ARGS="--runs 20")
	$(BIN)/python -m tests.chaos $(ARGS)

.PHONY: test-flyway
test-flyway: .venv/development ## vuelo and the real Flyway on the same databases, both ways (needs Java and Maven)
	GASOLINERA_TEST_ALL=1 $(BIN)/pytest -n 2 -m needs_java vuelo/tests/flyway $(ARGS)

.PHONY: test-all
test-all: .venv/development lint ## Lint, and every test on PostgreSQL 18, 16 and Debian's 15, and against the real Flyway
	scripts/test-all.sh $(ARGS)

.PHONY: lint
lint: .venv/development ## Style, types, and the borders between the packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

.PHONY: format
format: .venv/development ## Put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: .venv/development ## Write what is generated again: README's picture, the command references, the schemas' pages
	$(BIN)/python docs/generate.py
	$(BIN)/vuelo dump --environment production
	$(BIN)/vuelo docs --environment production --format markdown --output docs/reference/schema

.PHONY: bench-migrations
bench-migrations: .venv/development ## vuelo beside psql and other migration tools: docs/reference/migration-benchmarks.md
	$(BIN)/python -m bench.migrations $(ARGS)

.PHONY: bench-http
bench-http: .venv/development ## Requests beside the bare SQL, CPU of each: docs/reference/http-benchmarks.md
	$(BIN)/python -m bench.http $(ARGS)

.PHONY: bench-qr
bench-qr: .venv/development ## Codes verified, drawn, and read by a camera: docs/reference/qr-benchmarks.md
	$(BIN)/python -m bench.qr $(ARGS)

.PHONY: bench-issuing
bench-issuing: .venv/development ## A million signed coupons beside bare signing and COPY: docs/how-to/issue-coupons.md
	$(BIN)/python -m bench.issuing $(ARGS)

.PHONY: bench-redemptions
bench-redemptions: .venv/development ## Redemptions beside the bare statements, few and many: docs/reference/redemption-benchmarks.md
	$(BIN)/python -m bench.redemptions --large 10000000 $(ARGS)

.PHONY: lock
lock: ## Resolve the dependencies again and write the lock files
	$(COMPILE) pyproject.toml --extra build -o requirements.lock $(ARGS)
	$(COMPILE) pyproject.toml --extra build --extra dev -c requirements.lock -o requirements-dev.lock $(ARGS)

.PHONY: clean
clean: ## Remove the environment and the demo's data
	test ! -x $(BIN)/gasolinera || $(BIN)/gasolinera demo --remove
	rm -rf .venv .local .pytest_cache .ruff_cache .hypothesis .import_linter_cache
