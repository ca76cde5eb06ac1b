"""Reads the value of a field as Go's encoding/json does, with one reader for each Go type.

The arguments of a reader are a body with correct syntax, the offsets of a value, and the value of an earlier occurrence
of the field. The value is never null. A reader returns the new value of the field, or raises FieldError.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from auditor.aether.event import Reason
from auditor.aether.gojson import timestamps
from auditor.aether.gojson.floats import parse_float
from auditor.aether.gojson.strings import unquote
from auditor.aether.gojson.syntax import SPACE, STRING

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.aether.event import Timestamp

    Reader = Callable[[bytes, int, int, Any], Any]

INT64_RANGE = range(-(2**63), 2**63)
_MAX_INT64_LENGTH = 20

_TYPES = {ord('"'): "a string", ord("{"): "an object", ord("["): "an array"}
_TYPES |= dict.fromkeys(b"tf", "a boolean")
_TYPES |= dict.fromkeys(b"-0123456789", "a number")


class FieldError(Exception):
    """Go's field does not accept a value of the body. Never raised outside this package."""

    def __init__(self, reason: Reason, offset: int, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.offset = offset
        self.detail = detail


def wrong_type(body: bytes, at: int, expected: str) -> FieldError:
    """Build the error for the value at `at`, which has another type than `expected`."""
    return FieldError(Reason.TYPE, at, f"expected {expected}, found {_TYPES[body[at]]}")


def read_string(body: bytes, start: int, end: int, _earlier: Any) -> str:
    """Read a Go string."""
    if body[start] != ord('"'):
        raise wrong_type(body, start, "a string")
    return unquote(body[start:end])


_integer = re.compile(rb"-?[0-9]+").fullmatch


def read_int64(body: bytes, start: int, end: int, _earlier: Any) -> int:
    """Read a Go int64. It must be an integer literal, so neither 1.0 nor 1e2."""
    expected = "an integer in the int64 range"
    if body[start] not in b"-0123456789":
        raise wrong_type(body, start, expected)
    if not _integer(body, start, end):
        raise FieldError(Reason.NUMBER, start, f"expected {expected}, found a number with a fraction or an exponent")
    if end - start > _MAX_INT64_LENGTH or int(body[start:end]) not in INT64_RANGE:
        raise FieldError(Reason.NUMBER, start, f"expected {expected}, found an integer outside it")
    return int(body[start:end])


def read_timestamp(body: bytes, start: int, end: int, _earlier: Any) -> Timestamp:
    """Read a Go time.Time."""
    expected = "an RFC 3339 timestamp"
    if body[start] != ord('"'):
        raise wrong_type(body, start, expected)
    found = timestamps.match(unquote(body[start:end]))
    if not found:
        raise FieldError(Reason.TIMESTAMP, start, f"expected {expected}, found a string that is none")
    return timestamps.from_match(found)


_string_member = re.compile(
    rb"[ \t\n\r,]*+(" + STRING + rb")" + SPACE + rb":" + SPACE + rb"(?:(" + STRING + rb")|(null))?+"
)


def read_string_map(body: bytes, start: int, end: int, earlier: dict[str, str] | None) -> dict[str, str]:
    """Read a Go map[string]string. A repeated field adds to the earlier map."""
    expected = "an object of strings"
    if body[start] != ord("{"):
        raise wrong_type(body, start, expected)
    result = {} if earlier is None else earlier
    for member in _string_member.finditer(body, start + 1, end - 1):
        key, value, null = member.groups()
        if value is None and null is None:
            found = _TYPES[body[member.end()]]
            raise FieldError(Reason.TYPE, member.end(), f"expected {expected}, found {found} inside it")
        result[unquote(key)] = unquote(value) if value else ""
    return result


_token = re.compile(
    rb"[ \t\n\r,]*+(?:(" + STRING + rb")(?:" + SPACE + rb"(:))?+"
    rb"|([-0-9][-+.0-9eE]*+)|(\{)|(\[++)|([\]}]++)|(true|false|null))"
)
_STRING, _KEY, _NUMBER, _OBJECT, _ARRAYS, _CLOSING, _LITERAL = range(1, 8)
_LITERALS = {b"true": True, b"false": False, b"null": None}


def read_map(body: bytes, start: int, end: int, earlier: dict[str, Any] | None) -> dict[str, Any]:
    """Read a Go map[string]interface{}, whose numbers are all float64. A repeated field adds to the earlier map."""
    if body[start] != ord("{"):
        raise wrong_type(body, start, "an object")
    result: dict[str, Any] = {} if earlier is None else earlier
    container: Any = result
    parents: list[Any] = []
    key: str | None = None  # the key of the next value in an object; None in an array
    value: Any
    for token in _token.finditer(body, start + 1, end - 1):
        kind = token.lastindex
        if kind == _KEY:
            key = unquote(token[_STRING])
            continue
        if kind == _CLOSING:
            levels = len(token[_CLOSING])
            container = parents[-levels]
            del parents[-levels:]
            key = None
            continue
        if kind == _NUMBER:
            value = parse_float(token[_NUMBER])
            if math.isinf(value):
                at = token.start(_NUMBER)
                raise FieldError(Reason.NUMBER, at, "expected numbers in the float64 range, found one outside it")
        elif kind == _STRING:
            value = unquote(token[_STRING])
        elif kind == _OBJECT:
            value = {}
        elif kind == _ARRAYS:
            value = []
        else:
            value = _LITERALS[token[_LITERAL]]
        if key is None:
            container.append(value)
        else:
            container[key] = value
        if kind in (_OBJECT, _ARRAYS):
            parents.append(container)
            container = value
            key = None
            for _ in range(1, len(token[kind])):
                value = []
                container.append(value)
                parents.append(container)
                container = value
    return result
