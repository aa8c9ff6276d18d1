# Every target makes its own environment in .venv, from the pinned versions in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit test-nojit architectures fuzz bench examples cifar10 lock clean

help: ## print the targets
	@echo "masktopo: make TARGET"
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "masktopo needs Python 3.11 or newer; give one with PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## prune, analyze, sample, train and plot on embedded data, into demo/
	$(BIN)/masktopo demo --out demo

test: lint types unit ## everything that CI runs: lint, types, tests and doctests

lint: $(STAMP) ## ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

# Kernels are compiled into a fresh cache, as they are on a new machine.
unit: $(STAMP) ## pytest with doctests, in two processes
	cache=$$(mktemp -d) && trap 'rm -rf "$$cache"' EXIT && \
	  NUMBA_CACHE_DIR="$$cache" $(BIN)/python -m pytest -n 2

# What plain Python ends in time; words that wrap around on purpose warn only there.
test-nojit: $(STAMP) ## kernel tests in plain Python
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -W 'ignore:overflow encountered:RuntimeWarning' \
	  tests/graphs tests/kernels/test_paths.py tests/metrics/test_pairs.py \
	  tests/metrics/test_patterns.py tests/metrics/test_dense_layers.py \
	  tests/pruning/test_phew.py tests/pruning/test_npb.py

architectures: $(STAMP) ## graphs of a thousand random architectures against their Jacobians
	MASKTOPO_ARCHITECTURES=1000 $(BIN)/python -m pytest -n 2 tests/graphs/test_tracing_jacobian.py

fuzz: $(STAMP) ## five minutes of mutated files of every format (Linux); SECONDS=3600 for longer
	$(BIN)/python -m tests.masks.fuzz --seconds $(or $(SECONDS),300)

bench: $(STAMP) ## time the metric kernels
	$(BIN)/masktopo-bench

examples: $(STAMP) ## run the examples on the embedded data, into demo/examples/
	$(BIN)/python examples/analyze_checkpoint.py --out demo/examples
	$(BIN)/python examples/trace_network.py --out demo/examples
	$(BIN)/python examples/choose_masks.py --out demo/examples
	$(BIN)/python examples/plot_correlations.py --out demo/examples

cifar10: $(STAMP) ## sample masks of a ResNet-20; DATA=folder:PATH names the images
	$(BIN)/python examples/sample_cifar10.py --data '$(DATA)' --out demo/cifar10

lock: ## write constraints.txt anew, from the newest versions that pyproject.toml allows
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet 'torch==2.13.0' '.[dev]'
	.venv-lock/bin/python -m pip freeze --all --exclude masktopo --exclude pip | sed 's/+cpu$$//' > constraints.txt
	rm -rf .venv-lock

clean: ## remove the environment, caches and the demo's output
	rm -rf .venv demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
