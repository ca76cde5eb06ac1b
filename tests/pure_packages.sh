#!/bin/sh
# Runs the tests of the pure packages on every Python from 3.11 that the machine has, except that of .venv.
set -eu
cd "$(dirname "$0")/.."
own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for version in 3.11 3.12 3.13 3.14 3.15; do
    [ "$version" != "$own" ] || continue
    for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        "$python" -c 'import venv' 2>/dev/null || continue
        if [ ! -e ".venv-$version/stamp" ] || [ requirements/pure.txt -nt ".venv-$version/stamp" ]; then
            "$python" -m venv --clear ".venv-$version"
            ".venv-$version/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement requirements/pure.txt
            touch ".venv-$version/stamp"
        fi
        echo "pure packages on Python $version"
        ".venv-$version/bin/python" -m pytest --quiet --noconftest tests/aether tests/core
        break
    done
done
