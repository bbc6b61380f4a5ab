# Two commands do everything on a fresh machine with python3 >= 3.11, its venv module, and make:
#   make demo   runs the real DAG on sample photographs      make demo IMAGES=folder   on your own
#   make test   passes the tests
PYTHON ?= python3
BIN := .venv/bin
# Wheels of the locked versions alone, each checked against its hash; no package's own build code runs. The project
# itself is built by the pinned setuptools, without a look at any index. pip would compile on one core.
LOCKED := -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps --only-binary :all:
PROJECT := -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
COMPILED := -m compileall -q -j 0 -x '/tests?/' .venv/lib || true # imports are five times slower without
IMAGES ?=
OUT ?= demo
ROUNDS ?= 3
MINUTES ?= 1
PICTURES ?= 24
PHOTOS ?=
REMBG ?=
ROWS ?= 1000000
MEMORY ?= 10000
TORCH ?= cuda
AUDIT ?=

# A value as one word for the shell, whatever it contains: make would replace a $, and the shell too
quoted = '$(subst ','\'',$(value $(1)))'

# With it, every process would compile the project again, and pytest all tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu setup-train setup-render demo test faults bench bench-gpu check docs airflow sbom audit lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

setup: .venv/.cpu ## Install the project and its locked requirements into .venv (CPU)

setup-gpu: .venv/.gpu ## The same with the GPU set: onnxruntime-gpu, CUDA libraries, dask-cuda

setup-train: ## An environment with PyTorch in .venv-train, for `cutouts train`; TORCH=cpu if pip finds PyTorch's CPU build
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python $(LOCKED) -r requirements-build.txt -r requirements-dev.txt
	.venv-train/bin/python $(LOCKED) -r requirements-train$(if $(filter cpu,$(TORCH)),-cpu).txt
	.venv-train/bin/python -c 'import torch' || { echo "PyTorch's CPU build was not found, and the other one needs CUDA's libraries: make setup-train"; exit 1; }
	.venv-train/bin/python $(PROJECT)

setup-render: ## Blender as a module in .venv-render, for examples/render_models; needs Python 3.11 (PYTHON=python3.11)
	$(PYTHON) -m venv .venv-render
	.venv-render/bin/python $(LOCKED) -r requirements-render.txt

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "cutouts needs Python 3.11 to 3.13")'
	$(PYTHON) -m venv .venv

.venv/.cpu .venv/.gpu: .venv/.%: requirements-%.txt requirements-build.txt pyproject.toml | .venv/bin/python
	$(BIN)/python $(LOCKED) -r requirements-build.txt -r requirements-$*.txt
	$(BIN)/python $(PROJECT)
	$(BIN)/python $(COMPILED)
	rm -f .venv/.cpu .venv/.gpu && touch $@

.venv/.dev: requirements-dev.txt .venv/.cpu
	$(BIN)/python $(LOCKED) -r requirements-dev.txt
	$(BIN)/python $(COMPILED)
	touch $@

demo: setup ## Cut out sample photographs (or IMAGES=folder) with the real DAG; the report is in demo/
	PYTHONPATH=plugins $(BIN)/python -m cutouts_airflow.demo --out $(call quoted,OUT) $(if $(IMAGES),--images $(call quoted,IMAGES))

.venv-tools/.ready: requirements-tools.txt
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python $(LOCKED) -r requirements-tools.txt
	touch $@

test: .venv/.dev .venv-tools/.ready ## Check style, types and imports, then run every test
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

faults: .venv/.dev ## Kill runs and damage files of sites with PICTURES images at random, ROUNDS times each and for MINUTES; writes docs/faults.md
	$(BIN)/python -m pytest -q -m faults tests/faults --rounds $(ROUNDS) --images $(PICTURES) --minutes $(MINUTES) --page docs/faults.md

