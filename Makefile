# Darkroom's verbs. `make demo` and `make test` need nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
export HF_HUB_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: house route help demo test check wire kills cluster bench speed pictures browser clicks format clean

help: ## show these verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Darkroom needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv could be made here; on Debian and Ubuntu: apt install python3-venv"; exit 1; }

# torch first and pinned: nothing later may pull another build of it
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)  # it was left half-made
	@echo "Darkroom and what it needs are installed into $(VENV), once; this takes a few minutes."
	$(PIP) install -c constraints.txt torch
	$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## open the playground in your browser: no account, no download, no GPU
	@$(BIN)/darkroom demo

# Hundreds of processes import the same modules: they are compiled once, whatever the shell says.
test: $(STAMP) ## run all tests, in parallel, without network
	PYTHONDONTWRITEBYTECODE= HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadfile -q -m "not wire and not browser and not clicks and not cluster" --deselect tests/bench/

check: $(STAMP) ## formatting, lint, types and layers
	$(BIN)/ruff format --check bot engine tests
	$(BIN)/ruff check bot engine tests
	$(BIN)/pyright
	$(BIN)/lint-imports

wire: $(STAMP) ## the bot as a process against a little Discord, with faults (minutes)
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m wire tests/integration

kills: $(STAMP) ## kill that process sixty times, and say what became of what was asked (20 minutes)
	DARKROOM_TEST_KILLS=60 $(BIN)/python -m pytest -q -s tests/integration/test_wire_kills.py

cluster: $(STAMP) ## workers on other machines: a real Ray on this one, with faults (240 MB, minutes)
	$(PIP) install -q -c constraints.txt -e '.[dev,cluster]'
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -q -m cluster tests/engine

bench: $(STAMP) ## measure the engine against whole calls in line, side by side
	$(BIN)/darkroom bench

browser: $(STAMP) ## drive the playground in a headless Chromium and keep the screenshots
	$(BIN)/python -m pytest -q -m browser -o addopts='--import-mode=importlib' tests/integration

clicks: $(STAMP) ## click and type at random in the playground
	$(BIN)/python -m pytest -q -m clicks -o addopts='--import-mode=importlib' tests/integration

house: $(STAMP) ## draw the rooms of bot and engine from their imports
	$(BIN)/python -m tests.house

route: $(STAMP) ## print the files that one /imagine enters
	$(BIN)/python -m tests.route

speed: $(STAMP) ## measure how soon members are answered, on a quiet machine
	$(BIN)/python -m pytest -q -s tests/bench

pictures: $(STAMP) ## make the README's pictures from a real run
	$(BIN)/python -m tests.pictures
	$(BIN)/python -m tests.evolve_picture
	$(BIN)/python -m tests.gallery_picture
	$(BIN)/python -m tests.edit_picture
	$(BIN)/python -m tests.contact_sheet

format: $(STAMP) ## format the code
	$(BIN)/ruff check --fix bot engine tests
	$(BIN)/ruff format bot engine tests

clean: ## remove what was installed
	rm -rf $(VENV) .pytest_cache .ruff_cache dist
