"""Reads the configuration file, and reports every problem in a line that begins with its path."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml
from pydantic import ValidationError
from pydantic.json_schema import GenerateJsonSchema

from auditor.bounded_file import read_bounded
from auditor.config.environment import substitute
from auditor.config.models import Config, Section
from auditor.config.nats_context import with_context
from auditor.config.rules import cross_field_problems
from auditor.config.values import Duration, FromEnvironment, Listen, quoted
from auditor.errors import ConfigError
from auditor.safe_text import escape_unsafe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from auditor.config.rules import Problem

AnySection = TypeVar("AnySection", bound=Section)

NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a mapping",
    tuple: "a list",
}
EXPECTED = {
    "bool_type": bool,
    "int_type": int,
    "string_type": str,
    "model_type": dict,
    "dict_type": dict,
    "tuple_type": tuple,
}
MAX_FILE_BYTES = 1 << 22
"""The longest file that is read."""
MAX_LEVELS = 32
"""The deepest nesting of the file that is accepted."""
MAX_VALUES = 1_000_000
"""The values that a file may have. An alias counts as the values that it repeats: few aliases could repeat billions."""


def load(path: Path) -> Config:
    """Read the configuration file at `path`. Raises ConfigError."""
    return parse(read_text(path), str(path), os.environ)


def read_text(path: Path) -> str:
    """Return the text of the file at `path`. Raises ConfigError."""
    try:
        return read_bounded(path, MAX_FILE_BYTES).decode()
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [f"is not UTF-8 text (byte {error.start})"]) from error


def parse(text: str, source: str, environ: Mapping[str, str]) -> Config:
    """Parse the configuration in `text`. Errors name `source`. Raises ConfigError."""
    problems: list[Problem] = []
    tree = substitute(read_tree(text, source, problems), environ, problems)
    if not isinstance(tree, dict):
        raise ConfigError(source, ["must be a mapping with the key audits (see config/auditor.yaml for an example)"])
    tree = with_context(tree, environ)
    return validated(Config, tree, source, problems, cross_field_problems(tree))


def validated(
    section: type[AnySection],
    tree: Mapping[str, Any],
    source: str,
    problems: list[Problem],
    cross_problems: Iterable[Problem],
) -> AnySection:
    """Return `tree` as a `section`. Raises ConfigError with `problems`, those of single values and `cross_problems`."""
    config = None
    # A variable that could not be replaced is reported already. Other problems at its path follow from it.
    reported = {path for path, _ in problems}
    try:
        config = section.model_validate(tree)
    except ValidationError as error:
        # pydantic also reports a list as empty if all its entries are wrong. That adds nothing.
        details = [each for each in error.errors(include_url=False) if each["type"] != "too_short" or not each["input"]]
        found = [_problem(section, detail) for detail in details]
        problems += [problem for problem in found if problem[0] not in reported]
    problems += cross_problems
    if problems or config is None:
        raise ConfigError(source, [escape_unsafe(f"{path}: {what}") for path, what in dict.fromkeys(problems)])
    return config


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(schema_generator=_Schema),
    }


class _Schema(GenerateJsonSchema):
    """Pydantic's JSON Schema, with the default of a duration or an address as it is written in the file."""

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, (Duration, Listen)) else super().encode_default(dft)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also reports repeated keys and too deep nesting."""

    problems: list[Problem]
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_LEVELS:
            raise yaml.YAMLError(f"nested more than {MAX_LEVELS} levels deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                self.problems.append((f"line {key_node.start_mark.line + 1}", "a key must be text"))
                continue
            if key in mapping:
                self.problems.append((f"line {key_node.start_mark.line + 1}", f"the key {key} is repeated"))
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


_Loader.yaml_implicit_resolvers = {
    # Without the resolver for timestamps, dates stay text.
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_tree(text: str, source: str, problems: list[Problem]) -> Any:
    """Return the value of the YAML `text`. Append repeated keys to `problems`. Raises ConfigError for other errors."""
    try:
        loader = _Loader(text)
        loader.problems = problems
        tree = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(source, [f"{where}not YAML: {error.problem or error.context}"]) from error
    except ValueError as error:
        # Of Python's numbers and dates: only a number of more digits than int() accepts gets here without a tag.
        raise ConfigError(
            source, ["not YAML: a number has too many digits, or a tag does not fit its value"]
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(source, ["not YAML: " + " ".join(str(error).split())]) from error
    if _count_values(tree, {}) > MAX_VALUES:
        raise ConfigError(source, [f"has more than {MAX_VALUES} values, with those that aliases repeat"])
    return tree


def _count_values(tree: Any, counted: dict[int, int]) -> int:
    """The number of values in `tree`. `counted`: by id, the number of each mapping and list that was counted before."""
    if not isinstance(tree, dict | list):
        return 1
    if id(tree) not in counted:
        values = tree.values() if isinstance(tree, dict) else tree
        counted[id(tree)] = 1 + sum(_count_values(value, counted) for value in values)
    return counted[id(tree)]


def _problem(section: type[Section], detail: ErrorDetails) -> Problem:
    location = detail["loc"]
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in location).lstrip(".") or "the file"
    return path, _what(section, detail)


def _what(section: type[Section], detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "extra_forbidden":
        name = str(detail["loc"][-1])
        near = difflib.get_close_matches(name, _keys(section, detail["loc"][:-1]), 1)
        return "unknown key" + (f' (did you mean "{near[0]}"?)' if near else "")
    if kind == "missing":
        return "is required"
    if kind in EXPECTED:
        return f"expected {NAMES[EXPECTED[kind]]}, found {_found(detail['input'])}"
    if kind in {"greater_than_equal", "less_than_equal"}:
        return f"must be at {'least' if kind.startswith('g') else 'most'} {context.get('ge', context.get('le'))}"
    if kind == "too_short":
        return "needs at least one entry"
    if kind == "literal_error":
        return f"must be one of {context['expected'].replace(' or ', ', ')}"
    if kind == "string_pattern_mismatch":
        return f"{quoted(detail['input'])} may only have a-z, 0-9 and -"
    if kind == "string_too_long":
        return f"is longer than {context['max_length']} characters"
    return detail["msg"].lower()


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    return "text" if isinstance(value, (str, FromEnvironment)) else NAMES.get(type(value), "something else")


def _keys(section: type[Section], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the section at `location` below `section`."""
    for key in location:
        if isinstance(key, str):
            annotation = section.model_fields[key].annotation
            candidates = [annotation, *get_args(annotation)]
            section = next(each for each in candidates if isinstance(each, type) and issubclass(each, Section))
    return list(section.model_fields)
