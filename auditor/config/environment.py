"""`${NAME}` and `${NAME:-default}` in scalars; `$${` is a plain `${`."""

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
    """`tree` with variables filled in and lists as tuples; what cannot be filled in goes to `problems`."""
    if isinstance(tree, dict):
        return {
            key: substitute(value, environ, problems, f"{path}.{key}" if path else str(key))
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return tuple(substitute(value, environ, problems, f"{path}[{at}]") for at, value in enumerate(tree))
    return _fill(tree, environ, problems, path) if isinstance(tree, str) and "${" in tree else tree


def _fill(text: str, environ: Mapping[str, str], problems: list[Problem], path: str) -> str:
    filled = False

    def value(found: re.Match[str]) -> str:
        nonlocal filled
        if found["escaped"]:
            return "${"
        if found["bad"]:
            problems.append((path, "has a ${ that is not ${NAME} or ${NAME:-default} (write $${ for a plain ${)"))
            return ""
        filled = True
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
    return FromEnvironment(result) if filled else result
