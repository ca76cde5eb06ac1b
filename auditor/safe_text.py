"""Escapes the characters of stored text that could control a terminal, a page or a log."""

from __future__ import annotations

import re
import unicodedata

_NOT_PRINTABLE_ASCII = re.compile(r"[^ -~]")

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode: control, format (bidirectional, zero-width), surrogate, private use, unassigned, line end."""


def escape_unsafe(text: str) -> str:
    r"""Return `text` with each unsafe character written as \xNN, \uNNNN or \UNNNNNNNN."""
    return _NOT_PRINTABLE_ASCII.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if unicodedata.category(char) not in _UNSAFE_CATEGORIES:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
