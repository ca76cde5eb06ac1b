"""Writes records to the quarantine stream, each exactly once.

A stream that refuses does not stop a pass. A slow one delays the next checkpoint: each request of a record is repeated for
up to `GIVE_UP_SECONDS`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from nats import errors

from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.errors import (
    AuditorError,
    ConnectionFailedError,
    PermissionDeniedError,
    QuarantineStreamError,
    StreamNotFoundError,
)
from auditor.jetstream.api import stream_info
from auditor.jetstream.connection.explain import permission_error
from auditor.jetstream.quarantine.publish_ack import stored_seq
from auditor.jetstream.quarantine.reader import read_part, read_record_at
from auditor.jetstream.quarantine.record import holds, record_parts, record_subjects
from auditor.jetstream.quarantine.stream_settings import quarantine_stream
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from auditor.config import QuarantineConfig
    from auditor.core.model.quarantine_entry import QuarantineEntry
    from auditor.jetstream.api import StreamInfoReply
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.quarantine.record import Part
    from auditor.jetstream.reading.stream_source import StreamSource

MAX_IN_FLIGHT = 256
"""Records that are sent and not yet acknowledged. A higher limit is not faster."""
MAX_BYTES_IN_FLIGHT = 8 << 20
"""Bytes of their original messages, which a slow disk or network takes well within ANSWER_TIMEOUT."""
ANSWER_TIMEOUT = 3.0
"""Seconds. If the answer comes later, the next attempt finds the record already stored."""
GIVE_UP_SECONDS = 9.0
"""Time of attempts without an answer before a round is given up. A server restarts, and a cluster elects a leader, in less."""
MIN_DELAY_SECONDS, MAX_DELAY_SECONDS = 0.1, 1.0
"""Bounds of the delay between two attempts. The delay doubles with every attempt."""

T = TypeVar("T")


class _RecordError(Exception):
    """One record cannot be stored; others may be."""


class _OccupiedError(Exception):
    """Another message is stored at a subject of a record."""


class QuarantineWriter:
    """Writes the records of one audited stream, in rounds that end with `flush`.

    Each round begins with a check that the quarantine stream exists and is safe. After a refusal, or
    `GIVE_UP_SECONDS` without an answer, the other records of the round are not sent and count as failed.
    """

    def __init__(self, client: ApiClient, config: QuarantineConfig, audited: StreamSource) -> None:
        self._client = client
        self._config = config
        self._audited = audited
        self._in_flight: set[asyncio.Task[None]] = set()
        self._bytes_in_flight = 0
        self._capacity_freed = asyncio.Event()
        self._reset_round()

    def _reset_round(self) -> None:
        self._ensured: asyncio.Task[None] | None = None
        self._refused = False
        self._stored = self._already_stored = self._failed = 0
        self._acked_seqs: set[int] = set()
        """Where the quarantine stream says that it has stored records of this round."""
        self._last_seq_before = 0
        """The last sequence of the quarantine stream when the round began."""
        self._reason: str | None = None

    async def ensure(self) -> None:
        """Create the quarantine stream if it is absent and may be created, and check its settings.

        Raises QuarantineStreamError, PermissionDeniedError, ConnectionFailedError.
        """
        await self._ensure()

    async def _ensure(self) -> StreamInfoReply:
        return await quarantine_stream(self._config).ensure(self._client, self._audited)

    async def _begin_round(self) -> None:
        self._last_seq_before = (await self._ensure()).state.last_seq

    async def submit(self, entry: QuarantineEntry) -> None:
        """Send one record. Waits while too many are in flight, unless the stream has refused in this round. Never raises."""
        while self._is_full() and not self._refused:
            self._capacity_freed.clear()
            await self._capacity_freed.wait()
        if self._refused:
            self._failed += 1
            return
        if self._ensured is None:
            self._ensured = asyncio.create_task(self._retry(self._begin_round), name="quarantine: ensure")
        self._bytes_in_flight += _size(entry)
        task = asyncio.create_task(self._store_and_count(entry, self._ensured), name="quarantine: record")
        self._in_flight.add(task)
        task.add_done_callback(self._on_done)

    async def flush(self) -> QuarantineResult:
        """Wait until no record is in flight, and return the counts since the last call. Never raises."""
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        await self._check_acked()
        result = QuarantineResult(self._stored, self._already_stored, self._failed, self._reason)
        self._reset_round()
        return result

    async def _check_acked(self) -> None:
        """Count the records of the round as failed if the stream does not hold the sequences that it has confirmed."""
        if not self._acked_seqs:
            return
        stream, first, last = self._config.stream, min(self._acked_seqs), max(self._acked_seqs)
        try:
            now = (await self._retry(lambda: stream_info(self._client, stream))).state.last_seq
        except AuditorError as error:
            reason = str(error)
        else:
            if self._last_seq_before < first and last <= now:
                return
            reason = (
                f"stream {stream} confirmed records at the sequences {first} to {last}, and its sequences of this time are"
                f" {self._last_seq_before + 1} to {now}: check which server answers"
            )
        self._failed += self._stored
        self._stored = 0
        self._reason = self._reason or reason

    def _is_full(self) -> bool:
        return len(self._in_flight) >= MAX_IN_FLIGHT or self._bytes_in_flight >= MAX_BYTES_IN_FLIGHT

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._capacity_freed.set()

    async def _store_and_count(self, entry: QuarantineEntry, ensured: asyncio.Task[None]) -> None:
        try:
            await asyncio.shield(ensured)
            if await self._store(entry):
                self._stored += 1
            else:
                self._already_stored += 1
        except AuditorError as error:
            self._refused = True
            self._fail(str(error))
        except _RecordError as error:
            self._fail(f"record {entry.key} cannot be stored: {error}")
        except Exception as error:  # noqa: BLE001 - every record must be counted
            self._fail(f"record {entry.key} was not stored: {type(error).__name__}")  # its text may hold the payload
        finally:
            self._bytes_in_flight -= _size(entry)

    def _fail(self, reason: str) -> None:
        self._failed += 1
        self._reason = self._reason or reason

    async def _store(self, entry: QuarantineEntry) -> bool:
        """Store the record of `entry`; False if it was stored before.

        If another message is stored at its key, the record is stored at another subject, and _RecordError says so: the
        record counts as stored only when it is found at its key.
        """
        key = f"{self._config.subject_prefix}.{entry.key}"
        in_the_way: str | None = None
        for number, subject in enumerate(record_subjects(key), 1):
            try:
                was_stored_now = await self._store_at(subject, number, entry)
            except _OccupiedError as error:
                in_the_way = in_the_way or str(error)
                continue
            if in_the_way is None:
                return was_stored_now
            raise _RecordError(f"{in_the_way}: delete that message; until then the record is kept at {subject}")
        raise _RecordError(f"{in_the_way}: delete that message")

    async def _store_at(self, subject: str, number: int, entry: QuarantineEntry) -> bool:
        """Store the record of `entry` at `subject`, the one with that number; False if it was stored before. Raises _OccupiedError."""
        try:
            first, *rest = record_parts(
                entry, self._config.subject_prefix, self._client.max_payload, subject_number=number
            )
        except ValueError as error:
            raise _RecordError(error) from error
        if rest and await self._is_stored_at(subject, entry):
            return False
        # The first part is sent last, so that a record with a first part is complete.
        for part in rest:
            if not await self._send(part) and await self._read(part.subject) != part.data:
                raise _OccupiedError(f"{part.subject} holds a part of another record")
        if await self._send(first):
            return True
        if not await self._is_stored_at(subject, entry):
            raise _OccupiedError(f"{subject} holds another message")
        return False

    async def _is_stored_at(self, subject: str, entry: QuarantineEntry) -> bool:
        """Return whether the record of `entry` is stored at `subject`, by its bytes."""
        record = await self._retry(lambda: read_record_at(self._client, self._config.stream, subject))
        return record is not None and holds(record, entry)

    async def _read(self, subject: str) -> bytes | None:
        stored = await self._retry(lambda: read_part(self._client, self._config.stream, subject))
        return stored.data if stored else None

    async def _send(self, part: Part) -> bool:
        return await self._retry(lambda: self._publish(part))

    async def _publish(self, part: Part) -> bool:
        stream = self._config.stream
        try:
            answer = await self._client.request(part.subject, part.data, ANSWER_TIMEOUT, headers=part.headers)
        except PermissionDeniedError:
            raise permission_error("publish", f"{self._config.subject_prefix}.>") from None
        except errors.MaxPayloadError:
            raise _RecordError(
                "the server has lowered its max_payload: the next pass stores it in more parts"
            ) from None
        except errors.NoRespondersError:
            raise await self._no_responders_error() from None
        except errors.TimeoutError:
            raise ConnectionFailedError(
                f"stream {stream} gave no answer within {ANSWER_TIMEOUT:.0f} s: check the server's health"
            ) from None
        except (errors.Error, OSError) as error:
            raise self._client.not_connected_error(error) from error
        seq = stored_seq(answer.data, stream)
        if seq in self._acked_seqs:
            raise ConnectionFailedError(f"stream {stream} confirmed two records at sequence {seq}: check its server")
        if seq:
            self._acked_seqs.add(seq)
        return seq > 0

    async def _no_responders_error(self) -> AuditorError:
        """Return why no stream takes the record."""
        stream = self._config.stream
        try:
            await stream_info(self._client, stream)
        except StreamNotFoundError:
            remedy = (
                "the next pass creates it again"
                if self._config.create
                else "run `auditor provision` as an administrator, or set quarantine.create to true"
            )
            return QuarantineStreamError(f"stream {stream} does not exist any more: {remedy}")
        except AuditorError as error:
            return error
        return ConnectionFailedError(f"stream {stream} takes no records: it has no leader at present")

    async def _retry(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat `attempt` after each ConnectionFailedError, until `GIVE_UP_SECONDS` are over or a record was refused."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GIVE_UP_SECONDS
        delay = RetryDelay(MIN_DELAY_SECONDS, MAX_DELAY_SECONDS)
        while True:
            try:
                return await attempt()
            except ConnectionFailedError:
                seconds = delay.next()
                if self._refused or loop.time() + seconds > deadline:
                    raise
            await asyncio.sleep(seconds)


def _size(entry: QuarantineEntry) -> int:
    return len(entry.message.data) + len(entry.message.headers or b"")
