"""Decodes any body exactly as json.Unmarshal of Go 1.27 does.

It differs from other JSON decoders in these rules. Keys match under Unicode's simple case folding. A key may occur more than once, and every occurrence is checked. A later
scalar replaces an earlier one. A later map is merged into an earlier one. null resets a map and changes no other field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.aether.event import ActorSnapshot, Event, Malformed
from auditor.aether.gojson import fields
from auditor.aether.gojson.strings import unquote
from auditor.aether.gojson.syntax import FLAT_VALUE, SPACE, STRING, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from auditor.aether.gojson.fields import Reader


@dataclass(frozen=True, slots=True)
class _Field:
    attribute: str
    name: str
    """Its key in JSON."""
    read: Reader
    null_resets: bool = False


def _by_folded_name(*fields_: _Field) -> dict[str, _Field]:
    return {field.name.lower(): field for field in fields_}


_ACTOR_ID = _Field("actor_id", "actorId", fields.read_string)
_VERSION = _Field("version", "version", fields.read_int64)
_TIMESTAMP = _Field("timestamp", "timestamp", fields.read_timestamp)
_EVENT_FIELDS = _by_folded_name(
    _Field("id", "id", fields.read_string),
    _Field("event_type", "eventType", fields.read_string),
    _ACTOR_ID,
    _Field("command_id", "commandId", fields.read_string),
    _VERSION,
    _Field("data", "data", fields.read_map, null_resets=True),
    _Field("metadata", "metadata", fields.read_string_map, null_resets=True),
    _TIMESTAMP,
)
_SNAPSHOT_FIELDS = _by_folded_name(
    _ACTOR_ID, _VERSION, _Field("state", "state", fields.read_map, null_resets=True), _TIMESTAMP
)

_FOLDED = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ\u017f\u212a", "abcdefghijklmnopqrstuvwxyzsk")
"""The characters that simple folding maps to ASCII letters: the capitals, long s and the Kelvin sign."""

_member = re.compile(
    rb"[ \t\n\r,]*+(" + STRING + rb")" + SPACE + rb":" + SPACE + rb"(?:(" + FLAT_VALUE + rb")|[\[{])"
).match
_opening = re.compile(SPACE + rb"\{").match


def decode_event(body: bytes) -> Event | Malformed:
    """Decode `body` as Go does, or return why Go rejects it."""
    values = _read(body, _EVENT_FIELDS)
    return values if isinstance(values, Malformed) else Event(**values)


def decode_snapshot(body: bytes) -> ActorSnapshot | Malformed:
    """Decode `body` as Go does, or return why Go rejects it."""
    values = _read(body, _SNAPSHOT_FIELDS)
    return values if isinstance(values, Malformed) else ActorSnapshot(**values)


def has_version(body: bytes) -> bool:
    """Return whether `body`, which decodes as an event, has a version other than null."""
    ends = check(body)
    if isinstance(ends, Malformed):
        return False
    return any(
        field is _VERSION and body[start] != ord("n") for field, start, _ in _occurrences(body, ends, _EVENT_FIELDS)
    )


def _read(body: bytes, fields_: Mapping[str, _Field]) -> dict[str, Any] | Malformed:
    ends = check(body)
    if isinstance(ends, Malformed):
        return ends
    values: dict[str, Any] = {}
    subject = "the body"
    try:
        first = len(body) - len(body.lstrip(b" \t\n\r"))
        if body[first] not in b"{n":
            raise fields.wrong_type(body, first, "an object")
        for field, start, end in _occurrences(body, ends, fields_):
            subject = field.name
            if body[start] != ord("n"):
                values[field.attribute] = field.read(body, start, end, values.get(field.attribute))
            elif field.null_resets:
                values.pop(field.attribute, None)
    except fields.FieldError as error:
        detail = f"{subject} at byte {error.offset}: {error.detail}"
        return Malformed(error.reason, detail, error.offset)
    return values


def _occurrences(
    body: bytes, ends: Mapping[int, int], fields_: Mapping[str, _Field]
) -> Iterator[tuple[_Field, int, int]]:
    """Yield every occurrence of a known field in the outermost object, with the offsets of its value."""
    opening = _opening(body)
    if not opening:
        return
    at = opening.end()
    while member := _member(body, at):
        start, at = member.span(2)
        if start < 0:
            start = member.end() - 1
            at = ends[start]
        field = fields_.get(unquote(member[1]).translate(_FOLDED))
        if field:
            yield field, start, at
