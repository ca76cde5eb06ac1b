"""Writes docs/reference from the code: the command line from its commands, the configuration from its schema.

`make docs` runs it. A test says if a page is not what this writes. docs/metrics.md is checked by tests/test_docs.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from auditor.cli.commands import app
from auditor.config import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "reference"


def cell(value: object) -> str:
    """Return `value` as the text of a table's cell."""
    return " ".join(str(value).split()).replace("|", "\\|")


def command_line() -> str:
    """Return the page of all commands with their options."""
    lines = [
        "# Command line",
        "",
        "The option `--help` of every command prints the same.",
        "Exit codes: 0 clean, 1 could not run, 2 corruption found, 3 inconclusive.",
    ]
    for name, command in commands("auditor", get_command(app)):
        lines += ["", f"## {name}", "", cell(command.help or ""), "", "| option | default | means |", "|---|---|---|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            required = "required" if parameter.required else ""
            is_shown = parameter.default not in (None, False, [], ()) and not callable(parameter.default)
            default = f"`{parameter.default}`" if is_shown else ""
            shown = (
                ", ".join(parameter.opts) if parameter.param_type_name == "option" else (parameter.name or "").upper()
            )
            lines.append(f"| `{shown}` | {cell(required or default)} | {cell(getattr(parameter, 'help', '') or '')} |")
    return "\n".join(lines) + "\n"


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name."""
    below = getattr(command, "commands", None)
    if not below:
        yield name, command
        return
    for each, subcommand in below.items():
        yield from commands(f"{name} {each}", subcommand)


def configuration() -> str:
    """Return the page of all settings."""
    tree = schema()
    lines = [
        "# Configuration",
        "",
        "The configuration file is YAML. `auditor config check FILE` reports every problem of a file at once, and `auditor config schema`",
        "prints the JSON Schema from which this page is made. `config/auditor.yaml` of the repository has every setting with its default.",
        "Any value may be `${NAME}` or `${NAME:-default}` from the environment. Durations: `500ms`, `30s`, `5m`, `1h30m`, `24h`, `7d`, `0`.",
    ]
    for name, section in tree["properties"].items():
        definition = resolved(tree, section)
        is_list = "items" in definition
        lines += ["", f"## {name}{'[]' if is_list else ''}", ""]
        definition = resolved(tree, definition["items"]) if is_list else definition
        lines += [cell(definition.get("description", "")), "", "| setting | default | means |", "|---|---|---|"]
        for path, setting in settings(tree, definition, ""):
            default = "required" if "default" not in setting else f"`{cell(json.dumps(setting['default']))}`"
            lines.append(f"| `{path}` | {default} | {cell(setting.get('description', ''))} |")
    return "\n".join(lines) + "\n"


def resolved(tree: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """Return the definition, or the one that it refers to."""
    reference = definition.get("$ref")
    return tree["$defs"][reference.rpartition("/")[2]] if reference else definition


def settings(tree: dict[str, Any], section: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every setting below `section` with its path."""
    required = section.get("required", ())
    for name, definition in section["properties"].items():
        choices = [definition, *definition.get("anyOf", ())]
        below = next((resolved(tree, each) for each in choices if "$ref" in each), None)
        if below is not None and "properties" in below:
            yield from settings(tree, below, f"{prefix}{name}.")
        else:
            yield prefix + name, definition if name in required else {"default": None, **definition}


def files() -> dict[Path, str]:
    """Return the text of each page that is made from code."""
    return {FOLDER / "command-line.md": command_line(), FOLDER / "configuration.md": configuration()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)
