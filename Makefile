PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# uv reads no pip configuration: it is handed the index and the certificates that pip uses here.
pip-says = $(BIN)/pip config list | sed -n "s/^[^=]*\.$(1)='\(.*\)'$$/\1/p" | head -n 1
uv = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$($(call pip-says,index-url))}" \
     SSL_CERT_FILE="$${SSL_CERT_FILE:-$$($(call pip-says,cert))}" $(BIN)/uv

.PHONY: demo test test-long bench record check docs lock clean

demo: $(VENV)/.ready
	@$(BIN)/callhub demo

test: $(VENV)/.ready
	$(BIN)/pytest -n 2 -m "not long"

test-long: $(VENV)/.ready
	$(BIN)/pytest -n 2 --timeout 600 --hypothesis-profile long

bench: $(VENV)/.ready
	@$(BIN)/python -m benchmarks

# Against the sandboxes on loopback; with CALLHUB_LIVE=1 against a vendor, see cassettes/README.md.
record: $(VENV)/.ready
	@$(BIN)/python -m tests.cassettes.record

check: $(VENV)/.ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml
	$(cog) --check --diff $(pages)
	$(sphinx)

# Tables, diagrams and help that the pages hold are made from the code; then the pages are built.
pages := $(wildcard README.md docs/*.md docs/*.svg docs/providers/*.md providers/*/README.md)
cog := $(BIN)/cog -P -I docs -p "import generated" --verbosity=1
sphinx := $(BIN)/sphinx-build -q -W -n docs docs/_build

docs: $(VENV)/.ready
	$(cog) -r $(pages)
	$(sphinx)
	@echo "Open docs/_build/index.html"

# Keeps the pins that still fit; `make lock LOCK=--upgrade` moves them to today's releases.
lock: $(VENV)/.uv
	@$(uv) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    $(LOCK) --group dev -o requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) dist docs/_build .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.uv: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "callhub needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "This Python can't make virtual environments: install python3-venv (apt install python3-venv)" >&2; exit 1; }
	@echo "Setting up $(VENV), once ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@touch $@

$(VENV)/.ready: $(VENV)/.uv pyproject.toml
	@$(uv) pip sync -q --python $(VENV) --require-hashes requirements.lock
	@$(uv) pip install -q --python $(VENV) --no-deps --no-build-isolation -e .
	@touch $@
