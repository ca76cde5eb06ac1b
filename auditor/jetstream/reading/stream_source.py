"""Reads one stream: the adapter of the port `Source` of auditor/scan/ports.py."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import structlog

from auditor.core.model.subject_filter import SubjectFilter
from auditor.errors import StreamRecreatedError, WalkIncompleteError, WrongAnswerError
from auditor.jetstream import api
from auditor.jetstream.granted import account_of
from auditor.jetstream.leader_wait import await_leader
from auditor.jetstream.reading.copy_consumers import count_copies
from auditor.jetstream.reading.get_walk import get_walk
from auditor.jetstream.reading.ordered_walk import ordered_walk
from auditor.jetstream.reading.pull_consumer import BATCH
from auditor.jetstream.reading.rate_limit import rate_limited
from auditor.jetstream.reading.single_reads import read_subject
from auditor.jetstream.reading.stream_info import stream_info_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.model.ranges import Ranges
    from auditor.core.replicas.census import CopyCount
    from auditor.jetstream.api_client import ApiClient


log = structlog.get_logger()

MAX_FILTERS = 1_000
"""Subjects that a consumer filters by at most. For more, all messages are read and filtered here."""
MAX_FILTER_BYTES = 3_500
"""A filter is part of the subject of a request, and a line of the protocol has at most 4,096 bytes by default."""


class StreamSource:
    """One stream. Its methods only read."""

    def __init__(
        self,
        client: ApiClient,
        stream: str,
        copy: str | None = None,
        read_by: Literal["auto", "consumer", "get"] = "auto",
    ) -> None:
        """`copy`: the server whose copy `read` reads; any if None. `read_by`: as in the configuration."""
        self._read_by = read_by
        self._unreadable: dict[str, list[tuple[int, int]]] = {}
        """By server: the ranges that its copy was found unable to deliver."""
        self._client = client
        self._stream = stream
        self._copy = copy

    def of_copy(self, name: str) -> StreamSource:
        """Return a source whose `read` reads the copy of this server. It raises CopyAbsentError if it cannot be read."""
        source = StreamSource(self._client, self._stream, name, self._read_by)
        source._unreadable = self._unreadable
        return source

    async def count_copies(self, names: Iterable[str], subject: str = "") -> dict[str, CopyCount | str]:
        """Count the copies of these servers as `Source.count_copies` describes it. Raises as `info`."""
        return await count_copies(self._client, self._stream, names, subject)

    @property
    def name(self) -> str:
        """The name of the stream."""
        return self._stream

    async def info(self, *, lost: bool = False) -> StreamInfo:
        """Return the current stream info. Raises StreamNotFoundError, PermissionDeniedError, ConnectionFailedError.

        With `lost`, it has the account, and what the server reports as lost. The server reports that only together with the list
        of deleted sequences, which is requested unless it is too long. The first message is requested, too: its sequence must be
        within the stream info.
        """
        prefix = self._client.api_prefix
        info = stream_info_of(self._stream, await self._await_info(), prefix)
        if not lost:
            return info
        first = await self.first_from(1)
        has_details = info.deleted <= api.MAX_DELETED_LISTED
        reply = await api.stream_info(self._client, self._stream, details=has_details)
        after = replace(stream_info_of(self._stream, reply, prefix), account=await account_of(self._client))
        # Streams only grow at their end, and lose messages at their start.
        if first is None or info.first_seq <= first.seq <= after.last_seq or after.contradiction is not None:
            return after
        text = (
            f"the server's stream info has the sequences {info.first_seq} to {after.last_seq}, and the server returns the"
            f" message at sequence {first.seq}"
        )
        return replace(after, contradiction=text)

    async def _await_info(self) -> api.StreamInfoReply:
        return await await_leader(self._client, lambda: api.stream_info(self._client, self._stream))

    async def read(
        self, pinned: StreamInfo, *, first_seq: int, last_seq: int, subjects: Sequence[str] = (), max_rate: int = 0
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        """Read a range as `Source.read` describes. A batch has up to some thousand messages."""
        # With a rate, a pull requests the messages of a tenth of a second, so that few are in flight.
        batch = min(BATCH, max_rate // 10 + 1) if max_rate else BATCH
        wanted = None if self.can_filter(subjects) else frozenset(subject.encode() for subject in subjects)
        filters = [] if wanted else list(dict.fromkeys(subjects))  # the server refuses filters that overlap
        requested = SubjectFilter(tuple(filters))
        first_seq, last_seq = max(first_seq, pinned.first_seq), min(last_seq, pinned.last_seq)
        if self._copy is None and len(filters) == 1 and not {"*", ">"}.intersection(filters[0].split(".")):
            batches = read_subject(
                self._client, pinned, filters[0], first_seq=first_seq, last_seq=last_seq, batch=batch
            )
        else:
            batches = ordered_walk(
                self._client,
                pinned,
                first_seq=first_seq,
                last_seq=last_seq,
                subjects=filters,
                batch=batch,
                copy=self._copy,
                unreadable=self._unreadable.setdefault(self._copy, []) if self._copy else None,
            )
        batches = self._or_get(batches, pinned, first_seq, last_seq, filters)
        async with aclosing(rate_limited(batches, max_rate) if max_rate else batches) as walked:
            async for messages in walked:
                if wanted is None:
                    if filters:
                        self._check_subjects(messages, requested)
                    yield messages
                elif matching := [message for message in messages if message.subject in wanted]:
                    yield matching

    async def _or_get(
        self,
        batches: AsyncGenerator[Sequence[StoredMessage]],
        pinned: StreamInfo,
        first_seq: int,
        last_seq: int,
        filters: Sequence[str],
    ) -> AsyncGenerator[Sequence[StoredMessage]]:
        """Yield `batches`; or read by single requests, if no consumer may be created or if the configuration says so."""
        async with aclosing(batches) as walked:
            try:
                if self._read_by != "get":
                    async for messages in walked:
                        first_seq = messages[-1].seq + 1
                        yield messages
                    return
            except api.ConsumerLimitError as error:
                if self._read_by == "consumer" or self._copy is not None:
                    raise
                log.warning(
                    "no consumer may be created: reading by single requests, slowly",
                    stream=self._stream,
                    reason=str(error),
                )
                self._read_by = "get"
        walk = get_walk(self._client, pinned, first_seq=first_seq, last_seq=last_seq, subjects=filters)
        async with aclosing(walk) as found:
            async for messages in found:
                yield messages

    def _check_subjects(self, messages: Sequence[StoredMessage], requested: SubjectFilter) -> None:
        """Raise WrongAnswerError if a message is on a subject that was not requested."""
        for message in messages:
            if not requested.matches(message.subject):
                raise WrongAnswerError(
                    f"the server delivered the message at sequence {message.seq} of stream {self._stream}, whose subject was"
                    " not requested: check which server answers"
                )

    def can_filter(self, subjects: Sequence[str]) -> bool:
        """Return whether the server can filter by `subjects`; if not, `read` reads all messages and filters them."""
        return len(subjects) <= MAX_FILTERS and all(map(_can_filter, subjects))

    async def count(self, subject: str) -> int:
        """Return how many messages the server counts on `subject`, which has no wildcard. Raises as `info`."""
        return await api.count_messages(self._client, self._stream, subject)

    async def subjects(self, subjects: str) -> list[str]:
        """Return the subjects with messages that match `subjects`, up to 100,000. Raises as `info`."""
        return list(await api.count_subjects(self._client, self._stream, subjects))

    async def deleted(self, pinned: StreamInfo) -> tuple[StreamInfo, Ranges]:
        """Return the current stream info and the ranges that the server lists as deleted, sorted.

        Raises as `info`, StreamRecreatedError, WrongAnswerError if the answer contradicts itself, and WalkIncompleteError if the
        list is too long to be requested.
        """
        state = await self.info()
        if state.deleted > api.MAX_DELETED_LISTED:
            raise WalkIncompleteError(
                f"stream {self._stream} has {state.deleted} deleted sequences, and a server can list {api.MAX_DELETED_LISTED}"
            )
        info = await api.stream_info(self._client, self._stream, details=True)
        state = stream_info_of(self._stream, info)
        if state.created_ns != pinned.created_ns:
            raise StreamRecreatedError(
                f"stream {self._stream} was deleted and created again during this pass: start a new pass"
            )
        if state.contradiction is not None:
            raise WrongAnswerError(state.contradiction)
        return state, _ranges(sorted(seq for seq in info.state.deleted or () if seq >= state.first_seq))

    async def is_readable(self, seq: int) -> bool:
        """Return whether the server can read the message at `seq`. Raises as `info`."""
        return await api.is_readable(self._client, self._stream, seq)

    async def get(self, seq: int) -> StoredMessage | None:
        """Return the message at `seq`; None if the server cannot read it. Its subject may have U+FFFD. Raises as `info`."""
        return await api.get_message(self._client, self._stream, seq=seq)

    async def last_on(self, subject: str) -> StoredMessage | None:
        """Return the last message on `subject`, which has no wildcard; None if there is none. Raises as `info`."""
        return await api.get_message(self._client, self._stream, last_by_subj=subject)

    async def first_on(self, subject: str, seq: int) -> StoredMessage | None:
        """Return the first message from `seq` on, on `subject`, which has no wildcard; None if there is none."""
        return await api.get_message(self._client, self._stream, seq=seq, next_by_subj=subject)

    async def first_from(self, seq: int) -> StoredMessage | None:
        """Return the first message from `seq` on, on any subject; None if there is none."""
        return await api.get_message(self._client, self._stream, seq=seq, next_by_subj=">")


def _ranges(seqs: Iterable[int]) -> Ranges:
    """Return ascending sequences as ranges."""
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
    """Return whether the server can filter by `subject`.

    nats-server 2.15 stores messages on subjects with a form feed, but refuses such a filter. It does not find messages by a
    filter with a DEL.
    """
    return "\f" not in subject and "\x7f" not in subject and len(subject.encode()) <= MAX_FILTER_BYTES
