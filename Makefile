# Everything here needs Python 3.11 or later, Git and make, and nothing else.

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
# Without bytecode every stage starts several times slower.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(BIN):$(PATH)
# Tests run side by side: the threads of one would wait for those of the other.
test fast: export OMP_NUM_THREADS = 1

.PHONY: demo test fast lint bench corpus requirements

demo: .venv/ready ## generate a project from the sample and run it
	sh demo.sh

test: .venv/ready lint ## all tests
	python -m pytest -m "not slow" -n 2
	python -m pytest -m slow -n 2 --dist loadgroup

fast: .venv/ready ## the tests that run no DVC
	python -m pytest -m "not slow" -n 2

lint: .venv/ready
	ruff check tests benchmarks corpus
	ruff format --check tests benchmarks corpus

bench: .venv/ready ## the first figures in docs/benchmarks.md, which says how to have the others
	python -m benchmarks

corpus: .venv/ready ## the template on every table of the corpus: the figures in docs/corpus.md
	python -m corpus

.venv/ready: requirements.txt corpus/requirements.txt
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps -r corpus/requirements.txt
	touch $@

requirements: .venv/ready ## pin anew the versions of the generated project, and of the tests
	python -m pip install --quiet uv
	sh requirements.sh
