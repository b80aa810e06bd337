# Everything a fresh machine with Python 3.11 or later needs: make demo, make test.

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MAKING := $(VENV)/.making
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
PYTEST := $(BIN)/python -m pytest
# Asked only by the targets that need to know: a client without an engine is no use.
ENGINE := timeout 5 docker info >/dev/null 2>&1
COMPOSE = $$(docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose) \
	-f docker/compose.yaml --env-file docker/.env

.PHONY: help demo test test-unit test-graph test-large test-storage test-local test-docs test-packaging \
	test-long coverage fuzz soak pictures bench bench-report bench-memory bench-flame bench-growth dist docs docs-serve lint types layers \
	check release-check up down status browser lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 16

# Killed in the middle, pip leaves packages that look whole: an environment half made is made anew.
$(STAMP): .ci/requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; none was found"; exit 1; }
	@echo "Making the virtual environment $(VENV) with $(PYTHON); the first time takes some minutes"
	@rm -f $(STAMP)
	@if test -e $(MAKING) || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); fi
	@touch $(MAKING)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .ci/requirements.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm $(MAKING); touch $(STAMP)

demo: $(STAMP) ## Run the demo study on the local stack, and leave Neo4j Browser up
	@$(BIN)/python -m artigraph_neo4j.cli.demo

test: $(STAMP) ## Run all tests, on servers of their own
	$(PYTEST)

test-long: $(STAMP) ## Run what `make test` leaves out too: more examples, other versions, sizes; hours
	ARTIGRAPH_TEST_EXAMPLES=500 $(PYTEST) -m ""
	ARTIGRAPH_TEST_NEO4J=5.26.28 $(PYTEST) tests/graph tests/layout
	$(MAKE) fuzz ARGS="--count 1000000"
	$(MAKE) soak ARGS="--seconds 600"

coverage: $(STAMP) ## Run all tests and show which lines and branches of the library none has reached
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report --skip-covered --show-missing --sort=cover

fuzz: $(STAMP) ## Read mutated bytes with every serializer, 10,000,000; ARGS="--count 1000 --jobs 2", "--only msgpack"
	$(BIN)/python -m tests.fuzz $(or $(ARGS),--count 10000000)

soak: $(STAMP) ## Run programs under random faults for an hour; ARGS="--seconds 60", "--seed 7 --count 1"
	$(BIN)/python -m tests.faults $(or $(ARGS),--seconds 3600)

test-unit: $(STAMP) ## Run the tests that need no server
	$(PYTEST) tests/unit

test-graph: $(STAMP) ## Run the tests on Neo4j
	$(PYTEST) tests/graph

test-large: $(STAMP) ## Run the tests with a million nodes, which take minutes
	$(PYTEST) -m large -s

test-storage: $(STAMP) ## Run the tests of storages, S3 included
	$(PYTEST) tests/storage

test-local: $(STAMP) ## Run the tests of the local stack
	$(PYTEST) tests/local

pictures: $(STAMP) ## Take the pictures in the docs anew: Neo4j Browser, then those of the graph of `make up`
	$(BIN)/python -m tests.browser.pictures
	$(BIN)/python docs/pictures.py

test-packaging: $(STAMP) ## Build, install and try the distributions: extras, oldest versions, Pythons, a walk
	$(PYTEST) -m packaging tests/packaging tests/walks

bench: $(STAMP) ## Measure the library beside others; ARGS="--quick" or "--only NAME", --list tells names
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-report: $(STAMP) ## Make the tables and pictures of docs/performance.md of the last run
	$(BIN)/python -m tests.benchmarks.report $(ARGS)

bench-memory: $(STAMP) ## Measure the memory that values of 2 GiB take, up to S3 and down
	$(BIN)/python -m tests.benchmarks.memory

bench-flame: $(STAMP) ## Draw where a program that records in a batch spends its time; needs py-spy
	$(BIN)/python -m tests.benchmarks.flame docs/images/flame-batch.svg

bench-growth: $(STAMP) ## Ask graphs of 1,000,000 and 10,000,000 nodes; needs 12 GB of disk
	$(BIN)/python -m tests.benchmarks.growth $(ARGS)

test-docs: $(STAMP) ## Run every example of README and docs
	$(PYTEST) tests/docs

docs: $(STAMP) ## Build the docs site into site/; a broken link or reference fails
	$(BIN)/zensical build --clean --strict

docs-serve: $(STAMP) ## Show the docs site on this machine, and follow changes
	$(BIN)/zensical serve

lint: $(STAMP) ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## Check types with two checkers, in the library and in what users write
	$(PYTEST) -q tests/typing

layers: $(STAMP) ## Check that imports point one way
	$(BIN)/lint-imports

check: lint layers test ## Run all checks and all tests

release-check: $(STAMP) ## See whether this commit can be released; makes dist/ with a list of all parts
	$(BIN)/python .ci/release.py
	$(MAKE) check test-long

up: $(STAMP) ## Start Neo4j and S3: in Docker where an engine answers, else the local stack
	@if $(ENGINE); then \
		test -f docker/.env || { cp docker/.env.example docker/.env; chmod 600 docker/.env; \
			echo "docker/.env is new: its passwords are those of the example"; }; \
		$(COMPOSE) up -d --wait; \
	else $(BIN)/artigraph up; fi

down: $(STAMP) ## Stop what `make up` started; the data stays
	@if $(ENGINE) && test -f docker/.env; then $(COMPOSE) down; else $(BIN)/artigraph down; fi

status: $(STAMP) ## Show what runs
	@if $(ENGINE) && test -f docker/.env; then $(COMPOSE) ps; else $(BIN)/artigraph status; fi

browser: $(STAMP) ## Open Neo4j Browser
	@$(BIN)/artigraph browser

dist: $(STAMP) ## Build the wheel and the sdist into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation

lock: $(STAMP) ## Pin the development environment anew, with hashes
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -q -o .ci/requirements.txt

clean: ## Remove the virtual environment and caches (not the stack's data)
	rm -rf $(VENV) site .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* dist
