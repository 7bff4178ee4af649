# Every target sets itself up: a machine needs Python 3.11 or 3.12, make and git.
.DEFAULT_GOAL := help
.PHONY: help demo up down test faults test-services check bench docs notebook deploy lock clean

# What one process of a stack compiles, the next need not compile again.
export PYTHONDONTWRITEBYTECODE :=

bin := .venv/bin
ready := .venv/.ready

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

$(ready): requirements.lock requirements-setup.lock pyproject.toml
	@python=$$(PYTHON="$(PYTHON)" .ci/find-python) && $$python -m venv --clear .venv
	@echo "installing into .venv"
	@$(bin)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
	@$(bin)/uv pip install --quiet --require-hashes -r requirements.lock
	@$(bin)/uv pip install --quiet --no-deps --editable .
	@touch $@

demo: $(ready) ## walk real prices through the break of 2008, in a few minutes
	@$(bin)/evergreen demo

up: $(ready) ## start Prefect server, worker, MLflow and service, and leave them running
	@$(bin)/evergreen up

down: $(ready) ## stop exactly what `make up` started
	@$(bin)/evergreen down

test: $(ready) ## the test suite
	@$(bin)/python -m pytest -n 2 --dist loadgroup -m "not faults and not services"

faults: $(ready) ## kill it at each step, for some minutes
	@$(bin)/python -m pytest -n 2 --dist loadgroup -m "faults and not services"

test-services: $(ready) ## the loop against real PostgreSQL and Redis servers (Debian: postgresql, redis-server)
	@$(bin)/python -m pytest -m services -rs

check: $(ready) ## format, lint, types, import contracts, no notebook outputs
	@$(bin)/ruff format --no-cache --check .
	@$(bin)/ruff check --no-cache .
	@$(bin)/mypy
	@$(bin)/lint-imports
	@$(bin)/nbstripout --verify notebooks/*.ipynb

benchmarks := alpha158 canary drift drift_history drift_speed faults gate intervals market point_in_time_join \
	retrain service validation

bench: $(ready) ## each benchmark beside its peer; takes hours (one alone: .venv/bin/python -m benchmarks.market)
	@for name in $(benchmarks); do echo "== $$name"; $(bin)/python -m benchmarks.$$name || exit 1; done

docs: $(ready) ## the page of the factors, from their declarations
	@$(bin)/python -m evergreen.adapters.factor_page

notebook: $(ready) ## open the notebooks in JupyterLab
	@$(bin)/jupyter lab --notebook-dir notebooks

deploy: $(ready) ## register the flows on the server that PREFECT_API_URL names
	@$(bin)/prefect --no-prompt work-pool create evergreen --type process --overwrite
	@$(bin)/prefect --no-prompt deploy --all

lock: $(ready) ## refresh requirements.lock from pyproject.toml
	@$(bin)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
		--group dev --group notebook --extra yahoo --output-file requirements.lock pyproject.toml

clean: ## forget the environment; .evergreen/ stays
	@rm -rf .venv
