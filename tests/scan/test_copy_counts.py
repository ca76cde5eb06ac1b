"""The counts of a copy tell messages that it cannot deliver from those that it does not have."""

from __future__ import annotations

from auditor.core.replicas.blame import ComparedCopies
from auditor.core.replicas.comparison import Difference
from auditor.core.replicas.digests import ChunkDigester, CopyDigests
from auditor.scan.copy_counts import MAX_ASKED, CountedMessages
from tests.ports.in_memory import ReplicatedSource
from tests.scan.passes import GOOD, ORDER

LACKS = (0, None, 0)


def read(count: int) -> CopyDigests:
    digester = ChunkDigester(CopyDigests(1, 1))
    digester.add(list(ReplicatedSource(GOOD).messages.values())[:count])
    return digester.finish(count)


async def counted(stream: ReplicatedSource) -> CountedMessages:
    info = await stream.info()
    names = tuple(stream.copies)
    return CountedMessages(stream, info, ComparedCopies(names, (info.last_seq,) * 3, "n1", 3, info.last_seq))


async def test_a_copy_that_counts_more_than_it_delivered_is_named_with_the_number() -> None:
    counts = await counted(ReplicatedSource(GOOD))
    assert await counts.undelivered({"n1": read(7), "n2": read(5), "n3": read(7)}) == {"n2": 2}


async def test_messages_that_are_stored_or_deleted_after_the_reading_are_never_undelivered() -> None:
    stream = ReplicatedSource(GOOD)
    counts = await counted(stream)
    stream.append(*GOOD)
    stream.delete(2, 9)
    assert await counts.undelivered(dict.fromkeys(stream.copies, read(7))) == {}


async def test_a_copy_that_is_absent_now_is_left_out() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].absent = "no answer"
    assert await (await counted(stream)).undelivered({"n1": read(7), "n2": read(5)}) == {}


async def test_a_message_is_counted_if_the_copy_counts_as_many_on_its_subject_as_another_one() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].unreadable.add(3)
    stream.copies["n3"].delete(5)
    differences = [Difference(3, 3, LACKS), Difference(5, 5, (0, 0, None))]
    is_counted = await (await counted(stream)).ask(differences, {}, {})
    assert is_counted("n2", differences[0])
    assert not is_counted("n3", differences[1])


async def test_if_a_copy_counts_all_that_it_lacks_no_subject_is_counted() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].delete(3)  # its counts say otherwise
    difference = Difference(3, 3, LACKS)
    assert (await (await counted(stream)).ask([difference], {"n2": 1}, {}))("n2", difference)


async def test_if_a_copy_lacks_all_by_its_count_no_subject_is_counted() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].unreadable.add(3)  # its subject says otherwise
    difference = Difference(3, 3, LACKS)
    assert not (await (await counted(stream)).ask([difference], {}, {"n2": 1}))("n2", difference)


async def test_a_message_whose_subject_cannot_be_counted_is_counted_if_others_are() -> None:
    for subject in (b"S.events.order.\xff", b"S.events.order.*"):
        stream = ReplicatedSource([(subject, b"")] * 3)
        difference = Difference(2, 3, LACKS)
        counts = await counted(stream)
        assert (await counts.ask([difference], {"n2": 1}, {}))("n2", difference)
        assert not (await counts.ask([difference], {}, {}))("n2", difference)


async def test_beyond_a_number_of_differences_the_last_answer_holds() -> None:
    stream = ReplicatedSource([(ORDER, b"")] * (2 * MAX_ASKED + 10))
    differences = [Difference(seq, seq, LACKS) for seq in range(1, 2 * MAX_ASKED + 5, 2)]
    stream.copies["n2"].delete(*[each.first for each in differences])
    is_counted = await (await counted(stream)).ask(differences, {}, {})
    assert not any(is_counted("n2", each) for each in differences)