bench: setup ## Measure everything on docs/performance.md again: PHOTOS=folder REMBG=program; ROWS of a plan, MEMORY images (empty: skip this bench)
	@test -x $(call quoted,REMBG) -a -d $(call quoted,PHOTOS) || { echo "usage: make bench PHOTOS=folder REMBG=program (see cutouts bench rembg --help)"; exit 2; }
	rm -rf build/bench && mkdir -p docs/bench
	$(BIN)/cutouts bench $(call quoted,PHOTOS) --images 512 --out build/bench
	$(BIN)/cutouts bench plan --parts 1,100 --rows $(ROWS) --out build/bench
	$(BIN)/cutouts bench rembg $(call quoted,PHOTOS) --rembg $(call quoted,REMBG) --out build/bench
	$(BIN)/cutouts bench scale --out build/bench
	$(if $(MEMORY),$(BIN)/cutouts bench $(call quoted,PHOTOS) --images $(MEMORY) --workers "" --batches "" --out build/bench/memory)
	$(if $(MEMORY),cp build/bench/memory/bench.json docs/bench/memory.json)
	cp build/bench/*.json docs/bench && cp build/bench/bench.svg docs/performance.svg
	$(BIN)/python -m cutouts.bench.page docs/bench docs/performance.md

bench-gpu: export CUTOUTS_MODELS := $(CURDIR)/build/bench-gpu-models
bench-gpu: setup-gpu ## Measure layouts on this machine's GPUs, in single and half precision: PHOTOS=folder; writes build/bench-gpu
	@test -d $(call quoted,PHOTOS) || { echo "usage: make bench-gpu PHOTOS=folder"; exit 2; }
	rm -rf "$(CUTOUTS_MODELS)"
	$(BIN)/cutouts models convert default --fp16
	$(BIN)/cutouts bench layouts $(call quoted,PHOTOS) --cluster cuda --provider cuda --images 2048 \
		--models default,default-fp16 --workers auto,1,4,16 --batches 1,8,32 --out build/bench-gpu

check: .venv/.dev ## Check style, types and imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.venv-docs/.done: requirements-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python $(LOCKED) -r requirements-docs.txt
	touch $@

docs: .venv-docs/.done ## Build the documentation into build/site; a broken link or anchor is an error
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo build/site/index.html

airflow: setup ## Start Airflow on this machine (SQLite, LocalExecutor), until ctrl-C
	PYTHONPATH=plugins $(BIN)/python -m cutouts_airflow.standalone

sbom: setup .venv-tools/.ready ## List what is installed in .venv, with licences: sbom.cdx.json (CycloneDX)
	.venv-tools/bin/cyclonedx-py environment .venv --output-reproducible --no-validate --output-file sbom.cdx.json

audit: .venv-tools/.ready ## Check the locked packages for known vulnerabilities; says so if the service does not answer (AUDIT=--may-not-run)
	$(BIN)/python .ci/audit.py $(AUDIT) requirements-build.txt requirements-dev.txt requirements-gpu.txt requirements-train.txt requirements-tools.txt requirements-render.txt

lock: EXPORT := uv export --quiet --frozen --no-header --no-emit-project
lock: COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
# torch-2.13.0+cpu for Python 3.11 on x86-64, which PyTorch publishes on an index of its own
lock: TORCH_CPU := 6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
lock: ## Resolve the pinned requirements from pyproject.toml again (needs uv)
	uv lock
	$(EXPORT) --no-dev --extra airflow --extra cpu --extra serve --output-file requirements-cpu.txt
	$(EXPORT) --no-dev --extra airflow --extra gpu --extra serve --output-file requirements-gpu.txt
	$(EXPORT) --group dev --extra airflow --extra cpu --extra serve --output-file requirements-dev.txt
	$(EXPORT) --only-group docs --output-file requirements-docs.txt
	echo 'setuptools>=77' | $(COMPILE) --output-file requirements-build.txt -
	echo 'cyclonedx-bom pip-audit' | xargs -n 1 | $(COMPILE) --output-file requirements-tools.txt -
	echo 'bpy==5.0.1 numpy==1.26.4 pillow pyarrow<21' | xargs -n 1 | $(COMPILE) --no-config --output-file requirements-render.txt -
	echo 'torch==2.13.0' | $(COMPILE) --constraint requirements-dev.txt --output-file requirements-train.txt -
	awk '/^[a-z]/ { kept = !/^(nvidia|cuda|triton)/ } kept' requirements-train.txt \
		| sed 's/^torch==2.13.0 \\$$/&\n    --hash=sha256:$(TORCH_CPU) \\/' > requirements-train-cpu.txt

clean: ## Remove what setup, sbom, docs, demo and airflow made
	rm -rf .venv .venv-tools .venv-docs build/site demo var sbom.cdx.json
