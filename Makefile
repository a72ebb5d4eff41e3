# One entry for everything. Each target sets up what it needs in .venv/ and asks no questions.

.DEFAULT_GOAL := help
.PHONY: help demo serve worker test test-long crash-test bench check format lock clean
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
PIP_INSTALL := $(PYTHON) -m pip install -qq --disable-pip-version-check --no-input --require-hashes
# Four at once on two cores: most tests wait for sockets, deadlines and databases most of the time.
PYTEST := $(PYTHON) -m pytest -n 4 --dist worksteal
# --allow-unsafe pins setuptools as well: without it a hashed installation refuses packages that need it.
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" PIP_CONFIG_FILE=/dev/null \
	env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_INDEX_URL .venv/bin/pip-compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: .venv/.installed-run  ## Try it: sandbox providers, example incidents and sign-in links (PORT=8000)
	@exec $(PYTHON) sandbox.py --stop-with-parent

serve: .venv/.installed-run  ## Start the production server; set up, migrate and run (settings from the environment)
	@exec $(PYTHON) serve.py --stop-with-parent

worker: .venv/.installed-run  ## Run a worker of its own, beside make serve WORKER=0 (same settings)
	@exec $(PYTHON) worker.py --stop-with-parent

test: .venv/.installed-dev  ## Run all quick tests (SQLite, PostgreSQL, browser)
	@bin/need-chromium
	@bin/need-redis
	@$(PYTEST) $(ARGS)

test-long: .venv/.installed-dev  ## Run the long tests
	@bin/need-chromium
	@bin/need-redis
	@$(PYTEST) -m long $(ARGS)

# Deaths for each provider on each database.
N := 200
crash-test: .venv/.installed-dev  ## Kill the product again and again; print what became of the tickets (N=200)
	@$(PYTHON) -m tests.crash $(N)

bench: .venv/.installed-dev  ## Measure speed and print one table (QUICK=1: smaller, nothing written)
	@$(PYTHON) -m bench $(if $(QUICK),--quick) $(ARGS)

check: .venv/.installed-dev  ## Check style and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

format: .venv/.installed-dev  ## Format the code
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format .

lock: .venv/.installed-dev  ## Pin packages with hashes after a change of requirements*.in (UPGRADE=1: newest versions)
	@echo "Resolving packages (some minutes) ..."
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements.txt requirements.in
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --constraint requirements.txt \
		--output-file requirements-dev.txt requirements-dev.in

clean:  ## Remove .venv/, caches and the sandbox; your data in instance/ stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache instance/demo
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say which list of packages is installed; a changed list installs again.
.venv/.made:
	@bin/make-venv .venv

.venv/.installed-run: requirements.txt .venv/.made
	@echo "Installing packages (first time only) ..."
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.made
	@echo "Installing packages for development (first time only) ..."
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@ .venv/.installed-run
