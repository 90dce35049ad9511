# make demo: install, train the demonstration on this machine, show its table.   make test: run every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: setup demo test lint vendor clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sd needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq --editable '.[test]' --constraint constraints.txt
	touch $(READY)

demo: setup
	mkdir -p demo
	cd demo && ../$(BIN)/python -m sd.launch jobs/digits.yaml --local
	cd demo && ../$(BIN)/python -m sd.report jobs/digits.yaml
	cd demo && ../$(BIN)/python -m sd.report jobs/digits.yaml --checkpoint last
	@echo
	@echo "The facts are in demo/results.db:   sqlite3 demo/results.db 'select * from summary'"
	@echo "Checkpoints and records:            demo/runs/cells/"
	@echo "The paper's table beside ours:      $(BIN)/python -m sd.report --table 2"
	@echo "A grid of your own:                 copy jobs/digits.yaml, change it, and run sd.launch on it; see README.md"

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The library that ships with the site, against the package on npm that it is from.
vendor:
	.ci/vendor

clean:
	rm -rf demo demo-slurm dist build .pytest_cache .mypy_cache .ruff_cache
