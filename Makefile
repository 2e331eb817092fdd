# The developer's whole vocabulary. Everything runs in .venv, which the first target makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPS := $(VENV)/.develops
JOBS ?= auto
BENCH := $(BIN)/python -m benchmarks

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types check unit acceptance acceptance-quick bench bench-quick docs clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("bnexp needs Python 3.10 or newer; name one: make PYTHON=python3.12 ...") if sys.version_info < (3, 10) else None'
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(DEVELOPS): $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(INSTALLED)

demo: $(INSTALLED) ## Set up, sweep 16 initial scales on the embedded digits, draw the grid
	$(BIN)/bnexp sweep --weights logspace
	@echo "The picture:"
	@$(BIN)/bnexp plot

test: lint types unit ## Set up, then lint, type-check and run all tests

lint: $(DEVELOPS) ## Look for mistakes and wrong format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(DEVELOPS) ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(DEVELOPS) ## Check the types
	$(BIN)/mypy

unit: $(DEVELOPS) ## Run the tests only
	$(BIN)/python -m pytest -n $(JOBS)

check: test ## The same as test

acceptance: $(DEVELOPS) ## Check on real data that the figures are right (needs BNEXP_DATA; minutes)
	$(BIN)/python tests/acceptance.py

acceptance-quick: $(DEVELOPS) ## The part of it that takes less than a minute
	$(BIN)/python tests/acceptance.py --quick

bench: $(DEVELOPS) ## Measure speed, start-up and growth beside others that are installed (minutes)
	@$(BENCH).fig6_18
	@$(BENCH).keras_mnist
	@$(BENCH).keras_mnist --networks 16
	@$(BENCH).cifar10_cnn
	@$(BENCH).startup
	@$(BENCH).growth

bench-quick: $(DEVELOPS) ## The part of it that takes less than a minute
	@$(BENCH).fig6_18 --quick
	@$(BENCH).keras_mnist --quick
	@$(BENCH).keras_mnist --quick --networks 16
	@$(BENCH).cifar10_cnn --quick
	@$(BENCH).startup --quick
	@$(BENCH).growth --quick

docs: $(DEVELOPS) ## Write the generated parts of the docs and the README again
	$(BIN)/python docs/generate.py

clean: ## Remove what was made (not results/)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
