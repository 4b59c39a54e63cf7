# sfframe: what you can do with a clean clone. Each target makes what it needs; nothing is installed outside.
# Needs make and CPython 3.11 or newer; another one than python3: `make demo PYTHON=python3.12`.

PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
DOCS := .venv-docs
LOWEST := .venv-lowest
DIST := .venv-dist
NPM := tests/clients/npm
TYPES := tests/typing/npm
PY := $(VENV)/bin/python
PIP := -m pip --disable-pip-version-check install --quiet
export PYTHONUNBUFFERED := 1
# The tests start hundreds of processes: what they import is compiled once, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-clients test-engines test-lowest docs test-docs check types dist test-dist bench bench-engines fuzz chaos load mutants clean python

help:  ## this list
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Budget: 3 minutes the first time, which is the installation; then 10 seconds.
demo: $(VENV)/.with-local  ## load a file of contacts into an org on this machine, and see what became of each row
	@$(PY) -m sfframe demo

# Some tests run at once: with a pool of Polars each, of a thread for every processor, they would only wait for each other.
test test-lowest: export POLARS_MAX_THREADS ?= 1
# Budget: 10 minutes, and 4 the first time for the installation.
test: $(VENV)/.with-dev  ## the whole test suite
	$(PY) -m pytest -n auto --dist worksteal --ignore tests/engines

# Budget: 3 minutes, and 2 the first time for the installation by npm (380 MB, nothing of it runs scripts).
test-clients: $(VENV)/.with-dev $(NPM)/node_modules/.with-clients  ## other people's clients on the local org, those of npm too
	$(PY) -m pytest tests/clients

# Budget: 8 minutes, and 2 the first time for the installation of Spark (450 MB). Without Java those of Spark are skipped.
test-engines: $(VENV)/.with-engines  ## frames that are spread over machines: clusters of Dask and Spark on this one
	$(PY) -m pytest --frames dask tests/engines tests/frames/test_every_frame.py tests/test_pains.py tests/result

# Budget: 10 minutes, and 2 the first time for the installation. The lowest versions are those of the lowest Python:
# make test-lowest PYTHON=python3.11. ARGS="tests/frames -n 0" runs some.
test-lowest: $(LOWEST)/.with-lowest  ## the whole test suite with the lowest version of each dependency that is declared
	$(LOWEST)/bin/python -m tests.packaging.lowest
	$(LOWEST)/bin/python -m pytest $(or $(ARGS),-n auto --dist worksteal --ignore tests/engines)

# Budget: 1 minute, and 3 the first time for the installation.
docs: $(DOCS)/.with-site  ## the site: guide, how-tos, reference, as HTML in build/docs
	$(DOCS)/bin/zensical build --clean
	@echo "To look at it: $(DOCS)/bin/python -m http.server --directory build/docs --bind 127.0.0.1 8000"

# Budget: 3 minutes, and 3 the first time for the installation. Without a Chromium it is built strictly, and not looked at.
test-docs: $(DOCS)/.with-site  ## the site built strictly, and looked at in a headless Chromium
	$(DOCS)/bin/python -m pytest tests/site

# Budget: 3 minutes, and 4 the first time for the installation. Without a network the advisories aren't asked for, and
# without node pyright isn't; it says so.
check: $(VENV)/.with-dev  ## lint, format, types, habits that are dangerous, dependencies with known holes
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory types; else echo "no npm: pyright isn't asked"; fi
	$(PY) -m bandit --configfile pyproject.toml --quiet --recursive sfframe sfframe_command.py pytest_sfframe.py
	$(PY) -m tests.security.advisories

# Budget: 30 seconds, and 1 minute the first time for the installation by npm (20 MB, nothing of it runs scripts).
types: $(VENV)/.with-dev $(TYPES)/node_modules/.with-pyright  ## the types that a user sees, by pyright
	$(TYPES)/node_modules/.bin/pyright

# Budget: 1 minute, and 1 the first time for the installation.
dist: $(DIST)/.with-build  ## wheel and sdist, in dist
	rm -rf dist
	$(DIST)/bin/python -m build --outdir dist

# Budget: 5 minutes, 2 of them for the installation of the wheel; ARGS=tests runs the whole suite, in 15.
test-dist: dist  ## what is in dist, in clean environments: the wheel alone, and the sdist's tests on the wheel
	$(DIST)/bin/python -m tests.packaging.dist dist $(ARGS)

# Budget: 30 minutes, half of it in an environment of its own that has the other clients too. ARGS="--quick" takes one,
# and leaves the engines out, as whatever else is asked for does.
bench: $(BENCH)/.with-peers  ## time and memory for a million rows, beside other clients; what Dask and Spark cost
	$(BENCH)/bin/python -m tests.benchmarks $(ARGS)
	$(if $(ARGS),,$(MAKE) --no-print-directory bench-engines)

