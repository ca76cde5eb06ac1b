"""Replaces `${NAME}` and `${NAME:-default}` in scalars by environment variables; `$${` is a literal `${`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from auditor.config.values import FromEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.config.rules import Problem

_VARIABLE = re.compile(
    r"\$(?P<escaped>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\$\{)"
)


def substitute(tree: Any, environ: Mapping[str, str], problems: list[Problem], path: str = "") -> Any:
    """Return `tree` with variables replaced and lists as tuples. Append each failed replacement to `problems`."""
    if isinstance(tree, dict):
        return {
            key: substitute(value, environ, problems, f"{path}.{key}" if path else str(key))
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return tuple(substitute(value, environ, problems, f"{path}[{at}]") for at, value in enumerate(tree))
    return _replace(tree, environ, problems, path) if isinstance(tree, str) and "${" in tree else tree


def _replace(text: str, environ: Mapping[str, str], problems: list[Problem], path: str) -> str:
    replaced = False

    def value(found: re.Match[str]) -> str:
        nonlocal replaced
        if found["escaped"]:
            return "${"
        if found["bad"]:
            problems.append((path, "has a ${ that is not ${NAME} or ${NAME:-default} (write $${ for a literal ${)"))
            return ""
        replaced = True
        name, default = found["name"], found["default"]
        if name in environ and (environ[name] or default is None):
            return environ[name]
        if default is None:
            problems.append(
                (path, f"the environment variable {name} is not set (set it, or write ${{{name}:-default}})")
            )
            return ""
        return default

    result = _VARIABLE.sub(value, text)
    return FromEnvironment(result) if replaced else result
