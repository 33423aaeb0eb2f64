# make setup | demo | test | slow | fast | lint | clean.   PYTHON=python3.12 picks the interpreter, SEEDS=n the seeds of the demo.
PYTHON ?= python3
SEEDS ?= 3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test slow fast lint clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"jaxseg needs Python 3.11 to 3.13 and {sys.executable} is {v[0]}.{v[1]}; run: make setup PYTHON=python3.12")'
	@echo "setting up $(VENV) (about a minute, 1 GB)"
	@$(PYTHON) -m venv --clear $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python -r requirements.txt && uv pip install --quiet --python $(BIN)/python --no-deps -e .; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; \
	fi
	@touch $@

demo: setup
	@$(BIN)/python -m experiments.demo --seeds $(SEEDS)

# Most of the time of a test is compilation, which JAX can do with less care for speed: nothing optimised, loops written
# by XLA's older emitters, which are a third faster to compile (a flag of the versions in requirements.txt).
test: setup
	@JAX_DISABLE_MOST_OPTIMIZATIONS=1 XLA_FLAGS="$$XLA_FLAGS --xla_cpu_use_fusion_emitters=false" \
		$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" --durations 20

slow: setup
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

fast: setup
	@$(BIN)/python -m pytest -m fast

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
