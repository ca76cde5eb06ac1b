"""A release has one version, its notes, and steps that every user can run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from auditor import __version__
from deploy import release

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yaml").read_text())
SECTIONS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def test_every_file_names_the_same_version() -> None:
    assert release.versions() == {name: {__version__} for name in release.PLACES}


def test_a_tag_of_another_version_and_a_missing_section_of_the_changelog_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(release, "notes", lambda _: None)
    assert release.problems("v9.9.9") == [
        f"the tag is v9.9.9, and auditor/__init__.py has version {__version__}",
        f"CHANGELOG.md has no section for {__version__} with a date",
    ]
    monkeypatch.setattr(release, "notes", lambda _: "x")
    assert release.problems(f"v{__version__}") == []


def test_the_notes_of_a_version_are_its_section_of_the_changelog(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 1.0.1 - 2026-12-24\n\n- b\n\n## 1.0.0 - 2026-12-01\n\n- a\n"
    )
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert (release.notes("1.0.1"), release.notes("1.0.0"), release.notes("1.0")) == ("- b\n", "- a\n", None)


def test_the_changelog_has_the_sections_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert versions[0].startswith("Unreleased\n")
    for version in versions:
        sections = re.findall(r"^### (.*)$", version, re.MULTILINE)
        assert sections == [name for name in SECTIONS if name in sections], version.partition("\n")[0]


def test_every_step_of_the_workflow_is_a_target_of_make_or_the_checks_of_ci() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = [step["run"] for step in WORKFLOW["jobs"]["release"]["steps"] if "run" in step]
    for command in commands:
        verb, *rest = command.split()
        assert (verb == "make" and set(rest) <= targets) or command == "sudo -E .ci/run" or verb == "gh", command
