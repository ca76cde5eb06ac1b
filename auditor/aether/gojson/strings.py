"""Converts JSON strings to text and back. As in Go, U+FFFD replaces what is not valid text."""

from __future__ import annotations

import json
import re

_REPLACEMENT = "\ufffd"
_surrogates = re.compile("[\ud800-\udfff]")
_unescape = json.JSONDecoder().raw_decode


def unquote(quoted: bytes) -> str:
    """Return the text of a well-formed JSON string, given with its quotes.

    Each byte that is not UTF-8, and each escaped surrogate without its partner, becomes one U+FFFD.
    """
    try:
        text = quoted.decode()
    except UnicodeDecodeError:
        # surrogateescape turns every such byte into one surrogate, and there are no other surrogates here.
        text = _surrogates.sub(_REPLACEMENT, quoted.decode("utf-8", "surrogateescape"))
    if "\\" not in text:
        return text[1:-1]
    unescaped: str = _unescape(text)[0]
    return _surrogates.sub(_REPLACEMENT, unescaped)


_escaped = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text: str) -> str:
    """Encode `text` as Go does: with the escapes for HTML, and a lone surrogate as U+FFFD."""
    return "".join(('"', _escaped.sub(_escape, text), '"'))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if "\ud800" <= character <= "\udfff":
        return _REPLACEMENT
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"
