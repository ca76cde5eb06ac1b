"""Rules of the code base that import-linter and ruff cannot check."""

from __future__ import annotations

import ast
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for path in (ROOT / "auditor").rglob("*.py"))
PURE = [
    *(ROOT / "auditor" / "aether").rglob("*.py"),
    *(ROOT / "auditor" / "core").rglob("*.py"),
    ROOT / "auditor" / "retry_delay.py",
    ROOT / "auditor" / "safe_text.py",
]
# Modules that only connect others: they are tested as a process.
TESTED_AS_PROCESS = {
    "auditor/cli/commands.py": "tests/acceptance/test_bad_input.py",
    "auditor/operations/actor.py": "tests/acceptance/test_actor.py",
    "auditor/operations/provision.py": "tests/acceptance/test_provision.py",
}
# Modules without behaviour of their own.
UNTESTED = {"__init__.py", "__main__.py", "errors.py", "ports.py"}
STREAM_LAYOUT = ROOT / "auditor" / "aether" / "stream_layout.py"
JETSTREAM_API = ROOT / "auditor" / "jetstream" / "api.py"
NATS_CLIENT = ROOT / "auditor" / "jetstream" / "connection" / "client.py"
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today", "time", "time_ns", "monotonic"}


def module(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name not in UNTESTED], ids=module)
def test_every_source_file_has_the_test_file_of_its_name(path: Path) -> None:
    tests = ROOT / "tests"
    name = path.relative_to(ROOT / "auditor").with_name(f"test_{path.name}")
    candidates = [tests / name]
    if name.parts[0] == "jetstream":  # what needs a server
        candidates.append(tests / "live" / Path(*name.parts[1:]))
    if name.parts[0] == "cli":
        candidates.append(tests / "acceptance" / name.name)
    if module(path) in TESTED_AS_PROCESS:
        candidates.append(ROOT / TESTED_AS_PROCESS[module(path)])
    assert any(candidate.exists() for candidate in candidates), f"none of {[module(each) for each in candidates]}"


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", PURE, ids=module)
def test_the_pure_packages_call_nothing_impure(path: Path) -> None:
    calls = {
        getattr(node.func, "id", getattr(node.func, "attr", None))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    assert calls.isdisjoint(IMPURE_CALLS)


@pytest.mark.parametrize("path", sorted((ROOT / "auditor").rglob("__init__.py")), ids=module)
def test_every_package_says_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


ALL_PYTHON = [path for folder in ("auditor", "tests", "bench") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", ALL_PYTHON, ids=module)
def test_every_source_file_that_is_named_in_another_one_exists(path: Path) -> None:
    named = re.findall(r"(?<![\w/])(?:auditor|tests|bench)/[\w/]+\.py", path.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", ALL_PYTHON, ids=module)
def test_every_dotted_name_in_a_docstring_exists(path: Path) -> None:
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Expr)]
    docstrings = [node.value for node in texts if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    named = re.findall(r"(?<![\w.])(?:auditor|tests|bench)(?:\.\w+)+", "\n".join(docstrings))
    for name in named:
        pkgutil.resolve_name(name)  # raises if there is no such module, class or function


def literals(path: Path) -> list[str]:
    """Every string and bytes literal of a module, except docstrings, those of attributes included."""
    tree = ast.parse(path.read_text())
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node not in docstrings]
    texts = [value.decode("latin-1") if isinstance(value, bytes) else value for value in values]
    return [text for text in texts if isinstance(text, str)]


@pytest.mark.parametrize("path", [path for path in SOURCES if path != STREAM_LAYOUT], ids=module)
def test_only_the_stream_layout_spells_how_subjects_of_events_and_snapshots_begin(path: Path) -> None:
    spelled = re.compile(r"\.(events|snapshots)(\.|$)")
    assert [text for text in literals(path) if spelled.search(text)] == []


@pytest.mark.parametrize("path", [path for path in SOURCES if path != JETSTREAM_API], ids=module)
def test_only_the_api_module_has_error_codes_of_jetstream(path: Path) -> None:
    numbers = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    assert [number for number in numbers if type(number) is int and 10_001 <= number <= 10_299] == []


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name != "retry_delay.py"], ids=module)
def test_only_the_retry_delay_doubles_delays(path: Path) -> None:
    assert re.findall(r"min\(2 \* ?\w+", path.read_text()) == []


@pytest.mark.parametrize("path", [path for path in SOURCES if path != NATS_CLIENT], ids=module)
def test_only_the_client_words_the_error_of_a_missing_connection(path: Path) -> None:
    assert [text for text in literals(path) if "no connection to NATS" in text] == []


GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_packages_has_a_row_for_each_unit_and_no_other() -> None:
    units = {module(path.parent) for path in (ROOT / "auditor").glob("*/__init__.py")}
    units |= {module(path) for path in (ROOT / "auditor").glob("[a-z]*.py")}
    rows = re.findall(r"^\| `(auditor/[\w./]+)` \| .+ \|$", GUIDE, re.MULTILINE)
    assert sorted(rows) == sorted(units)


@pytest.mark.parametrize("path", DOCUMENTS, ids=module)
def test_every_source_file_that_a_document_names_exists(path: Path) -> None:
    named = re.findall(r"(?<![\w/])(?:auditor|tests|bench)/[\w./]+\.\w+", path.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_diagram_of_the_architecture_shows_the_layers_of_the_import_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["containers"] == ["auditor"])
    diagram = re.findall(
        r"^```\n(.*?)^```$", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL | re.MULTILINE
    )[0]
    assert [re.split(r"  +", line)[0] for line in diagram.splitlines()] == layers


def test_the_architecture_says_where_to_start_for_ten_tasks_or_more() -> None:
    section = (ROOT / "docs" / "architecture.md").read_text().partition("\n## What to edit\n")[2]
    assert len(re.findall(r"^\| [^|]+ \| `auditor/[^|]+ \|$", section, re.MULTILINE)) >= 10
