# Needs Python 3.10 or newer and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# The same without torch: what a server or a build machine installs to fit, attach and verify.
LIGHT := .venv-light/.installed

.PHONY: demo test format clean

demo: $(INSTALLED)
	$(BIN)/logitconf demo --out demo-output --force

test: $(INSTALLED) $(LIGHT)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

format: $(INSTALLED)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# The project is installed in place, so only its metadata and the pins can make this stale.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	touch $(INSTALLED)

$(LIGHT): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-light
	.venv-light/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[cpu]"
	touch $(LIGHT)

clean:
	rm -rf .venv .venv-light .venv-dask .venv-ray .venv-spark demo-output dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
