# `make demo`  a suite on virtual devices, into an HTML report (needs Python 3.11 or newer and nothing else)
# `make test`  format check, lint, strict types, tests
# `make models-env`  TensorFlow in an environment of its own (2 GB): with it, `make test` runs the tests of conversions too
# `make rooms` draws docs/rooms.svg, the picture of the packages and their imports
# `make mutants`  do the tests notice wrong code? ROOM=conditions tries one room (minutes each; not part of `make test`)
# `make format`, `make clean`; PYTHON=python3.12 chooses another interpreter

PYTHON ?= python3
DEMO_ENV := .venv-demo
TEST_ENV := .venv-test
MODELS_ENV := .venv-models
DEMO_OUT ?= runs/demo
# More than there are cores: a test waits for devices most of its time.
TEST_WORKERS ?= 4
# Containers often forbid bytecode: each process that a test starts would compile the whole package anew.
export PYTHONDONTWRITEBYTECODE :=
# Everything that the package is made of: a change of it makes the environments anew.
PACKAGED := pyproject.toml tools/make_env.py

# Where TensorFlow is: the tests of conversions need it, else they skip and say so.
ifneq ($(wildcard $(MODELS_ENV)/.ready),)
export HARNESS_MODELS_PYTHON ?= $(CURDIR)/$(MODELS_ENV)/bin/python
endif

.PHONY: help demo test format lint types unit mutants rooms clean python-check
.DEFAULT_GOAL := help

help:
	@grep '^# ' Makefile | sed 's/^# //'

python-check:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed as $(PYTHON): apt-get install python3, or make PYTHON=..." >&2; exit 3; }

$(DEMO_ENV)/.ready: $(PACKAGED) | python-check
	@echo "making $(DEMO_ENV) (downloads packages; a minute or two)" >&2
	$(PYTHON) tools/make_env.py $(DEMO_ENV)
	$(DEMO_ENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(TEST_ENV)/.ready: $(PACKAGED) | python-check
	@echo "making $(TEST_ENV) (downloads packages; a minute or two)" >&2
	$(PYTHON) tools/make_env.py $(TEST_ENV)
	$(TEST_ENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

# A demo that has run before runs again into a fresh folder beside the old one.
demo: $(DEMO_ENV)/.ready
	@out=$(DEMO_OUT); n=1; while [ -e "$$out" ]; do n=$$((n+1)); out=$(DEMO_OUT)-$$n; done; \
	  $(DEMO_ENV)/bin/harness run suites/quickstart.yaml --device virtual:2 --out "$$out"

test: lint types unit

lint: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/ruff format --check .
	$(TEST_ENV)/bin/ruff check .
	$(TEST_ENV)/bin/lint-imports --no-cache

types: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/mypy

unit: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/python -m pytest -n $(TEST_WORKERS) --dist worksteal $(PYTEST_ARGS)

.PHONY: models-env
models-env: $(MODELS_ENV)/.ready

$(MODELS_ENV)/.ready: tools/make_env.py | python-check
	@echo "making $(MODELS_ENV) (downloads TensorFlow; a few minutes)" >&2
	$(PYTHON) tools/make_env.py $(MODELS_ENV)
	$(MODELS_ENV)/bin/python -m pip install --quiet --disable-pip-version-check 'litert-quantizer>=0.11' 'tensorflow>=2.19' 'tf-keras>=2.19'
	@touch $@

$(TEST_ENV)/.mutants: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,mutants]'
	@touch $@

mutants: $(TEST_ENV)/.mutants
	$(TEST_ENV)/bin/python -m tools.mutants $(ROOM) --workers $(TEST_WORKERS) $(MUTANTS_ARGS)

format: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/ruff format .
	$(TEST_ENV)/bin/ruff check --fix .

.PHONY: rooms
rooms: $(TEST_ENV)/.ready
	$(TEST_ENV)/bin/python -m tools.draw_rooms

clean:
	rm -rf $(DEMO_ENV) $(TEST_ENV) $(MODELS_ENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
