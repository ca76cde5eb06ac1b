"""Values that the server delivers: stored messages and stream info."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.ranges import merged

if TYPE_CHECKING:
    from collections.abc import Mapping


class StoredMessage(msgspec.Struct, frozen=True, gc=False):
    """One message, byte for byte as the server stores it."""

    seq: int
    time_ns: int
    """When the server stored it, nanoseconds since 1970."""
    subject: bytes
    headers: bytes | None
    """The whole header block; None if there is none."""
    data: bytes


class Loss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the server reports as lost (`state.lost` of STREAM.INFO)."""

    ranges: tuple[tuple[int, int], ...] = ()
    """Sequences (first, last), sorted; empty if the server names none."""
    bytes: int = 0

    def merged_with(self, other: Loss) -> Loss:
        """Both losses. The bytes are the larger of both, since the server adds them up until it is restarted."""
        return Loss(tuple(merged([*self.ranges, *other.ranges])), max(self.bytes, other.bytes))


NO_LOSS = Loss()


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that holds a copy of a stream, as stream info describes it."""

    name: str
    is_current: bool = True
    """Whether the leader calls the copy up to date. A damaged copy can be called so."""
    is_offline: bool = False
    lag: int = 0
    """Operations that the copy has not applied."""
    active_ns: int = 0
    """Nanoseconds since the leader last heard from it; 0 for the leader."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the server reports about a stream (STREAM.INFO). The last sequence is the pinned end of a pass."""

    name: str
    created_ns: int
    """When the stream was created, nanoseconds since 1970. A stream with another time is another stream."""
    first_seq: int
    last_seq: int
    """0 if the stream never held a message. If it holds none now, `first_seq` is `last_seq + 1`."""
    messages: int
    deleted: int
    """How many sequences between the first and the last one the server lists as deleted."""
    bytes: int = 0
    """Size of the stored messages."""
    first_time_ns: int = 0
    """When the first message was stored, nanoseconds since 1970; 0 if there is none."""
    lost: Loss = NO_LOSS
    """What the server reports as lost, if it was asked for that."""
    contradiction: str | None = None
    """How the numbers contradict one another, in one line; None if they do not."""
    account: str = ""
    """The account of the user that asked, if the server was asked for that; empty if it is not known."""
    subjects: tuple[str, ...] = ()
    """The subjects of which the stream stores messages."""
    config: Mapping[str, object] = field(default_factory=dict)
    """The configuration of the stream, as the server reports it."""
    api_prefix: str = ""
    """The prefix of the JetStream API that has the stream; empty for the nearest one."""
    replicas: int = 1
    """Copies that the stream is configured with."""
    leader: str = ""
    """The name of the server that leads the stream; empty without a cluster."""
    peers: tuple[Peer, ...] = ()
    """The servers that hold a copy, sorted by name; empty without a cluster."""

    @property
    def address(self) -> str:
        """The name of the stream, after the prefix of its API unless that is the nearest one."""
        return f"{self.api_prefix} {self.name}" if self.api_prefix else self.name

    @property
    def is_replicated(self) -> bool:
        """Whether the stream has more than one copy."""
        return self.replicas > 1 and bool(self.peers)
