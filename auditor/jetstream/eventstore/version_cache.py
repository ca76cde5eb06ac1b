"""Caches the latest version of each actor, and checks it with the server on every use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.aether import Malformed, judge_event
from auditor.jetstream import api

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.reading.stream_source import StreamSource


class CachedVersion(NamedTuple):
    """The latest version on one subject, and the last message there."""

    version: int = 0
    """The highest version; 0 if there is none."""
    version_seq: int = 0
    """The sequence of the message with this version."""
    last_seq: int = 0
    """The sequence of the last message, also if it does not decode; 0 if there is none."""
    last_hash: int = 0
    """The hash of the body of the last message. After a restore, another message may have its sequence."""

    def with_message(self, message: StoredMessage) -> CachedVersion:
        """Return the value after one more message."""
        event = judge_event(message.data)
        if isinstance(event, Malformed) or event.version <= self.version:
            return self._replace(last_seq=message.seq, last_hash=hash(message.data))
        return CachedVersion(event.version, message.seq, message.seq, hash(message.data))


class VersionCache:
    """The cached versions of the event subjects of one stream."""

    def __init__(self, client: ApiClient, stream: str, source: StreamSource) -> None:
        self._client = client
        self._stream = stream
        self._source = source
        self._cached: dict[str, CachedVersion] = {}

    def cached(self, subject: str) -> CachedVersion | None:
        """Return the version as of the last use. Other writers may have stored or removed messages since."""
        return self._cached.get(subject)

    def store(self, subject: str, *, version: int, seq: int, data: bytes) -> None:
        """Record that an event with the highest `version` was stored as the last message on `subject`."""
        self._cached[subject] = CachedVersion(version, seq, seq, hash(data))

    async def fetch(self, subject: str) -> CachedVersion:
        """Return the current version.

        This takes one request if nothing has changed. It reads the whole subject the first time, and if messages were removed.
        Raises the AuditorErrors of a walk.
        """
        known = self._cached.get(subject)
        latest = None if known is None else await self._caught_up(subject, known)
        if latest is None:
            latest = await self._replayed(subject, CachedVersion())
        self._cached[subject] = latest
        return latest

    async def _caught_up(self, subject: str, known: CachedVersion) -> CachedVersion | None:
        """Return `known` with the messages stored since; None if its messages are no longer stored."""
        last = await api.get_message(self._client, self._stream, last_by_subj=subject)
        if last is None or known.last_seq == 0:
            return known if last is None and known.last_seq == 0 else None
        latest = known
        if last.seq != known.last_seq:
            still = await api.get_message(self._client, self._stream, seq=known.last_seq)
            if last.seq < known.last_seq or still is None or not _is(still, subject, known):
                return None
            latest = await self._replayed(subject, known)
        elif not _is(last, subject, known):
            return None
        # The last message is still stored, but the one with the highest version may have been removed.
        if 0 < latest.version_seq < known.last_seq and not await self._source.is_readable(latest.version_seq):
            return None
        return latest

    async def _replayed(self, subject: str, latest: CachedVersion) -> CachedVersion:
        """Return `latest` with the messages after its last one."""
        pinned = await self._source.info()
        first_seq = max(pinned.first_seq, latest.last_seq + 1)
        walk = self._source.read(pinned, first_seq=first_seq, last_seq=pinned.last_seq, subjects=[subject])
        async for messages in walk:
            for message in messages:
                latest = latest.with_message(message)
        return latest


def _is(message: StoredMessage, subject: str, known: CachedVersion) -> bool:
    return message.subject == subject.encode() and hash(message.data) == known.last_hash
