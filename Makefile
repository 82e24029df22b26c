# make demo and make test work on a bare machine with Python 3.11 and make, also from a path with spaces.
# The path of the environment is kept relative for that reason: make cannot hold spaces in a target.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/medtl-ready
OUT ?= runs/demo
FAST := -m "not slow and not real_data and not browser and not benchmark and not gpu" \
  --ignore=tests/encoders --ignore=tests/imaging --ignore=tests/intake
# The rooms left out take more than half of the time of all fast tests; make test runs them.

.PHONY: venv demo test check coverage docs benchmark format clean

venv: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "medtl needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11.")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $(STAMP)

demo: venv
	$(BIN)/python -m medtl demo --out "$(OUT)"

check: venv
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal $(FAST)

test: venv
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Apart from make test, since it takes half as long again; docs/decisions.md has the measurement and the floor's reason.
coverage: venv
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
	  --cov=medtl --cov-report=term:skip-covered --cov-fail-under=94

docs: venv
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo build/docs/index.html

benchmark: venv
	$(BIN)/python -m pytest -q -s -m benchmark -o timeout=3600 tests/benchmarks

format: venv
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

clean:
	rm -rf .venv runs build docs/built
