from __future__ import annotations

import shutil

from tests.needs import need


def needed(program: str) -> str:
    """The path of a program that `.ci/run` installs."""
    found = shutil.which(program)
    need(None if found else f"{program} is not installed: see .ci/run")
    assert found is not None
    return found
