"""Aether's event store over a stream, with replay through the very walk that audits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.aether import (
    Malformed,
    MalformedSnapshotError,
    ReplayError,
    ReplayResult,
    SnapshotNotFoundError,
    decode_event,
    decode_snapshot,
    event_subject,
    snapshot_subject,
)
from auditor.jetstream.source import StreamSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.aether import ActorSnapshot, Event
    from auditor.core.message import StoredMessage
    from auditor.jetstream.client import Client


class JetStreamEventStore:
    """The actors of one stream. Every method raises the AuditorErrors of a walk."""

    def __init__(self, client: Client, stream: str) -> None:
        self._source = StreamSource(client, stream)
        self._stream = stream

    @classmethod
    async def open(cls, client: Client, stream: str, *, create: bool = True) -> JetStreamEventStore:
        """The store over an existing stream. Raises StreamNotFoundError."""
        del create  # only an existing stream can be opened as yet
        store = cls(client, stream)
        await store._source.pin()
        return store

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """The events that Aether would apply, and the messages that it would skip, in stream order."""
        result = ReplayResult()
        async for message in self._messages(event_subject(self._stream, actor_id)):
            event = decode_event(message.data)
            if isinstance(event, Malformed):
                result.errors.append(ReplayError(message.seq, message.data, event))
            elif event.version > from_version:
                result.events.append(event)
        return result

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """The actor's events with a version above `from_version`, in stream order; what does not decode is left out."""
        return (await self.get_events_with_errors(actor_id, from_version)).events

    async def get_latest_version(self, actor_id: str) -> int:
        """The highest version over a full replay, 0 if there is none."""
        return max((event.version for event in await self.get_events(actor_id)), default=0)

    async def get_latest_snapshot(self, actor_id: str) -> ActorSnapshot:
        """The last snapshot stored for the actor. Raises SnapshotNotFoundError, MalformedSnapshotError."""
        last: StoredMessage | None = None
        async for message in self._messages(snapshot_subject(self._stream, actor_id)):
            last = message
        if last is None:
            raise SnapshotNotFoundError(actor_id)
        snapshot = decode_snapshot(last.data)
        if isinstance(snapshot, Malformed):
            raise MalformedSnapshotError(actor_id, ReplayError(last.seq, last.data, snapshot))
        return snapshot

    async def _messages(self, subject: str) -> AsyncIterator[StoredMessage]:
        """Everything on `subject` that is stored now. It was made of an id, so it has no wildcard."""
        pinned = await self._source.pin()
        batches = self._source.walk(pinned, first_seq=pinned.first_seq, last_seq=pinned.last_seq, subjects=[subject])
        async for batch in batches:
            for message in batch:
                yield message
