# Everything a developer runs; CI runs the same. It needs Python and make, nothing else.

PYTHON ?= python3
# What `make test` hands to pytest: make test ARGS="-k fingerprint"
ARGS ?=
RUN := .tools/uv/bin/uv run --no-sync

.DEFAULT_GOAL := help
.PHONY: help setup servers test lint fmt demo benchmark

help: ## Show these lines
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## Fill .venv with what uv.lock says (30 s the first time, nothing when nothing changed)
	@$(PYTHON) scripts/setup.py

servers: setup ## Build MinIO, a real S3 server for the tests (five minutes, once per machine)
	@$(RUN) python scripts/minio-server/build.py >/dev/null

test: servers ## Run the tests
	@$(RUN) pytest $(ARGS)

lint: setup ## Check style, types and the layers
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports

fmt: setup ## Format the code and mend what can be mended
	$(RUN) ruff check --fix-only
	$(RUN) ruff format

demo: setup ## Run a small study here, from data to verdict
	@$(RUN) assay run manifests/samples/poison-tiny.yaml --store demo-store
	@echo
	@echo "Try a one-field edit, which reuses all that it does not touch:"
	@echo "  sed 's/answers: answers}/answers: answers, level: narrow}/' manifests/samples/poison-tiny.yaml > manifests/samples/edited.yaml && $(RUN) assay run manifests/samples/edited.yaml --store demo-store"

benchmark: setup ## Measure speeds, each against a bare loop or a peer in the same run
	@set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(RUN) python "$$file"; done
