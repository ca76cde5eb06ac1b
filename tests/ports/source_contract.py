"""The contract of `Source`: the same tests for the one in memory and the one over a real stream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from auditor.errors import StreamNotFoundError, StreamRecreatedError, WalkIncompleteError

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.scan.ports import Source

A, B, C = "S.events.order.a", "S.events.order.b", "S.events.order.c"


class Laboratory(Protocol):
    """Changes stream `S`, which stores all subjects that begin with its name."""

    async def store(self, *subjects: str) -> None:
        """Store a message on each of these subjects; its body is its sequence."""

    async def delete(self, *seqs: int) -> None:
        """Delete the messages with these sequences."""

    async def purge(self, up_to: int) -> None:
        """Remove all messages up to this sequence."""

    async def remove(self) -> None:
        """Delete the stream."""

    async def recreate(self) -> None:
        """Delete the stream and create it again, empty."""


async def walked(
    source: Source, info: StreamInfo, *, first_seq: int = 1, last_seq: int | None = None, **options: Any
) -> list[StoredMessage]:
    last_seq = info.last_seq if last_seq is None else last_seq
    batches = source.read(info, first_seq=first_seq, last_seq=last_seq, **options)
    return [message async for batch in batches for message in batch]


async def seqs(source: Source, info: StreamInfo, **options: Any) -> list[int]:
    return [message.seq for message in await walked(source, info, **options)]


class SourceContract:
    """Subclasses give the fixtures `source` and `laboratory`; the stream exists and is empty."""

    # Stream info

    async def test_a_stream_that_never_held_a_message_ends_at_0(self, source: Source) -> None:
        info = await source.info()
        assert (info.first_seq, info.last_seq, info.messages, info.deleted) == (1, 0, 0, 0)
        assert await walked(source, info) == []
        assert await source.deleted(info) == (info, [])
        assert (await source.get(1), await source.is_readable(1), await source.count(A)) == (None, False, 0)
        assert (await source.last_on(A), await source.first_on(A, 1)) == (None, None)

    async def test_a_stream_that_was_emptied_begins_after_its_end(self, source: Source, laboratory: Laboratory) -> None:
        await laboratory.store(A, B, A)
        await laboratory.purge(3)
        info = await source.info()
        assert (info.first_seq, info.last_seq, info.messages, info.deleted) == (4, 3, 0, 0)
        assert await walked(source, info) == []
        assert await source.deleted(info) == (info, [])
        assert (await source.last_on(A), await source.first_on(A, 1), await source.count(A)) == (None, None, 0)

    async def test_a_stream_begins_at_its_first_message_and_lists_the_deleted_ranges_after_it(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(*[A] * 10)
        info = await source.info()
        await laboratory.delete(1, 2, 4, 5, 7)
        now, ranges = await source.deleted(info)
        assert now == await source.info()
        assert (now.first_seq, now.last_seq, now.messages, now.deleted) == (3, 10, 5, 3)
        assert ranges == [(4, 5), (7, 7)]

    async def test_the_end_stays_where_it_was_when_the_last_message_is_deleted(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A, A, A)
        await laboratory.delete(3)
        info = await source.info()
        assert (info.first_seq, info.last_seq, info.messages, info.deleted) == (1, 3, 2, 1)
        assert await source.deleted(info) == (info, [(3, 3)])

    async def test_a_stream_that_was_created_again_has_another_creation_time(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        before = await source.info()
        await laboratory.recreate()
        assert (await source.info()).created_ns > before.created_ns

    async def test_the_deleted_ranges_of_a_stream_that_was_created_again_are_refused(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        info = await source.info()
        await laboratory.recreate()
        with pytest.raises(StreamRecreatedError):
            await source.deleted(info)

    async def test_after_the_stream_is_deleted_every_method_raises_stream_not_found(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A)
        info = await source.info()
        await laboratory.remove()
        for call in (
            source.info(),
            walked(source, info),
            source.deleted(info),
            source.count(A),
            source.is_readable(1),
            source.get(1),
            source.last_on(A),
            source.first_on(A, 1),
        ):
            with pytest.raises(StreamNotFoundError):
                await call

    # The walk

    async def test_a_walk_gives_every_message_once_in_stream_order(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(*[A, B, C] * 20)
        got = await walked(source, await source.info())
        assert [(each.seq, each.subject.decode(), each.data) for each in got] == [
            (seq, (A, B, C)[(seq - 1) % 3], b"%d" % seq) for seq in range(1, 61)
        ]
        assert [each.time_ns for each in got] == sorted(each.time_ns for each in got)

    async def test_a_walk_gives_the_messages_from_its_first_to_its_last_sequence(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(*[A] * 10)
        info = await source.info()
        assert await seqs(source, info, first_seq=3, last_seq=7) == [3, 4, 5, 6, 7]
        assert await seqs(source, info, first_seq=10, last_seq=10) == [10]
        assert await seqs(source, info, first_seq=7, last_seq=6) == []

    async def test_a_walk_reads_only_up_to_the_pinned_end(self, source: Source, laboratory: Laboratory) -> None:
        await laboratory.store(*[A] * 6)
        await laboratory.purge(2)
        info = await source.info()
        await laboratory.store(A, A)
        assert await seqs(source, info, first_seq=1, last_seq=100) == [3, 4, 5, 6]
        assert await seqs(source, info, first_seq=7, last_seq=8) == []
        assert await seqs(source, replace(info, first_seq=5), first_seq=1) == [5, 6]

    async def test_a_walk_skips_messages_that_were_deleted_or_purged_after_the_info(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(*[A] * 10)
        info = await source.info()
        await laboratory.purge(3)
        await laboratory.delete(5, 6, 10)
        assert await seqs(source, info) == [4, 7, 8, 9]
        await laboratory.purge(10)
        assert await seqs(source, info) == []

    async def test_a_walk_can_be_limited_to_subjects(self, source: Source, laboratory: Laboratory) -> None:
        await laboratory.store(A, B, C, A, B, C)
        info = await source.info()
        assert await seqs(source, info, subjects=[A]) == [1, 4]
        assert await seqs(source, info, subjects=[C, A, C]) == [1, 3, 4, 6]
        assert await seqs(source, info, subjects=[A, B], first_seq=2, last_seq=4) == [2, 4]
        assert await seqs(source, info, subjects=["S.events.order"]) == []

    async def test_a_walk_finds_subjects_that_the_server_does_not(self, source: Source, laboratory: Laboratory) -> None:
        odd = ["S.events.order.\x7f", "S.events.order.\f"]
        await laboratory.store(A, odd[0], B, odd[1])
        info = await source.info()
        assert source.can_filter([A, B])
        for subject in odd:
            assert not source.can_filter([A, subject])
        assert await seqs(source, info, subjects=[A, *odd]) == [1, 2, 4]
        assert not source.can_filter(["S." + "x" * 3_500])
        assert not source.can_filter([f"S.{number}" for number in range(1_001)])

    async def test_a_walk_with_a_rate_gives_the_same(self, source: Source, laboratory: Laboratory) -> None:
        await laboratory.store(*[A, B] * 10)
        assert await seqs(source, await source.info(), subjects=[B], max_rate=1_000) == [*range(2, 21, 2)]

    async def test_a_walk_of_a_stream_that_was_created_again_raises_at_once(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A, A)
        info = await source.info()
        await laboratory.recreate()
        await laboratory.store(B, B, B)
        with pytest.raises(StreamRecreatedError):
            await anext(source.read(info, first_seq=1, last_seq=2))

    async def test_a_walk_of_a_stream_that_ends_before_the_pinned_end_raises(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A, A)
        info = replace(await source.info(), last_seq=3)
        with pytest.raises(WalkIncompleteError, match="now ends at sequence 2, before 3"):
            await walked(source, info, last_seq=1)

    # Single messages

    async def test_a_message_is_read_by_its_sequence_until_it_is_deleted(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A, B, C)
        await laboratory.delete(2)
        assert [await source.is_readable(seq) for seq in (1, 2, 3, 4)] == [True, False, True, False]
        got = [await source.get(seq) for seq in (1, 2, 3, 4)]
        assert [each and (each.seq, each.subject, each.data) for each in got] == [
            (1, A.encode(), b"1"),
            None,
            (3, C.encode(), b"3"),
            None,
        ]
        assert [got[0], got[2]] == await walked(source, await source.info())

    async def test_the_last_message_on_a_subject_is_the_last_that_is_stored(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A, B, A, A, B)
        assert await source.last_on(A) == await source.get(4)
        await laboratory.delete(4)
        assert await source.last_on(A) == await source.get(3)
        await laboratory.purge(3)
        assert (await source.last_on(A), await source.last_on(B)) == (None, await source.get(5))

    async def test_the_first_message_on_a_subject_is_the_first_from_a_sequence_on(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A, B, A, B, A)
        await laboratory.delete(3)
        first = await source.get(1)
        assert [await source.first_on(A, seq) for seq in (1, 2, 3, 5, 6)] == [
            first,
            *[await source.get(5)] * 3,
            None,
        ]
        await laboratory.purge(1)
        assert await source.first_on(A, 1) == await source.get(5)
        assert await source.first_on(C, 1) is None

    async def test_the_messages_on_a_subject_are_counted(self, source: Source, laboratory: Laboratory) -> None:
        await laboratory.store(A, B, A, A)
        assert [await source.count(subject) for subject in (A, B, C)] == [3, 1, 0]
        await laboratory.delete(3)
        await laboratory.purge(1)
        assert [await source.count(subject) for subject in (A, B, C)] == [1, 1, 0]

    async def test_the_subjects_with_messages_are_listed_by_a_filter(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        await laboratory.store(A, B, A)
        assert set(await source.subjects(">")) == {A, B}
        assert list(await source.subjects(B)) == [B]
        assert list(await source.subjects(C)) == []

    async def test_a_stream_that_has_lost_nothing_reports_no_loss_and_no_contradiction(
        self, source: Source, laboratory: Laboratory
    ) -> None:
        for lost in (False, True):
            info = await source.info(lost=lost)
            assert (info.lost.ranges, info.lost.bytes, info.contradiction) == ((), 0, None)
        await laboratory.store(A, B, A)
        await laboratory.delete(2)
        await laboratory.purge(1)
        for lost in (False, True):
            info = await source.info(lost=lost)
            assert (info.first_seq, info.lost.ranges, info.contradiction) == (3, (), None)
        await laboratory.purge(3)
        assert (await source.info(lost=True)).contradiction is None
