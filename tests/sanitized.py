"""Runs pytest with another build of the extension module: python tests/sanitized.py MODULE ARGUMENT..."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest

NAME = "auditor._speedups"


def use(file: str) -> None:
    """Make `file` the module that `auditor.speedups` finds."""
    spec = spec_from_file_location(NAME, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[NAME] = module


if __name__ == "__main__":
    sys.path.insert(0, ".")
    use(sys.argv[1])
    sys.exit(pytest.main(sys.argv[2:]))
