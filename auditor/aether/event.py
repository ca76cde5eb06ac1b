"""What Aether stores: events and snapshots with Go's meaning, and the value that stands for a body Go would refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from auditor.units import NANOSECONDS

GO_ZERO_TIME_UNIX = -62_135_596_800
"""Unix seconds of Go's zero time, 0001-01-01T00:00:00Z: what a body without a timestamp decodes to."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment as Go's time.Time keeps it: to the nanosecond, with the zone offset it was written in."""

    unix_seconds: int = GO_ZERO_TIME_UNIX
    nanoseconds: int = 0
    """0 to 999,999,999."""
    offset_seconds: int = 0
    """East of UTC; what a reader of the text sees, not part of the moment."""

    @classmethod
    def from_unix_ns(cls, unix_ns: int) -> Timestamp:
        """The moment `unix_ns` nanoseconds after 1970, in UTC."""
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
    """Why Go's decoder refuses a body: the first trouble in it, where syntax and depth are checked before all types."""

    EMPTY = "empty"
    """No bytes at all, or nothing but whitespace."""
    SYNTAX = "syntax"
    """Not one JSON value by RFC 8259."""
    DEPTH = "depth"
    """More than 10,000 arrays and objects inside each other."""
    TYPE = "type"
    """A field holds a JSON type that its Go field does not take."""
    NUMBER = "number"
    """A number outside what its Go field can hold, or a version that is no integer literal."""
    TIMESTAMP = "timestamp"
    """A string that time.Time does not take."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A body that Go's `json.Unmarshal` refuses, so that Aether's replay skips the message."""

    reason: Reason
    detail: str
    """One printable line that names field, position and expected type, and never a value from the body."""
    offset: int
    """Byte offset in the body at which the trouble was seen."""


class EncodeError(ValueError):
    """A value that Go's `json.Marshal` refuses, or could not have: `str(error)` names the field and what is wrong."""
