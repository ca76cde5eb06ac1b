"""The copies of a stream are read and compared, and what is known of each is what its own reading gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import auditor.core.replicas.digests
import auditor.scan.copy_comparison
from auditor.core.model.findings import Kind
from auditor.core.replicas.blame import UNCOUNTED, Accusation
from auditor.core.replicas.census import Census, CopyBehind
from auditor.core.replicas.digests import CopyDigests
from auditor.core.state.checkpoint import Checkpoint
from auditor.scan.census import take_census
from auditor.scan.copies import CopiesResult, compare_copies
from tests.ports.in_memory import ReplicatedSource
from tests.scan.passes import GOOD, OnePass, a_pass

if TYPE_CHECKING:
    from collections.abc import Callable

UNREADABLE, MISSING = Kind.REPLICA_UNREADABLE, Kind.REPLICA_MISSING
NAMES = {"n1", "n2", "n3"}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.copy_comparison, "READ_AGAIN_SECONDS", (0.0, 0.0, 0.0, 0.0))


def new_checkpoint() -> Checkpoint:
    return Checkpoint(stream="S", created_ns=7_000_000_000, subjects=("S.>",), judged_copy="n1")


async def compared(
    stream: ReplicatedSource,
    *,
    checkpoint: Checkpoint | None = None,
    yields_after: int = 0,
    one: OnePass | None = None,
    census: Census | None = None,
) -> CopiesResult:
    saves = []

    async def save(messages: int, keep: Callable[[], bool]) -> bool:
        saves.append(messages)
        return keep() and len(saves) >= yields_after > 0

    one, info = one or a_pass(stream), await stream.info()
    return await compare_copies(
        one.request,
        one.ports,
        info,
        census or await take_census(stream, info),
        checkpoint or new_checkpoint(),
        save,
        {},
        subjects=(),
    )


async def test_equal_copies_are_whole_and_none_is_accused() -> None:
    stream = ReplicatedSource(GOOD)
    assert await compared(stream) == CopiesResult(frozenset(NAMES))
    assert {copy.reads for copy in stream.copies.values()} == {1}


async def test_a_damaged_copy_is_accused_with_the_sequences() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].unreadable.update({3, 4})
    stream.copies["n3"].delete(6)
    result = await compared(stream)
    found = {(each.replica, each.kind, each.first, each.last) for each in result.accusations}
    assert found == {("n2", UNREADABLE, 3, 4), ("n3", MISSING, 6, 6)}
    assert (result.whole, result.damaged, result.undelivered) == (frozenset(NAMES), {"n2", "n3"}, {"n2": 2})
    assert result.with_undelivered(0, 1, 7) == result.accusations


async def test_what_no_copy_delivers_and_a_copy_counts_is_found_by_its_count() -> None:
    stream = ReplicatedSource(GOOD)
    for copy in stream.copies.values():
        copy.unreadable.add(5)
    result = await compared(stream)
    assert (result.accusations, result.undelivered) == ((), dict.fromkeys(NAMES, 1))
    assert result.with_undelivered(1, 1, 7) == ()
    (one, *_) = result.with_undelivered(0, 1, 7)
    assert one == Accusation("n1", UNREADABLE, is_undecided=False, first=1, last=7, text=UNCOUNTED, count=1)


async def test_a_copy_that_cannot_be_read_is_left_out() -> None:
    stream = ReplicatedSource(GOOD)
    census = await take_census(stream, await stream.info())
    stream.copies["n2"].absent = "no answer"
    result = await compared(stream, census=census)
    assert (result.whole, result.failed) == (frozenset({"n1", "n3"}), {"n2": "no answer"})


async def test_a_copy_that_is_lost_during_the_comparison_is_left_out() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n3"].delete(6)
    batches: list[int] = []

    def lose() -> None:
        batches.append(1)
        if len(batches) == 4:
            stream.copies["n2"].absent = "no answer"

    stream.copies["n2"].on_batch = lose
    result = await compared(stream)
    assert (result.whole, result.failed) == (frozenset({"n1", "n3"}), {"n2": "no answer"})
    assert [(each.replica, each.kind) for each in result.accusations] == [("n3", MISSING)]


async def test_a_copy_that_has_lost_its_end_lacks_it() -> None:
    stream = ReplicatedSource(GOOD)
    census = await take_census(stream, await stream.info())
    stream.copies["n2"].roll_back(5)
    counted = await stream.count_copies(["n2"])
    census = Census({**census.copies, **counted}, behind={"n2": CopyBehind(5, False, True, 0)})
    result = await compared(stream, census=census)
    found = [(each.replica, each.kind, each.first, each.last) for each in result.accusations]
    assert found == [("n2", MISSING, 6, 7)]
    assert result.whole == NAMES


async def test_a_comparison_that_yields_goes_on_with_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.core.replicas.digests, "CHUNK_SIZE", 4)
    stream, checkpoint = ReplicatedSource([*GOOD, *GOOD]), new_checkpoint()
    stream.copies["n3"].delete(6)
    first = await compared(stream, checkpoint=checkpoint, yields_after=7)
    assert first.has_yielded
    assert {name: each.next_seq for name, each in checkpoint.copies.items()} == {"n1": 15, "n2": 4}
    second = await compared(stream, checkpoint=checkpoint)
    assert second == await compared(stream)
    assert [(each.replica, each.kind, each.first) for each in second.accusations] == [("n3", MISSING, 6)]


async def test_what_was_removed_from_the_start_since_is_not_compared() -> None:
    stream, checkpoint = ReplicatedSource(GOOD), new_checkpoint()
    await compared(stream, checkpoint=checkpoint)
    stream.purge(4)
    for copy in stream.copies.values():
        copy.purge(4)
    checkpoint.copies["n3"] = CopyDigests(1, 1)
    assert await compared(stream, checkpoint=checkpoint) == CopiesResult(frozenset(NAMES))


async def test_after_an_interrupt_no_copy_is_whole() -> None:
    stream = ReplicatedSource(GOOD)
    one = a_pass(stream)
    one.interrupt.set()
    assert (await compared(stream, one=one)).whole == frozenset()
