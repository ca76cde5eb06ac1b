"""The documents say what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from auditor.cli.commands import app
from auditor.core.model.findings import Kind, spec
from auditor.operations.explain_actor import CAUSE_TEXT
from auditor.service.metrics import registry
from tests.service.statuses import status
from tests.service.test_metrics import CONTRACT

ROOT = Path(__file__).parent.parent
FINDINGS = (ROOT / "docs" / "findings.md").read_text()
METRICS = (ROOT / "docs" / "metrics.md").read_text()
SECTIONS = dict(re.findall(r"^## (\S[^\n]*)\n(.*?)(?=^## |\Z)", FINDINGS, re.DOTALL | re.MULTILINE))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_kind_of_finding_has_a_section_and_is_in_the_readme() -> None:
    assert set(Kind) <= set(SECTIONS)
    assert all(f"`{kind}`" in (ROOT / "README.md").read_text() for kind in Kind)


@pytest.mark.parametrize("kind", Kind)
def test_every_section_says_what_it_means_how_it_comes_about_what_to_check_and_what_to_do(kind: Kind) -> None:
    section = SECTIONS[kind].lower()
    for part in ("means:**", "how it comes about", "check", "repair or accept"):
        assert part in section
    assert f"auditor accept --config f --audit orders --kind {kind} " in section
    if spec(kind).quarantined and kind is not Kind.FOREIGN_SNAPSHOT:  # which refers to two that say it
        assert "auditor quarantine show" in section


def test_every_cause_of_a_gap_is_explained() -> None:
    words = SECTIONS[Kind.VERSION_GAP] + SECTIONS[Kind.MISSING_HEAD]
    assert all(f"`{cause}`" in words for cause in CAUSE_TEXT)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_document_is_one_that_the_command_line_takes(path: Path) -> None:
    text = path.read_text()
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    blocks = [line for block in fenced for line in block.splitlines() if line.startswith("auditor ")]
    for line in [*blocks, *re.findall(r"`(auditor [^`]+)`", text)]:
        words = shlex.split(line.replace("|", " ").replace("…", "x"), comments=True)
        if words[:1] != ["auditor"]:
            continue
        command = get_command(app)
        while len(words) > 1 and words[1] in getattr(command, "commands", {}):
            command = command.commands[words.pop(1)]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        if target.startswith("http"):
            continue
        file, _, heading = target.partition("#")
        found = path if not file else (path.parent / file)
        assert found.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}, target


def test_the_table_of_metrics_is_what_is_exported() -> None:
    table = re.findall(r"^\| `aether_auditor_(\w+)` \| (\w+) \| ([\w –]+) \| (.+) \|$", METRICS, re.MULTILINE)
    documented = {
        name.removesuffix("_total") if kind == "counter" else name: (kind, set(labels.split()) - {"–"})
        for name, kind, labels, _ in table
    }
    assert documented == CONTRACT  # which test_metrics.py holds against /metrics
    words = {
        family.name.removeprefix("aether_auditor_"): family.documentation for family in registry(status()).collect()
    }
    for name, kind, _, text in table:
        short = name.removesuffix("_total") if kind == "counter" else name.removesuffix("_info")
        assert words[short] == text
