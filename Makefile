# `make lab` and `make test` are all that is needed; both make .venv first, once.
# PYTHON=... chooses the Python; without it, the first on the PATH that is new enough.

VENV := .venv
BIN := $(VENV)/bin
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
CODE := daga_nb tests benchmarks tools notebooks
# One more than there are cores: tests wait for kernels and browsers.
WORKERS := $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Tests start hundreds of processes, which would each compile all of it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help lab test test-long lint format types unit bench notebooks picture clean

help:
	@echo "make lab        install, and open JupyterLab on the first notebook"
	@echo "make test       install what the tests need, and run them all"
	@echo "make test-long  the same, and every point of every sweep (make test tries a share of them)"
	@echo "make lint       ruff; also make format, make types (mypy), make unit (pytest)"
	@echo "make bench      build, run and rollback beside a hand-written ready queue, and the journal beside bare SQLite"
	@echo "make notebooks  execute the notebooks, and save them with their outputs"
	@echo "make picture    take the README's screenshot of the lab"

lab: $(VENV)/lab
	$(BIN)/jupyter lab $(ROOT) notebooks/01_first_flow.ipynb

test: lint types unit

# Sweeps try everything, which may take them longer than any other test.
test-long: export DAGA_NB_LONG = 1
test-long: LIMIT = --timeout 1800
test-long: test

lint: $(VENV)/test
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

format: $(VENV)/test
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

types: $(VENV)/test
	$(BIN)/mypy

unit: $(VENV)/test
ifeq ($(CHROMIUM),)
ifeq ($(CI),true)
	@echo "CI=true leaves nothing out, and there is no Chromium for the browser tests" >&2; exit 1
endif
endif
	$(BIN)/python -m pytest $(LIMIT) -n $(WORKERS) --dist worksteal -m "not browser"
ifneq ($(CHROMIUM),)
	$(BIN)/python -m pytest $(LIMIT) -n $(WORKERS) --dist loadfile -m "browser and not alone"
	$(BIN)/python -m pytest $(LIMIT) -m alone
endif
ifeq ($(CHROMIUM),)
	@echo
	@echo "LEFT OUT: the browser tests, because there is no chromium, chromium-browser or google-chrome on the PATH."
	@echo "Debian: sudo apt install chromium. Fedora: sudo dnf install chromium. macOS: brew install --cask chromium."
endif

bench: $(VENV)/lab
	$(BIN)/python -m benchmarks

notebooks: $(VENV)/test
	$(BIN)/python tools/execute_notebooks.py

picture: $(VENV)/test
	$(BIN)/python tools/screenshot.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/made: tools/venv.sh
	@PYTHON="$(PYTHON)" tools/venv.sh $(VENV)
	@touch $@

$(VENV)/lab: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet -e ".[lab]"
	@touch $@

$(VENV)/test: $(VENV)/made pyproject.toml
	$(BIN)/python -m pip install --quiet -e ".[test]"
	@touch $@ $(VENV)/lab
