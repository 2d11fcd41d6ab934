# Everything here needs Python 3.11 or later, Git and make, and nothing else.

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
# Without bytecode every stage starts several times slower.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(BIN):$(PATH)
# Tests run side by side: the threads of one process would wait for the threads of the other.
test test-all test-fast: export OMP_NUM_THREADS = 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-fast lint bench corpus requirements audit fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: .venv/ready ## generate a project from the sample, run it, search, compare, report
	sh demo.sh

test: .venv/ready lint ## run the linters and all tests
	python -m pytest -m "not slow and not nightly" -n 2
	python -m pytest -m "slow and not nightly" -n 2 --dist loadgroup

test-all: test ## run the tests that are slow and rare, too
	python -m pytest -m nightly -n 2 --dist loadgroup

test-fast: .venv/ready ## run the tests that need no DVC
	python -m pytest -m "not slow and not nightly" -n 2

lint: .venv/ready ## check style and formatting
	ruff check tests benchmarks corpus .ci
	ruff format --check tests benchmarks corpus .ci

bench: .venv/ready ## measure generation and the stages; docs/benchmarks.md lists the other measurements
	python -m benchmarks

corpus: .venv/ready ## run the template on every table of the corpus: the figures in docs/corpus.md
	python -m corpus

audit: .venv/ready ## look for known vulnerabilities of the pinned versions; needs a network
	python -m pip install --quiet --disable-pip-version-check pip-audit
	python .ci/audit.py

fuzz: .venv/ready ## fuzz the parsers for a minute each; Linux only
	python -m pip install --quiet --disable-pip-version-check atheris
	python -m benchmarks.fuzz --seconds 60

requirements: .venv/ready ## pin the versions of the generated project and of the tests again
	python -m pip install --quiet uv
	sh requirements.sh

.venv/ready: requirements.txt corpus/requirements.txt
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps -r corpus/requirements.txt
	touch $@
