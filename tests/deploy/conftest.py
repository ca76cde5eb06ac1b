from __future__ import annotations

import os
import shutil

import pytest


def needed(program: str) -> str:
    """The path of a program that `.ci/run` installs; elsewhere what needs it is left out, and says so."""
    found = shutil.which(program)
    if found is None and "CI" not in os.environ:
        pytest.skip(f"{program} is not installed: see .ci/run")
    assert found is not None, f"{program} is not installed"
    return found
