# Everything a person or a machine runs. `make demo` and `make test` need nothing but Python 3.11 and a C++ compiler.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SHELL = /bin/bash

.PHONY: help setup demo test test-long lint format bench sanitize cuda-all gpu clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# Rebuilt where sources or requirements are newer than the last installation.
SOURCES := $(shell find csrc activefreq cmake weights -type f -not -name '*.so' -not -path '*/__pycache__/*' 2>/dev/null)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One stamp per set of packages, so that the demo does not wait for test tools.
$(VENV)/installed: $(BIN)/python pyproject.toml CMakeLists.txt constraints.txt $(SOURCES)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[test,lint]'
	@touch $@

setup: $(VENV)/installed-test  ## virtual environment with everything for tests and linting

demo: $(VENV)/installed  ## evaluate the shipped network on synthetic images, both click strategies
	rm -rf runs/demo
	$(BIN)/activefreq evaluate --model freqformer-isic2017 --data phantom --strategy largest,acselect --out runs/demo

test: $(VENV)/installed-test  ## the test suite
	$(BIN)/pytest tests

test-long: $(VENV)/installed-test  ## minutes-long property tests
	$(BIN)/pytest -m long tests

lint: $(VENV)/installed-test  ## ruff, mypy, clang-format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')

format: $(VENV)/installed-test  ## put code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')

clean:  ## remove what these commands made (not runs/)
	rm -rf build $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
