"""Aether's event store on a stream. It reads as a pass does, and saves an event only after the one it expects."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self
from weakref import WeakValueDictionary

from auditor.aether import (
    DuplicateEventError,
    Malformed,
    MalformedSnapshotError,
    NotStoredError,
    ReplayError,
    ReplayResult,
    SnapshotNotFoundError,
    UnknownOutcomeError,
    VersionConflictError,
    check_readable_id,
    check_storable_id,
    decode_event,
    decode_snapshot,
    encode_event,
    encode_snapshot,
)
from auditor.aether.stream_layout import StreamLayout
from auditor.config.rules import nats_name
from auditor.errors import AuditorError
from auditor.jetstream import api
from auditor.jetstream.connection.client import Client
from auditor.jetstream.connection.shared_login import connect_like
from auditor.jetstream.eventstore.stream_settings import YEAR, ensure_event_stream
from auditor.jetstream.eventstore.version_cache import VersionCache
from auditor.jetstream.publish import SequenceConflictError, publish_expecting
from auditor.jetstream.reading.stream_source import StreamSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import timedelta

    from nats.aio.client import Client as NatsClient

    from auditor.aether import ActorSnapshot, Event
    from auditor.core.model.message import StoredMessage
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.eventstore.version_cache import CachedVersion

MAX_ATTEMPTS = 2
"""Attempts of one save. Each begins with the stored version, read again."""


class JetStreamEventStore:
    """Saves and reads the actors of one stream. Every method raises UnstorableActorError and the AuditorErrors."""

    def __init__(self, client: ApiClient, stream: str, layout: StreamLayout | None = None) -> None:
        """`layout`: of the subjects of the stream; by default the one that has the stream's name."""
        self._layout = layout or StreamLayout(stream)
        self._client = client
        self._stream = stream
        self._source = StreamSource(client, stream)
        self._versions = VersionCache(client, stream, self._source)
        self._saving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    async def open(
        cls,
        nc: NatsClient,
        stream_name: str,
        *,
        create: bool = True,
        replicas: int = 1,
        max_age: timedelta = YEAR,
    ) -> Self:
        """Return the store of a stream, which is created with the settings of Aether's Go code if it does not exist.

        `nc` is a connection of nats-py. The store opens a second connection like it, which closes together with it. Aether's
        Go code refuses a stream with other `replicas` or another `max_age` (0: for ever) than the defaults. An existing
        stream keeps its settings. With `create=False` nothing is created or checked. Raises EventStreamError,
        StreamNotFoundError, and ValueError for an invalid name.
        """
        nats_name(stream_name)
        client = nc if isinstance(nc, Client) else await connect_like(nc)
        store = cls(client, stream_name)
        if create:
            await ensure_event_stream(client, stream_name, replicas=replicas, max_age=max_age)
        else:
            await store._source.info()
        return store

    async def save_event(self, event: Event) -> None:
        """Store `event` if its version is above the actor's latest and no other writer stores one at the same time.

        Raises VersionConflictError, DuplicateEventError, EncodeError; NotStoredError if it is certainly not stored,
        UnknownOutcomeError if attempts for 30 seconds got no answer.
        """
        subject = self._layout.event_subject(check_storable_id(event.actor_id))
        data = encode_event(event)
        async with self._lock_for(subject):
            await self._save_event(event, subject, data)

    async def _save_event(self, event: Event, subject: str, data: bytes) -> None:
        what = f"event {event.id!r} of actor {event.actor_id!r}"
        headers = {"Nats-Msg-Id": event.id.encode("utf-8", "replace").decode()}
        latest = self._versions.cached(subject)
        if latest is None or event.version <= latest.version:
            latest = await self._versions.fetch(subject)
        for _ in range(MAX_ATTEMPTS):
            _check_version(event, latest)
            last_seq = latest.last_seq
            try:
                seq, duplicate = await publish_expecting(
                    self._client, self._stream, subject, data, last_seq=last_seq, what=what, headers=headers
                )
            except SequenceConflictError as conflict:
                if conflict.outcome_unknown and await self._is_stored_after(subject, data, after=last_seq, what=what):
                    return
                latest = await self._versions.fetch(subject)
                continue
            if duplicate and not await self._is_stored_at(seq, subject, data, what=what):
                raise DuplicateEventError(event.id, seq)
            self._versions.store(subject, version=event.version, seq=seq, data=data)
            return
        _check_version(event, latest)
        raise NotStoredError(what, "other writers keep storing messages on its subject: save it again")

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """Return the events that Aether would apply and the messages that it would skip, in stream order."""
        result = ReplayResult()
        async for messages in self._walk(self._layout.event_subject(check_readable_id(actor_id))):
            for message in messages:
                event = decode_event(message.data)
                if isinstance(event, Malformed):
                    result.errors.append(ReplayError(message.seq, message.data, event))
                elif event.version > from_version:
                    result.events.append(event)
        return result

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """Return the actor's events with a version above `from_version`, in stream order, without those that do not decode."""
        return (await self.get_events_with_errors(actor_id, from_version)).events

    async def get_latest_version(self, actor_id: str) -> int:
        """Return the highest version of the actor's events, 0 if there is none. Only the first call reads all of them."""
        return (await self._versions.fetch(self._layout.event_subject(check_readable_id(actor_id)))).version

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """Store `snapshot` as the actor's last one. Raises EncodeError, NotStoredError, UnknownOutcomeError."""
        subject = self._layout.snapshot_subject(check_storable_id(snapshot.actor_id))
        data = encode_snapshot(snapshot)
        what = f"snapshot {snapshot.version} of actor {snapshot.actor_id!r}"
        async with self._lock_for(subject):
            while True:
                last = await api.get_message(self._client, self._stream, last_by_subj=subject)
                last_seq = last.seq if last else 0
                try:
                    await publish_expecting(self._client, self._stream, subject, data, last_seq=last_seq, what=what)
                except SequenceConflictError as conflict:  # another writer has succeeded, so this loop ends
                    if not (
                        conflict.outcome_unknown
                        and await self._is_stored_after(subject, data, after=last_seq, what=what)
                    ):
                        continue
                return

    async def get_latest_snapshot(self, actor_id: str, *, strict: bool = True) -> ActorSnapshot:
        """Return the actor's last snapshot; if not `strict`, the last one that decodes.

        Raises SnapshotNotFoundError, and MalformedSnapshotError about the last one.
        """
        subject = self._layout.snapshot_subject(check_readable_id(actor_id))
        last = await api.get_message(self._client, self._stream, last_by_subj=subject)
        if last is None:
            raise SnapshotNotFoundError(actor_id)
        snapshot = decode_snapshot(last.data)
        if not isinstance(snapshot, Malformed):
            return snapshot
        if not strict:
            decoded = [decode_snapshot(message.data) async for messages in self._walk(subject) for message in messages]
            for earlier in reversed(decoded):
                if not isinstance(earlier, Malformed):
                    return earlier
        raise MalformedSnapshotError(actor_id, ReplayError(last.seq, last.data, snapshot))

    async def _walk(self, subject: str, *, after: int = 0) -> AsyncIterator[Sequence[StoredMessage]]:
        """Yield the messages on `subject` after the sequence `after`, up to the current end."""
        pinned = await self._source.info()
        first_seq = max(pinned.first_seq, after + 1)
        async for messages in self._source.read(
            pinned, first_seq=first_seq, last_seq=pinned.last_seq, subjects=[subject]
        ):
            yield messages

    async def _is_stored_after(self, subject: str, data: bytes, *, after: int, what: str) -> bool:
        """Return whether a message whose acknowledgement was lost is stored after the sequence `after`."""
        try:
            return any([each.data == data async for messages in self._walk(subject, after=after) for each in messages])
        except AuditorError as error:
            raise UnknownOutcomeError(what, str(error)) from error

    async def _is_stored_at(self, seq: int, subject: str, data: bytes, *, what: str) -> bool:
        """Return whether the message at `seq` has this subject and body."""
        try:
            message = await api.get_message(self._client, self._stream, seq=seq)
        except AuditorError as error:
            raise UnknownOutcomeError(what, str(error)) from error
        return message is not None and message.subject == subject.encode() and message.data == data

    def _lock_for(self, subject: str) -> asyncio.Lock:
        """Return the lock that tasks of this process hold while saving to `subject`, so that they do not conflict."""
        lock = self._saving.get(subject)
        if lock is None:
            lock = self._saving[subject] = asyncio.Lock()
        return lock


def _check_version(event: Event, latest: CachedVersion) -> None:
    if event.version <= latest.version:
        raise VersionConflictError(event.actor_id, event.version, latest.version)
