"""The latest version of each actor, remembered between calls and never believed without asking the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from auditor.aether import Malformed, judge_event
from auditor.jetstream import api

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage
    from auditor.jetstream.connection.client import Client
    from auditor.jetstream.reading.stream_source import StreamSource


class CachedVersion(NamedTuple):
    """What a full replay of one subject found."""

    version: int = 0
    """The highest, 0 if there is none."""
    version_seq: int = 0
    """Of the message that has it."""
    last_seq: int = 0
    """Of the last message, whatever it is; 0 if there is none."""
    last_hash: int = 0
    """Of its body: after a restore or in a new stream, other messages have the same sequences."""

    def with_message(self, message: StoredMessage) -> CachedVersion:
        """The same with one more message."""
        event = judge_event(message.data)
        if isinstance(event, Malformed) or event.version <= self.version:
            return self._replace(last_seq=message.seq, last_hash=hash(message.data))
        return CachedVersion(event.version, message.seq, message.seq, hash(message.data))


class VersionCache:
    """Of the event subjects of one stream."""

    def __init__(self, client: Client, stream: str, source: StreamSource) -> None:
        self._client = client
        self._stream = stream
        self._source = source
        self._cached: dict[str, CachedVersion] = {}

    def cached(self, subject: str) -> CachedVersion | None:
        """As of the last time; somebody else may have stored or removed messages since."""
        return self._cached.get(subject)

    def store(self, subject: str, *, version: int, seq: int, data: bytes) -> None:
        """An event with the highest `version` was just stored as the last message on `subject`."""
        self._cached[subject] = CachedVersion(version, seq, seq, hash(data))

    async def fetch(self, subject: str) -> CachedVersion:
        """As of now: one small request where nothing has changed; a full replay the first time, and when messages have gone.

        Raises the AuditorErrors of a walk.
        """
        known = self._cached.get(subject)
        latest = None if known is None else await self._caught_up(subject, known)
        if latest is None:
            latest = await self._replayed(subject, CachedVersion())
        self._cached[subject] = latest
        return latest

    async def _caught_up(self, subject: str, known: CachedVersion) -> CachedVersion | None:
        """`known` and what has come since; None if what was known is no longer there."""
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
        # The last message is still there; an earlier one, with the highest version, may be gone.
        if 0 < latest.version_seq < known.last_seq and not await self._source.is_readable(latest.version_seq):
            return None
        return latest

    async def _replayed(self, subject: str, latest: CachedVersion) -> CachedVersion:
        pinned = await self._source.info()
        first_seq = max(pinned.first_seq, latest.last_seq + 1)
        walk = self._source.read(pinned, first_seq=first_seq, last_seq=pinned.last_seq, subjects=[subject])
        async for messages in walk:
            for message in messages:
                latest = latest.with_message(message)
        return latest


def _is(message: StoredMessage, subject: str, known: CachedVersion) -> bool:
    return message.subject == subject.encode() and hash(message.data) == known.last_hash
