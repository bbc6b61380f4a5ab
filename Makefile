# Two commands do everything on a fresh machine with python3 >= 3.11, its venv module, and make:
#   make demo   runs the real DAG on sample photographs      make demo IMAGES=folder   on your own
#   make test   passes the tests
PYTHON ?= python3
BIN := .venv/bin
IMAGES ?=
OUT ?= demo

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu setup-train demo test check docs airflow lock clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | column -t -s '|'

setup: .venv/.cpu ## Install the project and its locked requirements into .venv (CPU)

setup-gpu: .venv/.gpu ## The same with the GPU set: onnxruntime-gpu, CUDA libraries, dask-cuda

setup-train: ## An environment with PyTorch in .venv-train, for `cutouts train`
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	.venv-train/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	.venv-train/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "cutouts needs Python 3.11 to 3.13")'
	$(PYTHON) -m venv .venv

.venv/.cpu .venv/.gpu: .venv/.%: requirements-%.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-$*.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -m compileall -q -j 0 .venv/lib || true # imports are five times slower without
	rm -f .venv/.cpu .venv/.gpu && touch $@

.venv/.dev: requirements-dev.txt .venv/.cpu
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	touch $@

demo: setup ## Cut out sample photographs (or IMAGES=folder) with the real DAG; the report lies in demo/
	PYTHONPATH=plugins $(BIN)/python -m cutouts_airflow.demo --out "$(OUT)" $(if $(IMAGES),--images "$(IMAGES)")

test: .venv/.dev ## Check style, types and floors, then run every test
	$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: .venv/.dev ## Style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.venv-docs/.done: requirements-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-docs.txt
	touch $@

docs: .venv-docs/.done ## Build the documentation into build/site; a broken link or anchor is an error
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo build/site/index.html

airflow: setup ## Start Airflow on this machine (SQLite, LocalExecutor), until ctrl-C
	PYTHONPATH=plugins $(BIN)/python -m cutouts_airflow.standalone

lock: EXPORT := uv export --quiet --frozen --no-header --no-emit-project
lock: ## Write the requirements anew from pyproject.toml (needs uv)
	uv lock
	$(EXPORT) --no-dev --extra airflow --extra cpu --output-file requirements-cpu.txt
	$(EXPORT) --no-dev --extra airflow --extra gpu --output-file requirements-gpu.txt
	$(EXPORT) --group dev --extra airflow --extra cpu --output-file requirements-dev.txt
	$(EXPORT) --only-group docs --output-file requirements-docs.txt

clean: ## Remove what setup, demo and airflow made
	rm -rf .venv .venv-docs build/site demo var
