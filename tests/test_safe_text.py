"""Unsafe characters of text are escaped, and all others are unchanged."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.safe_text import escape_unsafe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("order-1", "order-1"),
        ("Zoë 日本 😀", "Zoë 日本 😀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\t\x00", "a\\x0ab\\x0d\\x09\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("soft\u00adhyphen\u2028", "soft\\xadhyphen\\u2028"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_an_unsafe_character_is_escaped(text: str, shown: str) -> None:
    assert escape_unsafe(text) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_no_unsafe_character_is_left_and_the_rest_is_unchanged(text: str) -> None:
    shown = escape_unsafe(text)
    assert shown.encode().decode() == shown
    assert all(unicodedata.category(char)[0] != "C" and char not in "\u2028\u2029" for char in shown)
    assert escape_unsafe(shown) == shown
