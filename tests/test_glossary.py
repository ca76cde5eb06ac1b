"""The documents use terms that the glossary defines, and none of the words that these terms replaced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
TERMS = re.findall(r"^## (\S[^\n]*)\n+(.*?)\n*(?=^## |\Z)", GLOSSARY.read_text(), re.DOTALL | re.MULTILINE)
NAMES = [name for name, _ in TERMS]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_WORDS = 25
REPLACED = {
    "anchors?": "sampled message",
    "chronicles?": "audit history",
    "condemn(s|ed|ing)?": "quarantine",
    "doors?": "package docstring",
    "houses?": "code base",
    "keepers?": "state stream",
    "plant(s|ed|ing)?": "seed",
    "remember(s|ed|ing)?": "keep",
    "rooms?": "package",
    "side streams?": "quarantine stream",
    "stretch(es)?": "segment",
    "tails?": "actor key",
    "troubles?": "anomaly",
    "witness(es)?": "last stream info",
    "nobody|no one": "the server, a user, the caller",
    "somebody|someone|whoever": "the server, a user, the caller",
}
"""Words of an earlier vocabulary, and what to write instead."""


def anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def prose(path: Path) -> str:
    """What people wrote: no code block, no quoted code, and no help text of a metric, which the code exports."""
    text = re.sub(r"^ *```.*?^ *```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^\| `aether_auditor_\w+` \|.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def test_every_term_is_defined_once_and_in_alphabetical_order() -> None:
    assert sorted(set(NAMES), key=lambda name: name.replace("-", " ")) == NAMES


@pytest.mark.parametrize(("name", "definition"), TERMS, ids=NAMES)
def test_every_definition_is_one_short_sentence(name: str, definition: str) -> None:
    assert definition, name
    assert re.fullmatch(r"[A-Z][^\n]*\.", definition)
    assert re.search(r"[.!?]\s", definition) is None
    assert len(definition.split()) <= MOST_WORDS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_term_that_a_document_links_to_is_defined(path: Path) -> None:
    linked = re.findall(r"\]\([^)\s]*glossary\.md#([^)]+)\)", path.read_text())
    assert set(linked) <= {anchor(name) for name in NAMES}


@pytest.mark.parametrize("word", REPLACED)
def test_no_document_uses_a_word_that_was_replaced(word: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()} (write: {REPLACED[word]})"
        for path in DOCUMENTS
        for match in re.finditer(rf"\b({word})\b", prose(path), re.IGNORECASE)
    ]
    assert found == []
