"""The fast decoder: judges an ordinary body in C, and leaves every other one to the exact decoder.

It may refuse what Go accepts, and must never accept what Go refuses. msgspec checks syntax, types and every repeated
field; the rest of the distance to Go is covered here:
- unknown fields are refused, since msgspec matches keys exactly and Go does not: a known field in other letters is one;
- so are null scalars, invalid UTF-8 and lone surrogates, of which Go makes something of its own;
- msgspec reads integers of any length, where Go's float64 overflows, and stops at a depth of its own, which may lie
  beyond Go's: `fits_fast_path` keeps such bodies from it.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Annotated, Any, cast

import msgspec

from auditor.aether.gojson import timestamps
from auditor.aether.gojson.syntax import MAX_DEPTH, UP_TO_CLOSING_QUOTE

UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on a body that is for the exact decoder."""

_ZERO_TIME = cast("re.Match[str]", timestamps.match("0001-01-01T00:00:00Z"))
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class FastEvent(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """An ordinary event; numbers in `data` are as msgspec gives them."""

    id: str = ""
    event_type: str = ""
    actor_id: str = ""
    command_id: str = ""
    version: _Int64 = 0
    data: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    timestamp: re.Match[str] = _ZERO_TIME


class FastSnapshot(msgspec.Struct, rename="camel", forbid_unknown_fields=True, gc=False):
    """An ordinary snapshot; numbers in `state` are as msgspec gives them."""

    actor_id: str = ""
    version: _Int64 = 0
    state: dict[str, Any] | None = None
    timestamp: re.Match[str] = _ZERO_TIME


def _match_timestamp(_type: type, text: Any) -> re.Match[str] | None:
    return timestamps.match(text)


# msgspec refuses what the hook answers unless it is a Match, and turns the TypeError for what is no text into a refusal.
_read_event = msgspec.json.Decoder(FastEvent, dec_hook=_match_timestamp).decode
_read_snapshot = msgspec.json.Decoder(FastSnapshot, dec_hook=_match_timestamp).decode


def fast_event(body: bytes) -> FastEvent | None:
    """What is in an ordinary event; None if `body` is for the exact decoder."""
    try:
        return _read_event(body) if fits_fast_path(body) else None
    except UNUSUAL:
        return None


def fast_snapshot(body: bytes) -> FastSnapshot | None:
    """What is in an ordinary snapshot; None if `body` is for the exact decoder."""
    try:
        return _read_snapshot(body) if fits_fast_path(body) else None
    except UNUSUAL:
        return None


_OVERFLOWING_DIGITS = 309
_STRIDE = 38
_digits = re.compile(rb"(?<![0-9])[0-9]{309}").search
_sampled_digits = re.compile(rb"[0-9]{8}").search
"""Of 309 digits in a row, every 38th byte hits at least eight: a sample that is cheap to look at."""

_EXTREME_FLOATS = 10_000
_extreme_floats = re.compile(rb"[eE][-+]?+0*+[23][0-9]{2}").findall
"""msgspec takes 10 microseconds for each of these, so that 1 MiB of them would take seconds."""

_not_brackets = re.compile(rb'(?:[^"\[\]{}]++|' + UP_TO_CLOSING_QUOTE + rb'"?+)++')
_nesting = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}.__getitem__


def fits_fast_path(body: bytes) -> bool:
    """Whether `body` is for msgspec; it may still refuse."""
    size = len(body)
    # So many digits in a row would go over the last byte that they can begin at, or end at.
    if size < 2 * _OVERFLOWING_DIGITS and not body[_OVERFLOWING_DIGITS - 1 : _OVERFLOWING_DIGITS].isdigit():
        return True
    if _sampled_digits(body[::_STRIDE]) and _digits(body):
        return False
    if size > 2 * MAX_DEPTH and body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        depth = max(accumulate(map(_nesting, _not_brackets.sub(b"", body))), default=0)
        if depth > MAX_DEPTH:
            return False
    return size <= 6 * _EXTREME_FLOATS or len(_extreme_floats(body)) <= _EXTREME_FLOATS


# Two searches, since one for either would have to look at every byte in turn.
_escaped_letter = re.compile(rb"\\u00[67]").search
_minus_zero = re.compile(rb"-0[ \t\n\r,\]}]").search


def has_exact_values(body: bytes, *maps: bytes) -> bool:
    """Whether the values of a body that a decoder above has accepted are Go's, once `to_float64` has seen its maps.

    They may not be if one of its `maps` (their keys in quotes) comes twice, perhaps spelled with escapes, as Go would
    merge the two; or if it holds the integer -0, whose sign Go keeps.
    """
    return not (_escaped_letter(body) or _minus_zero(body)) and all(body.count(key) <= 1 for key in maps)


def to_float64(tree: dict[str, Any] | None) -> dict[str, Any] | None:
    """`tree` itself, in which every integer has become the float that Go makes of it."""
    todo: list[Any] = [tree] if tree else []
    while todo:
        container = todo.pop()
        for key, value in container.items() if type(container) is dict else enumerate(container):
            if type(value) is int:
                container[key] = float(value)
            elif type(value) is dict or type(value) is list:
                todo.append(value)
    return tree
