"""Checks the JSON syntax of a whole body, as Go's encoding/json does before it reads any field.

There is no recursion. One match of a pattern takes a run of flat values, and the loop runs once for each value that is
nested deeper. All repetition is possessive, so no pattern backtracks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.aether.event import Malformed, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    _Matcher = Callable[[bytes, int], re.Match[bytes] | None]

MAX_DEPTH = 10_000
"""The largest number of nested arrays and objects, including the outermost one."""

SPACE = rb"[ \t\n\r]*+"
UP_TO_CLOSING_QUOTE = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+'
STRING = UP_TO_CLOSING_QUOTE + rb'"'
_NUMBER = rb"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
_SCALAR = rb"(?>" + STRING + rb"|" + _NUMBER + rb"|true|false|null)"
_KEY = STRING + SPACE + rb":" + SPACE


def _list(member: bytes) -> bytes:
    return SPACE + rb"(?:" + member + SPACE + rb"(?:," + SPACE + member + SPACE + rb")*+)?+"


FLAT_VALUE = rb"(?>" + _SCALAR + rb"|\[" + _list(_SCALAR) + rb"\]|\{" + _list(_KEY + _SCALAR) + rb"\})"
"""A flat value: a scalar, or an array or object of scalars."""


@dataclass(frozen=True, slots=True)
class _Container:
    """Patterns that read the inside of an array or object, beginning after its bracket or one of its commas."""

    run: _Matcher
    """Matches all members that are flat, each with the comma after it or up to the closing bracket."""
    step: _Matcher
    """Matches the run and then one of two things.

    The closing bracket, with those that follow it at once (group 1) and a comma (group 2). Or the opening of containers that
    are not flat: brackets of arrays (group 3) or the bracket of an object (group 4).
    """
    closing: int
    """The byte that closes it."""
    keyed: bool


_CLOSED, _CLOSED_AND_COMMA, _ARRAYS_OPENED, _OBJECT_OPENED = 1, 2, 3, 4


def _container(key: bytes, item: bytes, closing: bytes) -> _Container:
    close = re.escape(closing)
    run = rb"(?:" + SPACE + key + item + SPACE + rb"(?:,|(?=" + close + rb")))*+"
    closed = rb"(?<!,)" + close + rb"([\]}]*+)(?:" + SPACE + rb"(,))?+"
    opened = SPACE + key + rb"(?:(\[++)|(\{))" + SPACE
    return _Container(
        run=re.compile(run).match,
        step=re.compile(run + rb"(?:" + closed + rb"|" + opened + rb")").match,
        closing=closing[0],
        keyed=bool(key),
    )


_ARRAY, _OBJECT = _container(b"", FLAT_VALUE, b"]"), _container(_KEY, FLAT_VALUE, b"}")
_AT_MAX_DEPTH_ARRAY, _AT_MAX_DEPTH_OBJECT = _container(b"", _SCALAR, b"]"), _container(_KEY, _SCALAR, b"}")
"""For containers at `MAX_DEPTH`, in which no other container may open."""
_OPENED = {_ARRAYS_OPENED: (_ARRAY, _AT_MAX_DEPTH_ARRAY), _OBJECT_OPENED: (_OBJECT, _AT_MAX_DEPTH_OBJECT)}

_space = re.compile(SPACE).match
_string = re.compile(STRING).match
_up_to_closing_quote = re.compile(UP_TO_CLOSING_QUOTE).match
_flat_value = re.compile(FLAT_VALUE).match
_closed = re.compile(SPACE + rb"([\]}]++)(?:" + SPACE + rb"(,))?+").match


def check(body: bytes) -> dict[int, int] | Malformed:
    """Check that `body` is one JSON value, and return where the values that are not flat end.

    The keys are the offsets of the opening brackets of these values in the outermost object or array. The values of the
    dict are the offsets after their closing brackets.
    """
    at = _after_space(body, 0)
    if at == len(body):
        return Malformed(
            Reason.EMPTY, "expected a JSON object, found nothing but whitespace" if body else "no bytes", at
        )
    ends: dict[int, int] = {}
    if whole := _flat_value(body, at):
        at = whole.end()
    elif body[at] in b"[{":
        closed = _container_end(body, at, ends)
        if isinstance(closed, Malformed):
            return closed
        at = closed
    else:
        return _broken_value(body, at)
    at = _after_space(body, at)
    return ends if at == len(body) else _unexpected(body, at, "the end of the body")


def _container_end(body: bytes, at: int, ends: dict[int, int]) -> int | Malformed:
    """Return the offset after the container that opens at `at`."""
    inside = _ARRAY if body[at] == ord("[") else _OBJECT
    parents: list[_Container] = []
    opened_in_outermost = 0
    at += 1
    while True:
        found = inside.step(body, at)
        if found is None:
            return _broken_member(body, at, inside)
        event = found.lastindex or 0
        if event in _OPENED:
            start, end = found.span(event)
            if not parents:
                opened_in_outermost = start
            parents.append(inside)
            parents.extend([_ARRAY] * (end - start - 1))
            depth = len(parents) + 1
            if depth > MAX_DEPTH:
                return _too_deep(end - (depth - MAX_DEPTH))
            inside = _OPENED[event][depth == MAX_DEPTH]
            at = found.end()
            continue
        end, last = found.span(_CLOSED)
        while parents:  # in each turn, the container that closed before `end` was in the last of these
            inside = parents.pop()
            if not parents:
                ends[opened_in_outermost] = end
            if end == last:
                if found.lastindex == _CLOSED_AND_COMMA:
                    break
                found = _closed(body, end)
                if found is None:
                    return _unexpected(body, _after_space(body, end), f"',' or '{inside.closing:c}'")
                end, last = found.span(_CLOSED)
            if body[end] != inside.closing:
                return _unexpected(body, end, f"',' or '{inside.closing:c}'")
            end += 1
        else:
            return end
        at = found.end()


def _after_space(body: bytes, at: int) -> int:
    found = _space(body, at)
    assert found
    return found.end()


def _broken_member(body: bytes, at: int, inside: _Container) -> Malformed:
    """Return what is wrong after `at` (the offset after a bracket or a comma), where no step matched."""
    run = inside.run(body, at)
    assert run
    at = _after_space(body, run.end())
    if inside.keyed:
        key = _string(body, at)
        if key is None:
            return _broken_string(body, at) if body[at : at + 1] == b'"' else _unexpected(body, at, "a key in quotes")
        at = _after_space(body, key.end())
        if body[at : at + 1] != b":":
            return _unexpected(body, at, "':' after a key")
        at = _after_space(body, at + 1)
    value = _flat_value(body, at)
    if value is None:
        return _broken_value(body, at)
    return _unexpected(body, _after_space(body, value.end()), f"',' or '{inside.closing:c}'")


def _broken_value(body: bytes, at: int) -> Malformed:
    return _broken_string(body, at) if body[at : at + 1] == b'"' else _unexpected(body, at, "a value")


def _broken_string(body: bytes, at: int) -> Malformed:
    found = _up_to_closing_quote(body, at)
    assert found
    at = found.end()
    if body[at : at + 1] == b"\\":
        detail = f"byte {at}: an escape in a string that JSON does not have, or that is cut short"
        return Malformed(Reason.SYNTAX, detail, at)
    return _unexpected(body, at, "the rest of a string")


def _too_deep(at: int) -> Malformed:
    return Malformed(Reason.DEPTH, f"byte {at}: more than {MAX_DEPTH:,} arrays and objects inside each other", at)


def _unexpected(body: bytes, at: int, expected: str) -> Malformed:
    if at == len(body):
        found = "the end of the body"
    elif body[at] in b'{}[]:,"':
        found = f"'{body[at]:c}'"
    elif body[at] < 0x20:
        found = "a control character"
    else:
        found = "something else"
    return Malformed(Reason.SYNTAX, f"byte {at}: expected {expected}, found {found}", at)
