"""Says whether the compiled twins of some Python code, which the extension module has, are in use.

A module with a Python twin imports this one, and chooses when it is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

INTERFACE = 3
"""The number that the extension module must have. It changes with every change of what that module offers."""


def _load() -> tuple[ModuleType | None, str]:
    try:
        module = import_module("auditor._speedups")
    except ModuleNotFoundError:
        return None, "they were not built"
    except ImportError as error:
        return None, str(error)
    if module.INTERFACE != INTERFACE:
        return None, "they were built from other sources"
    return module, ""


compiled, why_not = _load()
"""The module, or None and the reason in a few words."""

TWINS = "python" if compiled is None else "compiled"
"""Which twins are in use."""
