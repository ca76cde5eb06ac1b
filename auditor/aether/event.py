"""Defines what a stored body decodes to: an event, a snapshot, or `Malformed` for a body that Go rejects."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from auditor.units import NANOSECONDS

GO_ZERO_TIME_UNIX = -62_135_596_800
"""Unix seconds of Go's zero time, 0001-01-01T00:00:00Z. A body without a timestamp decodes to it."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A time as in Go's time.Time: to the nanosecond, with the zone offset in which it was written."""

    unix_seconds: int = GO_ZERO_TIME_UNIX
    nanoseconds: int = 0
    """0 to 999,999,999."""
    offset_seconds: int = 0
    """East of UTC. It says how the time was written, and does not change which time it is."""

    @classmethod
    def from_unix_ns(cls, unix_ns: int) -> Timestamp:
        """Return the time `unix_ns` nanoseconds after 1970, in UTC."""
        seconds, nanoseconds = divmod(unix_ns, NANOSECONDS)
        return cls(seconds, nanoseconds)

    @property
    def unix_ns(self) -> int:
        """Nanoseconds since 1970, negative before."""
        return self.unix_seconds * NANOSECONDS + self.nanoseconds


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an actor. `None` for `data` or `metadata` is Go's nil map; numbers in `data` are floats, as in Go."""

    id: str = ""
    event_type: str = ""
    actor_id: str = ""
    command_id: str = ""
    version: int = 0
    data: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    timestamp: Timestamp = field(default_factory=Timestamp)


@dataclass(frozen=True, slots=True)
class ActorSnapshot:
    """An actor's state up to and including `version`."""

    actor_id: str = ""
    version: int = 0
    state: dict[str, Any] | None = None
    timestamp: Timestamp = field(default_factory=Timestamp)


class Reason(StrEnum):
    """Why Go's decoder rejects a body: its first error. Go checks syntax and depth of the whole body before any type."""

    EMPTY = "empty"
    """No bytes, or only whitespace."""
    SYNTAX = "syntax"
    """Not one JSON value by RFC 8259."""
    DEPTH = "depth"
    """More than 10,000 nested arrays and objects."""
    TYPE = "type"
    """A field has a JSON type that its Go field does not accept."""
    NUMBER = "number"
    """A number is outside the range of its Go field, or a version is not an integer literal."""
    TIMESTAMP = "timestamp"
    """A string that time.Time does not accept."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A body that Go's `json.Unmarshal` rejects, so that replay skips the message."""

    reason: Reason
    detail: str
    """One printable line that names field, position and expected type, and never a value from the body."""
    offset: int
    """Byte offset of the error in the body."""


class EncodeError(ValueError):
    """A value that Go's `json.Marshal` rejects, or that Go cannot have. `str(error)` names the field and the problem."""
