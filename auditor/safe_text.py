"""Stored text on its way to a person: whatever could steer a terminal, a page or a log becomes visible text."""

from __future__ import annotations

import re
import unicodedata

_SUSPECT = re.compile(r"[^ -~]")

_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control and format characters (bidirectional and zero-width ones too), lone surrogates, what is not assigned, line ends."""


def visible(text: str) -> str:
    r"""`text` with every character that is not plainly seen as \xNN, \uNNNN or \UNNNNNNNN."""
    return _SUSPECT.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if unicodedata.category(char) not in _STEERING:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
