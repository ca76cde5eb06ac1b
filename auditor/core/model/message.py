"""What a stream holds: messages, and what the stream says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping


class StoredMessage(msgspec.Struct, frozen=True, gc=False):
    """One message as the server keeps it, untouched."""

    seq: int
    time_ns: int
    """Server time of storing, nanoseconds since 1970."""
    subject: bytes
    headers: bytes | None
    """The whole header block as stored, None if there was none."""
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream's own account of itself at one moment (STREAM.INFO). A pass pins one before it begins."""

    name: str
    created_ns: int
    """When the stream was created, nanoseconds since 1970; another value is another stream."""
    first_seq: int
    last_seq: int
    """0 for a stream that never held a message; `first_seq` is `last_seq + 1` for one that holds none now."""
    messages: int
    deleted: int
    """How many sequences inside the range the server says were removed."""
    lost: tuple[int, ...] = ()
    """Sequences that the server itself reports as lost."""
    lost_bytes: int = 0
    """Bytes that the server reports as lost."""
    subjects: tuple[str, ...] = ()
    """The subjects that the stream takes."""
    config: Mapping[str, object] = field(default_factory=dict)
    """The stream's whole configuration as the server gives it."""
