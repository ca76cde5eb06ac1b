"""What a test needs beyond Python's packages."""

from __future__ import annotations

import os

import pytest


def need(missing: str | None) -> None:
    """Leave the test out where something is `missing`, and say what; CI installs all of it, and fails without."""
    if missing is not None and "CI" not in os.environ:
        pytest.skip(missing)
    assert missing is None, missing
