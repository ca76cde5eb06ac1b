"""Documents are served as HTML, with the links and headings that their Markdown has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditor.service.docs import DOCS_SECURITY_POLICY, document_names, heading_id, render_document

ROOT = Path(__file__).parents[2]


def rendered(name: str) -> str:
    document = render_document(name)
    assert document is not None
    return document


def test_every_document_of_the_repository_is_served_and_listed() -> None:
    names = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    assert document_names() == names
    assert re.findall(r'<li><a href="([^"]+)">', rendered("")) == names
    assert ">Runbook: alerts about the auditor</a>" in rendered("")


@pytest.mark.parametrize("name", document_names())
def test_every_heading_has_the_id_by_which_links_name_it(name: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / "docs" / name).read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    assert re.findall(r'<h\d id="([^"]*)">', rendered(name)) == [heading_id(each) for each in headings]


def test_tables_and_code_are_rendered_and_nothing_is_styled_inline() -> None:
    document = rendered("findings.md")
    assert "<table>" in rendered("metrics.md")
    assert "<pre><code>" in rendered("operations.md")
    assert "style=" not in document.partition("</style>")[2]
    assert "unsafe" not in DOCS_SECURITY_POLICY


def test_a_link_to_a_file_that_is_not_served_is_text() -> None:
    document = rendered("operations.md")
    assert "deploy/nats/auditor.conf</code>" in document
    assert '="../deploy' not in document
    assert '<a href="../glossary.md#replayability">' in rendered("decisions/0004-a-deleted-sequence-explains-a-gap.md")


@pytest.mark.parametrize("name", ["nothing.md", "../README.md", "findings", "/etc/passwd", "decisions/../findings.md"])
def test_there_is_no_other_document(name: str) -> None:
    assert render_document(name) is None


def test_the_id_of_a_heading_is_that_of_forges() -> None:
    assert heading_id("What the `auditor` can't see: 1.5 and a_b") == "what-the-auditor-cant-see-15-and-a_b"
