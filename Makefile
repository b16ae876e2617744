# Everything a developer runs; CI runs the same. It needs Python and make, nothing else.

PYTHON ?= python3
# What `make test` hands to pytest: make test ARGS="-k fingerprint"
ARGS ?=
RUN := .tools/uv/bin/uv run --no-sync
# With the peers that benchmarks of cleaning compare to
PEERS := .tools/uv/bin/uv run --locked --all-extras --group benchmark
TRL := $(RUN) --with trl==1.16.0 --with liger-kernel
# What benchmarks of training and evaluation measure besides a model at random
SMALL_MODEL ?= models/SmolLM2-135M-Instruct
# What `make images` builds, from which base, and what it hands to buildah besides
IMAGES ?= operator clean train evaluate
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# What `make studies` runs, of manifests/samples
STUDIES ?= poison/planted poison/rates resistance/resistance resistance/rebound resistance/sizes resistance/volumes resistance/compression
CLUSTER := PYTHONPATH=tests $(RUN) python -m cluster

.DEFAULT_GOAL := help
.PHONY: help setup images servers binaries cluster cluster-down manifests site test e2e lint fmt demo studies benchmark benchmark-cleaning benchmark-evaluation benchmark-training benchmark-operator

help: ## Show these lines
	@sed -nE 's/^([a-z0-9-]+):[^#]*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

setup: ## Fill .venv with what uv.lock says (30 s the first time, nothing when nothing changed)
	@$(PYTHON) scripts/setup.py

images: ## Build the container images with buildah, or some: make images IMAGES="operator clean"
	@set -e; for name in $(IMAGES); do \
	    buildah build $(ARGS) --file images/$$name/Containerfile --tag assay-$$name:$(VERSION) \
	        --label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.revision=$$(git rev-parse HEAD) .; \
	    buildah images assay-$$name:$(VERSION); \
	done

servers: setup ## Build MinIO, a real S3 server for the tests (five minutes, once per machine)
	@$(RUN) python scripts/go-programs/build.py minio >/dev/null

binaries: setup ## Build what the test cluster consists of (20 minutes, once per machine; needs root)
	@$(CLUSTER) build

cluster: binaries ## Hold a real Kubernetes here until this shell ends (a minute; needs root)
	@$(CLUSTER) up

cluster-down: setup ## End it
	@$(CLUSTER) down

manifests: setup ## Render the chart into manifests/, after it or a definition changed
	@$(RUN) python scripts/render_manifests.py

site: setup ## Build the documentation as a site, into site/
	@$(RUN) sphinx-build --quiet --fail-on-warning --builder dirhtml docs site

test: servers ## Run the tests that need no cluster
	@$(RUN) pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

e2e: binaries ## Run the tests on a cluster: the one that runs, or one of their own
	@$(RUN) pytest tests/cluster $(ARGS)

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

studies: setup ## Run the studies of docs/studies.md here, from data to reports in studies/, and write docs/results.md
	@set -e; for maker in manifests/samples/*/make_*data.py; do $(RUN) python $$maker; done; \
	for study in $(STUDIES); do \
	    echo "== $$study"; $(RUN) assay run manifests/samples/$$study.yaml --store studies/store; \
	    $(RUN) assay report manifests/samples/$$study.yaml --store studies/store --to studies/$$(basename $$study); \
	done
	@$(RUN) python scripts/write_results.py studies

benchmark: setup ## Measure speeds, each against a bare loop or a peer in the same run; not those of the four below
	@set -e; for file in $(filter-out benchmarks/cleaning_% benchmarks/evaluation_% benchmarks/training_% benchmarks/operator_%,$(wildcard benchmarks/[a-z]*.py)); do echo "== $$file"; $(RUN) python "$$file"; done

benchmark-cleaning: setup ## Measure cleaning (three quarters of an hour), and fail if a goal is not met
	@failed=0; for file in benchmarks/cleaning_*.py; do echo "== $$file"; $(PEERS) python "$$file" || failed=1; done; exit $$failed

benchmark-evaluation: setup ## Measure evaluations beside lm-eval (DATA=folder with mmlu/ and gsm8k/) and verdicts, and fail if a goal is not met
	@[ -d $(SMALL_MODEL) ] || $(RUN) --with gguf python scripts/make_smollm2_folder.py $(SMALL_MODEL)
	@failed=0; \
	$(RUN) python benchmarks/evaluation_speed.py --model $(SMALL_MODEL) --data "$(DATA)" || failed=1; \
	$(RUN) python benchmarks/evaluation_bootstrap.py || failed=1; \
	$(RUN) python benchmarks/evaluation_gate.py || failed=1; \
	exit $$failed

benchmark-operator: setup ## Measure the operator with 1,000 experiments and with 5,000 stages of one, and fail if a goal is not met
	@$(RUN) python benchmarks/operator_scale.py

benchmark-training: setup ## Measure training beside TRL and transformers (half an hour), and fail if a goal is not met
	@failed=0; \
	[ -d $(SMALL_MODEL) ] || $(RUN) --with gguf python scripts/make_smollm2_folder.py $(SMALL_MODEL) || exit 1; \
	$(TRL) python benchmarks/training_speed.py --model $(SMALL_MODEL) || failed=1; \
	$(TRL) python benchmarks/training_gpu.py || failed=1; \
	exit $$failed
