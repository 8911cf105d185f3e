PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCH_INSTALLED := $(VENV)/.bench-installed
WORKERS ?= 2
# In the order of tests/conftest.py: by default xdist begins with the files of most tests, and the longest, of one test each,
# come last.
BY_FILE := --dist loadfile --no-loadscope-reorder
DEPLOY_TOOLS := .venv-deploy
WITHOUT_CONTAINERS := chart workflows policy stage canary gate monitoring

.PHONY: run up test test-all coverage test-deploy test-deploy-torch check-deploy deploy-tools compose-up check docs install lock bench clean

run: $(INSTALLED)  ## materialise the whole graph and print recommendations
	$(BIN)/buddies run

up: $(INSTALLED)  ## database, Dagster UI, daemon, service and dashboard; Ctrl-C stops them all
	$(BIN)/buddies up

test: $(INSTALLED)  ## the suite, its files spread over WORKERS processes
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) $(BY_FILE)

test-all: $(INSTALLED)  ## the suite with the long matrices
	$(BIN)/python -m pytest -n $(WORKERS) $(BY_FILE)

coverage: $(INSTALLED)  ## the suite, and what of buddies_core it runs: 90 % of the lines at least
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) $(BY_FILE) --cov --cov-report=term

test-deploy: $(INSTALLED) $(DEPLOY_TOOLS)/.installed  ## images, containers, chart, workflows: needs root and podman
	BUDDIES_TEST_DEPLOY=1 $(BIN)/python -m pytest tests/deploy -o timeout=2700 -m "not slow" -n $(WORKERS) $(BY_FILE)

test-deploy-torch: $(INSTALLED)  ## the pipeline image with torch for processors: built, measured; its wheel: TORCH_WHEELS
	BUDDIES_TEST_DEPLOY=1 $(BIN)/python -m pytest tests/deploy/test_images.py -o timeout=2700 -m slow

check-deploy: $(INSTALLED)  ## of that what needs no container: chart, workflows, gate, verdicts, monitoring
	$(MAKE) deploy-tools || echo "no tools of deploy/tools.txt: what needs them is skipped"
	BUDDIES_TEST_DEPLOY=1 $(BIN)/python -m pytest $(addprefix tests/deploy/test_,$(addsuffix .py,$(WITHOUT_CONTAINERS)))

deploy-tools: $(DEPLOY_TOOLS)/.installed  ## Helm's SDK, schemas of Kubernetes and linters, in an environment of their own

compose-up:  ## everything on this machine by Compose v2, from images that deploy/images/build.sh made
	deploy/compose/up.sh

check: $(INSTALLED)  ## linter, formatter, import contracts, types, no file left half merged
	! git grep -nE '^(<{7}|>{7}) '
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(BENCH_INSTALLED)  ## every benchmark at its small scale, beside its peers
	$(BIN)/python -m benchmarks all --scale small

docs: $(INSTALLED)  ## the documentation as a site in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

install: $(INSTALLED)

lock:  ## the locked requirements anew, from pyproject.toml
	requirements/lock

# Every version with its hash (requirements/README.md); torch by itself and pinned, its build being the machine's affair.
$(INSTALLED): pyproject.toml requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "Installing what the project needs, then torch (one large download): minutes in all"
	$(BIN)/python -m pip install --progress-bar off --require-hashes --no-deps --requirement requirements/dev.txt
	$(BIN)/python -m pip install --progress-bar off torch==2.13.0
	$(BIN)/python -m pip install --progress-bar off --no-deps --editable .
	$(BIN)/python -m pip check
	touch $@

$(DEPLOY_TOOLS)/.installed: deploy/tools.txt
	test -x $(DEPLOY_TOOLS)/bin/python || $(PYTHON) -m venv $(DEPLOY_TOOLS)
	$(DEPLOY_TOOLS)/bin/pip install --quiet --requirement deploy/tools.txt
	touch $@

$(BENCH_INSTALLED): $(INSTALLED) requirements/bench.txt
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement requirements/bench.txt
	touch $@

clean:
	rm -rf .buddies $(VENV)
