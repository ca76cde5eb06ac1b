"""An event store in memory, for tests of code that needs an event store. It keeps bytes, as a stream does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import decode_event, decode_snapshot, encode_event, encode_snapshot
from auditor.aether.store import (
    DuplicateEventError,
    MalformedSnapshotError,
    ReplayError,
    ReplayResult,
    SnapshotNotFoundError,
    VersionConflictError,
    check_readable_id,
    check_storable_id,
)
from auditor.aether.stream_layout import event_subject, snapshot_subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.aether.event import ActorSnapshot, Event


class InMemoryEventStore:
    """Aether's event store over a list.

    It rejects a repeated event id at any time. A server does so only within two minutes.
    """

    def __init__(self, stream_name: str = "MEMORY") -> None:
        self._stream = stream_name
        self._messages: list[tuple[str, bytes]] = []
        """Subject and body of each message. The first has sequence 1."""
        self._sequences: dict[str, int] = {}
        """The sequence of each event id."""

    def append(self, subject: str, data: bytes) -> int:
        """Store any bytes, as a publish to the stream does, and return their sequence."""
        self._messages.append((subject, data))
        return len(self._messages)

    async def save_event(self, event: Event) -> None:
        """See the protocol."""
        subject = event_subject(self._stream, check_storable_id(event.actor_id))
        data = encode_event(event)
        latest = await self.get_latest_version(event.actor_id)
        if event.version <= latest:
            raise VersionConflictError(event.actor_id, event.version, latest)
        taken = self._sequences.get(event.id)
        if taken is not None and self._messages[taken - 1] != (subject, data):
            raise DuplicateEventError(event.id, taken)
        seq = self.append(subject, data)
        if event.id:
            self._sequences[event.id] = seq

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """See the protocol."""
        result = ReplayResult()
        for seq, data in self._on(event_subject(self._stream, check_readable_id(actor_id))):
            event = decode_event(data)
            if isinstance(event, Malformed):
                result.errors.append(ReplayError(seq, data, event))
            elif event.version > from_version:
                result.events.append(event)
        return result

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """See the protocol."""
        return (await self.get_events_with_errors(actor_id, from_version)).events

    async def get_latest_version(self, actor_id: str) -> int:
        """See the protocol."""
        return max((event.version for event in await self.get_events(actor_id)), default=0)

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """See the protocol."""
        self.append(snapshot_subject(self._stream, check_storable_id(snapshot.actor_id)), encode_snapshot(snapshot))

    async def get_latest_snapshot(self, actor_id: str, *, strict: bool = True) -> ActorSnapshot:
        """See the protocol."""
        last: ReplayError | None = None
        for seq, data in reversed([*self._on(snapshot_subject(self._stream, check_readable_id(actor_id)))]):
            snapshot = decode_snapshot(data)
            if not isinstance(snapshot, Malformed):
                return snapshot
            last = last or ReplayError(seq, data, snapshot)
            if strict:
                break
        if last is None:
            raise SnapshotNotFoundError(actor_id)
        raise MalformedSnapshotError(actor_id, last)

    def _on(self, subject: str) -> Iterator[tuple[int, bytes]]:
        return ((seq, data) for seq, (on, data) in enumerate(self._messages, 1) if on == subject)