# Budget: 15 minutes.
bench-engines: $(VENV)/.with-engines  ## what Dask and Spark cost beside a plain call, and what a second worker brings
	$(PY) -W ignore -m tests.benchmarks.dask $(ARGS)
	$(PY) -W ignore -m tests.benchmarks.spark $(ARGS)

# Budget: 50 minutes on two cores, half of it for each. ARGS="--seed 1000000" goes on with other inputs.
fuzz: $(VENV)/.with-dev  ## what nobody would send on purpose: 1,000,000 answers to the client, 100,000 inputs to the local org
	$(PY) -m tests.fuzz 1000000 --processes 2 $(ARGS)
	$(PY) -m tests.localorg.fuzz 100000 --processes 2 $(ARGS)

# Budget: 60 minutes on two cores. Broken off, it goes on where it was. ARGS="--seed 100000" plays others.
chaos: $(VENV)/.with-dev  ## 100,000 scenes of faults and deaths, simulated: no row twice, none lost
	$(PY) -m tests.chaos 100000 --processes 2 $(ARGS)

# Budget: 20 minutes. ARGS=soak tries one of them.
load: $(VENV)/.with-dev  ## 1,000 jobs, 100 threads, 10,000 parts, two simulated hours: nothing grows, nothing is left open
	$(PY) -m tests.load $(ARGS)

# Budget: 20 minutes on two cores. ARGS="--only close" tries those whose names hold it, ARGS=--list tells what they are.
mutants: $(VENV)/.with-dev  ## defects that somebody could make, one by one in a copy: some test has to notice each
	$(PY) -m tests.mutants --processes 2 $(ARGS)

clean:  ## take away the environments and what tools have left
	rm -rf $(VENV) $(BENCH) $(DOCS) $(LOWEST) $(DIST) $(NPM)/node_modules $(TYPES)/node_modules .bench .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .chaos build dist
	find sfframe tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environments. A stamp tells what was installed, so that nothing is installed twice.
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "sfframe needs CPython 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)." >&2; \
	  echo "Name another one: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; exit 1; }

$(PY): | python
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.with-local: pyproject.toml | $(PY)
	@echo "Installing sfframe into $(VENV) (once) ..."
	$(PY) $(PIP) -e '.[local]'
	@touch $@

$(VENV)/.with-dev: pyproject.toml | $(PY)
	@echo "Installing sfframe and its tools into $(VENV) (once) ..."
	$(PY) $(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.with-local

$(VENV)/.with-engines: pyproject.toml | $(PY)
	@echo "Installing sfframe, its tools and what spreads frames over machines into $(VENV) (once) ..."
	$(PY) $(PIP) -e '.[engines]'
	@touch $@ $(VENV)/.with-dev $(VENV)/.with-local

$(DOCS)/.with-site: pyproject.toml | python
	@echo "Installing what builds the site into $(DOCS) (once) ..."
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS) || { rm -rf $(DOCS); exit 1; }
	$(DOCS)/bin/python $(PIP) -e '.[docs]'
	@touch $@

$(LOWEST)/.with-lowest: pyproject.toml tests/packaging/lowest.txt | python
	@echo "Installing sfframe and the lowest versions that it allows into $(LOWEST) (once) ..."
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST) || { rm -rf $(LOWEST); exit 1; }
	$(LOWEST)/bin/python $(PIP) 'uv>=0.9'
	$(LOWEST)/bin/python -m uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
	  --constraint tests/packaging/lowest.txt -e '.[dev]'
	@touch $@

$(DIST)/.with-build: | python
	test -x $(DIST)/bin/python || $(PYTHON) -m venv $(DIST) || { rm -rf $(DIST); exit 1; }
	$(DIST)/bin/python $(PIP) 'build>=1.2' 'uv>=0.9'
	@touch $@

$(TYPES)/node_modules/.with-pyright: $(TYPES)/package-lock.json
	@echo "Installing pyright into $(TYPES) (once) ..."
	cd $(TYPES) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(NPM)/node_modules/.with-clients: $(NPM)/package-lock.json
	@command -v npm >/dev/null || { echo "make test-clients needs node (20 or newer) and npm on the PATH." >&2; exit 1; }
	@echo "Installing jsforce and the Salesforce command line into $(NPM) (once) ..."
	cd $(NPM) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(BENCH)/.with-peers: pyproject.toml tests/benchmarks/requirements.txt | python
	@echo "Installing sfframe and the other clients into $(BENCH) (once) ..."
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH) || { rm -rf $(BENCH); exit 1; }
	$(BENCH)/bin/python $(PIP) -e '.[local]' -r tests/benchmarks/requirements.txt
	@touch $@
