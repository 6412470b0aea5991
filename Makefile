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

# One stamp per set of packages, so that the demo does not wait for test tools; each builds the extension once.
NEEDS := $(BIN)/python pyproject.toml CMakeLists.txt constraints.txt $(SOURCES)

$(VENV)/installed: $(NEEDS)
	@echo "installing activefreq into $(VENV) (a few minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt .
	@touch $@

$(VENV)/installed-test: $(NEEDS)
	@echo "installing activefreq with its test tools into $(VENV) (a few minutes the first time) ..."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[test,lint]'
	@touch $(VENV)/installed $@

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

# The operator tests against a build with sanitizers. Their runtime has to be loaded before Python. It finds leaks of
# Python itself, and keeps freed memory back, so neither its leak check nor the test of resident memory says anything.
sanitize: $(VENV)/installed-test  ## operator tests under address and undefined-behaviour sanitizers
	$(BIN)/python -m pip install --quiet cmake ninja pybind11
	$(BIN)/cmake -S . -B build/sanitize -G Ninja -DACTIVEFREQ_CUDA=OFF -DACTIVEFREQ_SANITIZE=address,undefined \
	  -DPython_EXECUTABLE=$(abspath $(BIN)/python) -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
	  -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir) -DCMAKE_LIBRARY_OUTPUT_DIRECTORY=$(CURDIR)/build/sanitize/package/activefreq
	$(BIN)/cmake --build build/sanitize
	cp -r activefreq/. build/sanitize/package/activefreq/
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
	  PYTHONPATH=build/sanitize/package $(BIN)/pytest tests/ops -k 'not leave_nothing_behind'

bench: $(VENV)/installed-test  ## what one click costs, and every operator against its best alternative; stores JSON
	$(BIN)/python -m pip install --quiet --constraint constraints.txt '.[bench]'
	$(BIN)/activefreq bench --json bench/results/click.json
	for name in band_split cost click_maps freq_mix_profile haar label overhead published_layers rfft2 roi_align select_click \
	  spectral_filter squared_distance threads; do \
	  $(BIN)/python -m bench.$$name --json bench/results/$$name.json || exit; done
	for isa in avx2 baseline; do \
	  $(BIN)/python -m bench.select_click --instruction-set $$isa --json bench/results/select_click-$$isa.json || exit; done
	for isa in avx512 avx2; do \
	  $(BIN)/python -m bench.freq_mix --instruction-set $$isa --passes forward forward+backward \
	    --json bench/results/freq_mix-$$isa.json || exit; done
	$(BIN)/python -m bench.tables

# One command on a machine with a GPU. Where PYTHON has the packages already nothing is fetched; OFFLINE=1 forbids it.
# Figures go to GPU_RESULTS/gpu-CARD-DATE.json, logs to GPU_RESULTS/gpu-logs.
GPU_RESULTS ?= bench/results

gpu:  ## build for this machine's GPU, test, measure, check memory: under eight minutes
	$(PYTHON) -m bench.gpu_session --results $(GPU_RESULTS) $(if $(OFFLINE),--offline)

# Compiled and linked, which is not run. The kernels that decide the speed are held to their limits of spilled registers.
CUDA_ARCHITECTURES ?= 75-real;80-real;90-real;100-real;120
cuda-all: $(VENV)/installed-test  ## compile the CUDA module for every architecture, look for spills
	$(BIN)/python -m pip install --quiet cmake ninja pybind11
	$(BIN)/cmake -S . -B build/cuda-all -G Ninja -DACTIVEFREQ_CUDA=ON '-DCMAKE_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES)' \
	  -DPython_EXECUTABLE=$(abspath $(BIN)/python) -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
	  -Dpybind11_DIR=$$($(BIN)/python -m pybind11 --cmakedir)
	set -o pipefail; $(BIN)/cmake --build build/cuda-all --target _cuda --clean-first | tee build/cuda-all/report.txt
	$(BIN)/python cmake/check_spills.py build/cuda-all/report.txt

format: $(VENV)/installed-test  ## put code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')

clean:  ## remove what these commands made (not runs/)
	rm -rf build $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
