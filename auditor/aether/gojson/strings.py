"""JSON strings to text and back, with Go's answer to what is no text: U+FFFD."""

from __future__ import annotations

import json
import re

_REPLACEMENT = "\ufffd"
_surrogates = re.compile("[\ud800-\udfff]")
_unescape = json.JSONDecoder().raw_decode


def unquote(quoted: bytes) -> str:
    """The text of a JSON string that is known to be well-formed, given with its quotes.

    Each byte that is not UTF-8, and each escaped surrogate without its partner, becomes one U+FFFD.
    """
    try:
        text = quoted.decode()
    except UnicodeDecodeError:
        # surrogateescape turns every such byte into one surrogate, and nothing else gives a surrogate here.
        text = _surrogates.sub(_REPLACEMENT, quoted.decode("utf-8", "surrogateescape"))
    if "\\" not in text:
        return text[1:-1]
    unescaped: str = _unescape(text)[0]
    return _surrogates.sub(_REPLACEMENT, unescaped)


_escaped = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text: str) -> str:
    """`text` as Go writes it into JSON: safe inside HTML, and a lone surrogate as U+FFFD."""
    return "".join(('"', _escaped.sub(_escape, text), '"'))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if "\ud800" <= character <= "\udfff":
        return _REPLACEMENT
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"
