# Everything this project does on a fresh machine: Python >= 3.11 and make are all it needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PANEL_CACHE ?= $(CURDIR)/.cache
# Compiled once, not at every start of Python: the tests start it some hundred times.
export PYTHONDONTWRITEBYTECODE :=
A      := mistral-8x22b-instruct-v2
B      := codestral-2-0
PAGE   := runs/comparison.html

.PHONY: demo quick test test-all test-long test-ray check browser nginx bench soak servers model-servers format clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/demo weights  ## the whole way with a small demo model, up to a comparison page
	@echo "Asking 8 questions of the demo model: this takes one to three minutes."
	$(BIN)/panel run --tool $(A) --tool $(B) --endpoint embedded
	$(BIN)/panel show $(A) $(B) --endpoint embedded
	$(BIN)/panel compare $(A) $(B) --endpoint embedded --html $(PAGE)
	@echo "Open $(CURDIR)/$(PAGE) in a browser."

# More workers than cores: many tests wait for a socket, a lock or a disk.
PYTEST := $(BIN)/python -m pytest
MANY   := -n 4 --dist worksteal

PURE   := tests/test_*.py tests/stats tests/cells tests/checks tests/workspace tests/frozen/test_rule.py \
	tests/frozen/test_files.py $(filter-out %build.py %browser.py,$(wildcard tests/site/test_*.py)) \
	$(patsubst %,tests/endpoint/test_%.py,faults limits output_modes replies)

quick: check  ## lint, types, floors, and the tests that need no socket, browser or process
	$(PYTEST) -n 2 -q -m 'not process and not model' $(PURE)

test: $(VENV)/test weights browser check  ## lint, types, floors, then every test that is quick, the real model included
	$(PYTEST) $(MANY) $(if $(SLOW),,-m 'not slow')
	$(BIN)/python -m bench.ratio

test-all:  ## the same with the slow tests, as CI runs it: about a quarter of an hour
	$(MAKE) test SLOW=1

test-long: export PANEL_TEST_LONG := 1
test-long: $(VENV)/test $(VENV)/notebook weights browser nginx check  ## the same at full size, the soak included: about an hour
	$(PYTEST) $(MANY) -m 'not model'
	$(PYTEST) -m model

test-ray: $(VENV)/ray  ## the tests of --engine ray, with Ray (588 MB): about five minutes
	$(PYTEST) tests/engines/test_ray.py

check: $(VENV)/test  ## lint, format, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

browser: $(VENV)/test  ## a Chromium for the browser tests, if there is a way to have one
	@PLAYWRIGHT=$(BIN)/playwright sh tests/support/find-browser.sh

nginx:
	@command -v nginx >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  echo "Installing Debian's nginx-light for the tests behind TLS ..." && apt-get update >/dev/null 2>&1; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx-light >/dev/null 2>&1; } || \
	  echo "There is no nginx and none could be installed: tests/desk/test_behind_tls.py is left out."

bench: $(VENV)/test  ## every benchmark, beside other clients: hours, with downloads; writes docs/performance.md
	$(BIN)/python -m bench

servers: $(VENV)/test  ## ten gateways, proxies and mock servers of others: about five minutes, with downloads
	$(BIN)/python -m bench.gateways

model-servers: $(VENV)/test  ## real servers, long and optional: llama-server, llama-cpp-python, vLLM on CPU
	$(BIN)/python bench/servers.py

soak: $(VENV)/test  ## ten minutes of editors doing anything, in search of a lost word
	PANEL_TEST_LONG=1 $(PYTEST) -s tests/desk/test_soak.py

.PHONY: docs cli-help
docs: $(VENV)/docs cli-help  ## build the docs site into build/site/, and test it
	$(BIN)/python -m tests.support.docs_site
	$(PYTEST) -q tests/test_docs_site.py
	@echo "To read it: $(BIN)/python -m http.server --directory build/site"

cli-help: $(VENV)/test  ## write docs/cli.md anew from the program's own --help
	$(BIN)/python -m tests.support.cli_help

.PHONY: hashes
hashes: $(VENV)/test  ## write requirements.txt anew: the versions of constraints.txt with their hashes
	$(BIN)/uv pip compile --quiet pyproject.toml --group build --constraint constraints.txt --upgrade \
	  --generate-hashes --universal --python-version 3.11 --no-annotate --no-emit-index-url \
	  --custom-compile-command 'make hashes' --output-file requirements.txt

.PHONY: dist dist-check
dist: $(VENV)/test  ## build the source distribution, and of it the wheel, into dist/
	rm -rf dist
	$(BIN)/uv build --quiet --no-build-isolation --no-create-gitignore --python $(BIN)/python
	@ls dist

PYTHONS := 3.11 3.12 3.13
dist-check: dist  ## install the wheel of dist/ into empty environments, from the index, and work with it
	PANEL_DIST_PYTHONS="$(PYTHONS)" $(PYTEST) tests/test_distribution.py

format: $(VENV)/test  ## rewrite the sources in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: weights
weights: $(VENV)/demo
	@$(BIN)/panel fetch demo >/dev/null

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing the program, its libraries and llama.cpp (xllamacpp) into $(VENV) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded]'
	@touch $@

# The pip that comes with Python 3.11 does not know --group yet.
$(VENV)/test: $(VENV)/demo
	@echo "Installing the test tools (pytest, hypothesis, playwright, ruff, mypy, import-linter) into $(VENV) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,site,desk,research,mcp]' --group dev
	@touch $@

$(VENV)/docs: $(VENV)/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group docs
	@touch $@

$(VENV)/notebook: $(VENV)/test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebook]'
	@touch $@

$(VENV)/ray: $(VENV)/test
	@echo "Installing Ray into $(VENV): 588 MB ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	@touch $@

clean:  ## remove what the targets above made, the downloaded weights included
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache dist src/panel/_version.py
