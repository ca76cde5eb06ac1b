"""One stream as the audit sees it: the `Source` of auditor/scan/ports.py. It only ever reads."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from auditor.errors import StreamRecreatedError, WalkIncompleteError
from auditor.jetstream import api
from auditor.jetstream.reading.ordered_walk import ordered_walk
from auditor.jetstream.reading.pull_consumer import BATCH
from auditor.jetstream.reading.rate_limit import rate_limited

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from auditor.core.model.message import StoredMessage, StreamState
    from auditor.core.model.ranges import Ranges
    from auditor.jetstream.connection.client import Client


MAX_FILTERS = 1_000
"""Subjects that a consumer filters by, and that are counted one by one; for more, the stream is read whole."""
MAX_FILTER_BYTES = 3_500
"""Bytes. The filter is part of the subject of a request, and a line of the protocol holds 4,096 by default."""


class StreamSource:
    """The audited stream."""

    def __init__(self, client: Client, stream: str) -> None:
        self._client = client
        self._stream = stream

    async def info(self) -> StreamState:
        """The stream's account of itself, now. Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError."""
        return api.stream_state(self._stream, await api.stream_info(self._client, self._stream))

    async def read(
        self, pinned: StreamState, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[list[StoredMessage]]:
        """As the protocol says. Batches have up to some thousand messages."""
        # A rate is kept by asking for less, too: a tenth of a second's worth is in flight, twice.
        batch = min(BATCH, max_rate // 10 + 1) if max_rate else BATCH
        wanted = None if self.can_filter(subjects) else frozenset(subject.encode() for subject in subjects)
        batches = ordered_walk(
            self._client,
            pinned,
            first_seq=max(first_seq, pinned.first_seq),
            last_seq=min(last_seq, pinned.last_seq),
            subjects=[] if wanted else list(dict.fromkeys(subjects)),  # the server refuses filters that overlap
            batch=batch,
        )
        async with aclosing(rate_limited(batches, max_rate) if max_rate else batches) as walked:
            async for messages in walked:
                if wanted is None:
                    yield messages
                elif matching := [message for message in messages if message.subject in wanted]:
                    yield matching

    def can_filter(self, subjects: Sequence[str]) -> bool:
        """Whether the server can find the messages on `subjects`; if not, a walk reads all of the stream for them."""
        return len(subjects) <= MAX_FILTERS and all(map(_can_filter, subjects))

    async def count(self, subject: str) -> int:
        """How many messages are stored on `subject`, which has no wildcard, by the stream's own account. Raises as `pin`."""
        return await api.count_messages(self._client, self._stream, subject)

    async def deleted(self, pinned: StreamState) -> tuple[StreamState, Ranges]:
        """The stream's account now, and the ranges that it lists as deleted, sorted.

        Raises as `pin`, StreamRecreatedError, and WalkIncompleteError where the list is too long to be asked for.
        """
        state = await self.info()
        if state.deleted > api.MAX_DELETED_LISTED:
            raise WalkIncompleteError(
                f"stream {self._stream} lists {state.deleted} deleted sequences, more than a server can safely be asked for"
            )
        info = await api.stream_info(self._client, self._stream, deleted=True)
        state = api.stream_state(self._stream, info)
        if state.created_ns != pinned.created_ns:
            raise StreamRecreatedError(f"stream {self._stream} was deleted and created again while it was being read")
        return state, _ranges(sorted(seq for seq in info.state.deleted or () if seq > 0))  # see `stream_state`

    async def is_readable(self, seq: int) -> bool:
        """Whether the server can read the message at `seq`. Raises as `pin`."""
        return await api.is_readable(self._client, self._stream, seq)

    async def get(self, seq: int) -> StoredMessage | None:
        """The message at `seq`, its subject perhaps with U+FFFD; None if the server cannot read it. Raises as `pin`."""
        return await api.get_message(self._client, self._stream, seq=seq)

    async def last_on(self, subject: str) -> StoredMessage | None:
        """The last message on `subject`, which has no wildcard; None if the server finds none."""
        return await api.get_message(self._client, self._stream, last_by_subj=subject)

    async def first_on(self, subject: str, seq: int) -> StoredMessage | None:
        """The first message on `subject`, which has no wildcard, from `seq` on; None if the server finds none."""
        return await api.get_message(self._client, self._stream, seq=seq, next_by_subj=subject)

    async def first_from(self, seq: int) -> StoredMessage | None:
        """The first message from `seq` on, on whatever subject; None if the server finds none."""
        return await api.get_message(self._client, self._stream, seq=seq, next_by_subj=">")


def _ranges(seqs: Iterable[int]) -> Ranges:
    """Ascending sequences as ranges."""
    ranges: Ranges = []
    first = last = -1
    for seq in seqs:
        if seq != last + 1:
            if last >= 0:
                ranges.append((first, last))
            first = seq
        last = seq
    if last >= 0:
        ranges.append((first, last))
    return ranges


def _can_filter(subject: str) -> bool:
    """Whether the server finds messages by `subject`: it stores more than that, and then the stream is read whole.

    nats-server 2.15 refuses a filter with a form feed, and its index of subjects does not find one with a DEL.
    """
    return "\f" not in subject and "\x7f" not in subject and len(subject.encode()) <= MAX_FILTER_BYTES
