"""One copy is read up to its end, in a bounded time, and reading goes on where it was interrupted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

import auditor.core.replicas.digests
import auditor.scan.copy_digests
from auditor.core.replicas.digests import ChunkDigester, CopyDigests
from auditor.errors import CopyAbsentError
from auditor.scan.copy_digests import CopyRange, read_copy
from tests.ports.in_memory import ReplicatedSource
from tests.scan.passes import GOOD, a_pass

if TYPE_CHECKING:
    from auditor.scan.request import PassRequest

START = CopyDigests(1, 1)


@pytest.fixture(autouse=True)
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.core.replicas.digests, "CHUNK_SIZE", 4)


async def read(
    stream: ReplicatedSource,
    before: CopyDigests = START,
    *,
    last: int = 14,
    ends_after: int = 0,
    request: PassRequest | None = None,
) -> CopyDigests:
    batches = []

    async def on_batch(digester: ChunkDigester, messages: int) -> bool:
        batches.append(messages)
        return len(batches) == ends_after

    request = request or a_pass(stream).request
    return await read_copy(stream, await stream.info(), CopyRange("n2", before, last), request, (), on_batch)


async def test_copies_with_the_same_messages_have_the_same_digests() -> None:
    stream, same = ReplicatedSource([*GOOD, *GOOD]), ReplicatedSource([*GOOD, *GOOD])
    whole = await read(stream)
    assert (whole.next_seq, whole.count) == (15, 14)
    assert whole == await read(same)
    same.copies["n2"].swap(7, b"other")
    assert whole != await read(same)


async def test_reading_goes_on_after_the_last_whole_chunk() -> None:
    stream = ReplicatedSource([*GOOD, *GOOD])
    position = await read(stream, ends_after=3)
    assert position.next_seq == 8
    again = await read(stream, position)
    assert again == await read(stream)
    reads = stream.copies["n2"].reads
    assert await read(stream, again) == again
    assert stream.copies["n2"].reads == reads


async def test_a_copy_that_was_read_to_an_earlier_end_is_read_on() -> None:
    stream = ReplicatedSource([*GOOD, *GOOD])
    assert await read(stream, await read(stream, last=10)) == await read(stream)


async def test_a_copy_that_takes_too_long_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.copy_digests, "COPY_SECONDS", -1.0)
    with pytest.raises(CopyAbsentError, match=r"it was not read to its end within -1 s"):
        await read(ReplicatedSource(GOOD), last=7)


async def test_an_interrupt_ends_the_reading_with_the_whole_chunks() -> None:
    stream = ReplicatedSource([*GOOD, *GOOD])
    one = a_pass(stream)
    stream.copies["n2"].on_batch = lambda: len(calls.append(1) or calls) == 3 and one.interrupt.set()
    calls: list[int] = []
    digests = await read(stream, request=one.request)
    assert digests.next_seq < 15
    assert digests == digests.whole_chunks()
    assert asyncio.current_task() is not None
