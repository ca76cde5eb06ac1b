"""Encodes events and snapshots as JSON, byte for byte as Go's json.Marshal does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from auditor.aether.event import EncodeError
from auditor.aether.gojson import timestamps
from auditor.aether.gojson.fields import INT64_RANGE
from auditor.aether.gojson.floats import format_float
from auditor.aether.gojson.strings import quote
from auditor.aether.gojson.syntax import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.aether.event import ActorSnapshot, Event

_FLOAT64_LIMIT = 2**1024 - 2**970
"""The smallest magnitude that does not round to a finite float64, so that Go cannot read it."""


def encode_event(event: Event) -> bytes:
    """Encode `event` as Aether stores it. Raises EncodeError."""
    members = [
        ("id", _string("id", event.id)),
        ("eventType", _string("eventType", event.event_type)),
        ("actorId", _string("actorId", event.actor_id)),
    ]
    if event.command_id:
        members.append(("commandId", _string("commandId", event.command_id)))
    members += [("version", _int64("version", event.version)), ("data", _map("data", event.data))]
    if event.metadata:
        members.append(("metadata", _string_map("metadata", event.metadata)))
    members.append(("timestamp", quote(timestamps.render(event.timestamp))))
    return _object(members)


def encode_snapshot(snapshot: ActorSnapshot) -> bytes:
    """Encode `snapshot` as Aether stores it. Raises EncodeError."""
    return _object(
        [
            ("actorId", _string("actorId", snapshot.actor_id)),
            ("version", _int64("version", snapshot.version)),
            ("state", _map("state", snapshot.state)),
            ("timestamp", quote(timestamps.render(snapshot.timestamp))),
        ]
    )


def _object(members: list[tuple[str, str]]) -> bytes:
    return f"{{{','.join(f'{quote(name)}:{text}' for name, text in members)}}}".encode()


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise EncodeError(f"{name}: expected a string, got {type(value).__name__}")
    return quote(value)


def _int64(name: str, value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise EncodeError(f"{name}: expected an integer, got {type(value).__name__}")
    if value not in INT64_RANGE:
        raise EncodeError(f"{name}: the integer is outside the int64 range")
    return str(int(value))


def _string_map(name: str, value: object) -> str:
    if not isinstance(value, dict):
        raise EncodeError(f"{name}: expected a dict, got {type(value).__name__}")
    members = (
        f"{_string(f'{name} key', key)}:{_string(f'{name} value', value[key])}" for key in _sorted_keys(name, value)
    )
    return f"{{{','.join(members)}}}"


def _map(name: str, value: object) -> str:
    if value is None:
        return "null"
    if not isinstance(value, dict):
        raise EncodeError(f"{name}: expected a dict, got {type(value).__name__}")
    text: list[str] = []
    open_containers = [_items(name, [value])]
    closing = [""]
    while open_containers:
        for prefix, item in open_containers[-1]:
            text.append(prefix)
            if not isinstance(item, dict | list | tuple):
                text.append(_scalar(name, item))
                continue
            if len(open_containers) == MAX_DEPTH:  # including the object of the event itself
                raise EncodeError(f"{name}: more than {MAX_DEPTH:,} objects and arrays inside each other")
            text.append("{" if isinstance(item, dict) else "[")
            closing.append("}" if isinstance(item, dict) else "]")
            open_containers.append(_items(name, item))
            break
        else:
            open_containers.pop()
            text.append(closing.pop())
    return "".join(text)


def _items(name: str, container: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Yield each value of `container`, with the text between the value before and this one."""
    comma = ""
    if isinstance(container, dict):
        for key in _sorted_keys(name, container):
            yield f"{comma}{quote(key)}:", container[key]
            comma = ","
    else:
        for item in container:
            yield comma, item
            comma = ","


def _sorted_keys(name: str, value: dict[Any, Any]) -> list[str]:
    """Sort the keys by their code points, which is the order of their UTF-8 bytes."""
    for key in value:
        if not isinstance(key, str):
            raise EncodeError(f"{name}: expected keys that are strings, got {type(key).__name__}")
    return sorted(value)


def _scalar(name: str, value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) >= _FLOAT64_LIMIT:
            raise EncodeError(f"{name}: an integer is outside the float64 range")
        return str(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise EncodeError(f"{name}: JSON cannot represent NaN and infinity")
        return format_float(value)
    raise EncodeError(f"{name}: JSON cannot represent a value of type {type(value).__name__}")
