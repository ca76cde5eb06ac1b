"""Compares the copies of a stream: reads the chunks with unequal digests message by message, and again until what differs is certain."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auditor.core.replicas.comparison import READ_AGAIN_SECONDS, Confirmation, Confirmed, Delivered, differences
from auditor.core.replicas.digests import CHUNK_SIZE, message_digest
from auditor.errors import AuditorError, CopyAbsentError
from auditor.scan.interrupt import take_until
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.model.ranges import Ranges
    from auditor.core.replicas.blame import ComparedCopies
    from auditor.core.replicas.comparison import Difference
    from auditor.scan.ports import Source
    from auditor.scan.request import PassRequest

EXPIRY_NS = 10 * NANOSECONDS
"""Messages that expire within this time are left out: each server removes them by its own clock."""


class CopyLostError(CopyAbsentError):
    """A copy cannot be read any more. `name` is its server."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


async def confirm_differences(
    source: Source,
    info: StreamInfo,
    copies: ComparedCopies,
    ranges: Ranges,
    request: PassRequest,
    subjects: Sequence[str],
    clock: Callable[[], int],
) -> Confirmed:
    """Return what differs between the copies in `ranges`.

    `clock` returns nanoseconds since 1970. Raises CopyLostError. After an interrupt, nothing is certain.
    """
    reading = _Reading(source, info, copies, request, subjects, clock)
    confirmation = Confirmation(await reading.differences(ranges))
    for wait in READ_AGAIN_SECONDS:
        if not confirmation.ranges or request.interrupt.is_set():
            break
        await asyncio.sleep(wait)
        confirmation.add(await reading.differences(confirmation.reading_ranges))
    return Confirmed() if request.interrupt.is_set() else confirmation.result()


@dataclass(frozen=True, slots=True)
class _Reading:
    source: Source
    info: StreamInfo
    copies: ComparedCopies
    request: PassRequest
    subjects: Sequence[str]
    clock: Callable[[], int]

    async def differences(self, ranges: Ranges) -> list[Difference]:
        """Read `ranges` of all copies. Returns what differs."""
        max_age = self.info.config.get("max_age")
        kept_ns = max_age if isinstance(max_age, int) else 0
        found: list[Difference] = []
        for first, last in ranges:
            async with AsyncExitStack() as stack:
                readers = [
                    await stack.enter_async_context(aclosing(self._walk(name, first, last)))
                    for name in self.copies.names
                ]
                windows = [_Windows(name, each) for name, each in zip(self.copies.names, readers, strict=True)]
                for begin in range(first, last + 1, CHUNK_SIZE):
                    end = min(begin + CHUNK_SIZE - 1, last)
                    delivered = [await each.up_to(end) for each in windows]
                    if self.request.interrupt.is_set():
                        return []
                    expired_ns = self.clock() - kept_ns + EXPIRY_NS if kept_ns else 0
                    found += differences(delivered, self.copies.ends, expired_before_ns=expired_ns)
        return found

    def _walk(self, name: str, first: int, last: int) -> AsyncGenerator[Sequence[StoredMessage]]:
        end = self.copies.ends[self.copies.names.index(name)]
        batches = self.source.of_copy(name).read(
            replace(self.info, first_seq=min(first, self.info.first_seq)),
            first_seq=first,
            last_seq=min(last, end),
            subjects=self.subjects,
            max_rate=self.request.audit.max_rate,
        )
        return take_until(self.request.interrupt, batches)


class _Windows:
    """Cuts the messages of one copy into windows."""

    def __init__(self, name: str, batches: AsyncGenerator[Sequence[StoredMessage]]) -> None:
        self._name = name
        self._batches = batches
        self._rest: list[StoredMessage] = []
        self._ended = False

    async def up_to(self, seq: int) -> dict[int, Delivered]:
        """Return the messages up to `seq` that were not returned yet. Raises CopyLostError."""
        try:
            while not self._ended and not (self._rest and self._rest[-1].seq >= seq):
                batch = await anext(self._batches, None)
                self._ended = batch is None
                self._rest += batch or ()
        except AuditorError as error:
            raise CopyLostError(self._name, str(error)) from error
        taken = [each for each in self._rest if each.seq <= seq]
        self._rest = self._rest[len(taken) :]
        return {each.seq: Delivered(message_digest(each), each.time_ns) for each in taken}
