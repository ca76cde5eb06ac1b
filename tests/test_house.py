"""What the house promises of itself, beyond what import-linter and ruff can see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for path in (ROOT / "auditor").rglob("*.py"))
PURE = [path for path in SOURCES if path.parent.name in {"aether", "core"}]
OUTSIDE = {
    # Wiring has no meaning of its own: it is tried from outside, as a process.
    "auditor/actor.py": "tests/acceptance/test_actor.py",
    "auditor/app.py": "tests/acceptance/test_scan.py",
    "auditor/cli/verbs.py": "tests/acceptance/test_bad_input.py",
    "auditor/daemon.py": "tests/acceptance/test_run.py",
    "auditor/doctor.py": "tests/acceptance/test_doctor.py",
    "auditor/provision.py": "tests/acceptance/test_provision.py",
    "auditor/selftest.py": "tests/acceptance/test_selftest.py",
}
UNTESTED = {
    # Nothing to test but what they hold together.
    "__init__.py",
    "__main__.py",
    "errors.py",
    "ports.py",
}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "now", "utcnow", "today", "time", "time_ns", "monotonic"}


def module(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name not in UNTESTED], ids=module)
def test_every_source_file_has_the_test_file_of_its_name(path: Path) -> None:
    tests = ROOT / "tests"
    name = path.relative_to(ROOT / "auditor").with_name(f"test_{path.name}")
    candidates = [tests / name]
    if path.parent.name == "jetstream":  # what needs a server
        candidates.append(tests / "live" / name.name)
    if path.parent.name == "cli":
        candidates.append(tests / "acceptance" / name.name)
    if module(path) in OUTSIDE:
        candidates.append(ROOT / OUTSIDE[module(path)])
    assert any(candidate.exists() for candidate in candidates), f"none of {[module(each) for each in candidates]}"


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_no_module_is_longer_than_a_room(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", PURE, ids=module)
def test_the_pure_rooms_call_nothing_impure(path: Path) -> None:
    calls = {
        getattr(node.func, "id", getattr(node.func, "attr", None))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    assert calls.isdisjoint(IMPURE_CALLS)


@pytest.mark.parametrize("path", sorted((ROOT / "auditor").rglob("__init__.py")), ids=module)
def test_every_room_says_at_its_door_what_belongs_in_it(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
