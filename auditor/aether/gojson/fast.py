"""Decodes most bodies with msgspec, which is written in C, and rejects those that need the exact decoder.

It may reject a body that Go accepts, and must never accept one that Go rejects. msgspec checks syntax, types and every
repeated field as Go does. These differences remain:
- msgspec matches keys exactly, and Go ignores case. So unknown fields are rejected: each may be a known one in other case.
- Go replaces null scalars, invalid UTF-8 and lone surrogates by other values. Such bodies are rejected.
- msgspec reads integers of any length, where Go's float64 overflows, and may allow more nesting than Go. `fits_fast_path`
  excludes such bodies.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Annotated, Any, cast

import msgspec

from auditor.aether.gojson import timestamps
from auditor.aether.gojson.syntax import MAX_DEPTH, UP_TO_CLOSING_QUOTE

NEEDS_EXACT_DECODER = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The exceptions that msgspec raises for a body that needs the exact decoder."""

_ZERO_TIME = cast("re.Match[str]", timestamps.match("0001-01-01T00:00:00Z"))
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class FastEvent(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """An event that fits the fast path. Numbers in `data` are those of msgspec."""

    id: str = ""
    event_type: str = ""
    actor_id: str = ""
    command_id: str = ""
    version: _Int64 = 0
    data: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    timestamp: re.Match[str] = _ZERO_TIME


class FastSnapshot(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """A snapshot that fits the fast path. Numbers in `state` are those of msgspec."""

    actor_id: str = ""
    version: _Int64 = 0
    state: dict[str, Any] | None = None
    timestamp: re.Match[str] = _ZERO_TIME


def _match_timestamp(_type: type, text: Any) -> re.Match[str] | None:
    return timestamps.match(text)


# msgspec rejects a body for which the hook does not return a Match, or raises TypeError because a value is no string.
_read_event = msgspec.json.Decoder(FastEvent, dec_hook=_match_timestamp).decode
_read_snapshot = msgspec.json.Decoder(FastSnapshot, dec_hook=_match_timestamp).decode


def fast_event(body: bytes) -> FastEvent | None:
    """Decode an event; return None if `body` needs the exact decoder."""
    try:
        return _read_event(body) if fits_fast_path(body) else None
    except NEEDS_EXACT_DECODER:
        return None


def fast_snapshot(body: bytes) -> FastSnapshot | None:
    """Decode a snapshot; return None if `body` needs the exact decoder."""
    try:
        return _read_snapshot(body) if fits_fast_path(body) else None
    except NEEDS_EXACT_DECODER:
        return None


_OVERFLOWING_DIGITS = 309
_STRIDE = 38
_digits = re.compile(rb"(?<![0-9])[0-9]{309}").search
_sampled_digits = re.compile(rb"[0-9]{8}").search
"""Of 309 digits in a row, every 38th byte includes at least eight, so a search in these bytes is enough."""

_EXTREME_FLOATS = 10_000
_extreme_floats = re.compile(rb"[eE][-+]?+0*+[23][0-9]{2}").findall
"""More than these would take too long: msgspec needs 10 microseconds for each, which is seconds for 1 MiB."""

_not_brackets = re.compile(rb'(?:[^"\[\]{}]++|' + UP_TO_CLOSING_QUOTE + rb'"?+)++')
_nesting = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}.__getitem__


def fits_fast_path(body: bytes) -> bool:
    """Return whether msgspec may decode `body`. msgspec can still reject it."""
    size = len(body)
    # In a body this short, 309 digits in a row always include the byte at this offset.
    if size < 2 * _OVERFLOWING_DIGITS and not body[_OVERFLOWING_DIGITS - 1 : _OVERFLOWING_DIGITS].isdigit():
        return True
    if _sampled_digits(body[::_STRIDE]) and _digits(body):
        return False
    if size > 2 * MAX_DEPTH and body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        depth = max(accumulate(map(_nesting, _not_brackets.sub(b"", body))), default=0)
        if depth > MAX_DEPTH:
            return False
    return size <= 6 * _EXTREME_FLOATS or len(_extreme_floats(body)) <= _EXTREME_FLOATS


# Two searches are faster than one with an alternative, which would test every byte.
_escaped_letter = re.compile(rb"\\u00[67]").search
_minus_zero = re.compile(rb"-0[ \t\n\r,\]}]").search


def has_exact_values(body: bytes, *maps: bytes) -> bool:
    """Return whether the values of an accepted body are those of Go, after `to_float64` was applied to its maps.

    They may differ in two cases. One of the `maps` (keys in quotes) occurs twice, perhaps written with escapes, and Go
    merges the two. Or the body has the integer -0, whose sign Go keeps.
    """
    return not (_escaped_letter(body) or _minus_zero(body)) and all(body.count(key) <= 1 for key in maps)


def to_float64(tree: dict[str, Any] | None) -> dict[str, Any] | None:
    """Replace every integer in `tree` by the float64 that Go decodes it to, and return `tree`."""
    todo: list[Any] = [tree] if tree else []
    while todo:
        container = todo.pop()
        for key, value in container.items() if type(container) is dict else enumerate(container):
            if type(value) is int:
                container[key] = float(value)
            elif type(value) is dict or type(value) is list:
                todo.append(value)
    return tree
