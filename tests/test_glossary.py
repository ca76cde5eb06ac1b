"""The glossary defines each term once, in one short sentence. Replaced words: test_vocabulary.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
TERMS = re.findall(r"^## (\S[^\n]*)\n+(.*?)\n*(?=^## |\Z)", GLOSSARY.read_text(), re.DOTALL | re.MULTILINE)
NAMES = [name for name, _ in TERMS]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MAX_WORDS = 25


def anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def test_every_term_is_defined_once_and_in_alphabetical_order() -> None:
    assert sorted(set(NAMES), key=lambda name: name.casefold().replace("-", " ")) == NAMES


@pytest.mark.parametrize(("name", "definition"), TERMS, ids=NAMES)
def test_every_definition_is_one_short_sentence(name: str, definition: str) -> None:
    assert definition, name
    assert re.fullmatch(r"[A-Z][^\n]*\.", definition)
    assert re.search(r"[.!?]\s", definition) is None
    assert len(definition.split()) <= MAX_WORDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_term_that_a_document_links_to_is_defined(path: Path) -> None:
    linked = re.findall(r"\]\([^)\s]*glossary\.md#([^)]+)\)", path.read_text())
    assert set(linked) <= {anchor(name) for name in NAMES}
