"""Only what differs between copies in each reading, and in the same way in the last two, is certain."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.replicas.comparison import Confirmation, Delivered, Difference, differences, differing_chunks
from auditor.core.replicas.digests import CHUNK_SIZE, ChunkDigester, CopyDigests
from tests.core.stories import message

ENDS = (40, 40, 40)
LACKS_2, LACKS_3, UNEQUAL = (0, None, 0), (0, 0, None), (0, 0, 1)


def copy(*seqs: int, body: bytes = b"") -> dict[int, Delivered]:
    return {seq: Delivered(b"%d" % seq + body, seq) for seq in seqs}


def digests(seqs: list[int], last: int, first: int = 1) -> CopyDigests:
    digester = ChunkDigester(CopyDigests(first, first))
    digester.add([message(seq, "S.a", b"") for seq in seqs])
    return digester.finish(last)


def test_chunks_with_unequal_digests_differ() -> None:
    last = 2 * CHUNK_SIZE + 10
    copies = {"n1": digests([5, CHUNK_SIZE + 1, last], last), "n2": digests([5, last], last)}
    assert differing_chunks(copies, 1) == [(CHUNK_SIZE, 2 * CHUNK_SIZE - 1)]
    assert differing_chunks(copies, CHUNK_SIZE + 7) == [(CHUNK_SIZE + 7, 2 * CHUNK_SIZE - 1)]
    assert differing_chunks(copies, 2 * CHUNK_SIZE) == []
    assert differing_chunks({}, 1) == []


def test_a_copy_that_ends_inside_a_chunk_is_compared_only_up_to_that_chunk() -> None:
    last = 2 * CHUNK_SIZE
    copies = {"n1": digests([5, CHUNK_SIZE + 1, last], last), "n2": digests([5], CHUNK_SIZE + 9)}
    assert differing_chunks(copies, 1) == []
    assert differing_chunks(copies | {"n2": digests([], CHUNK_SIZE + 9)}, 1) == [(1, CHUNK_SIZE - 1)]


def test_differences_name_the_copies_with_the_same_message_by_the_same_number() -> None:
    found = differences([copy(1, 2, 3, 4), copy(1, 4), copy(1, 2, 3) | copy(4, body=b"!")], ENDS)
    assert found == [Difference(2, 3, LACKS_2), Difference(4, 4, UNEQUAL)]


def test_a_difference_needs_two_copies_that_reach_it() -> None:
    copies = [copy(1, 2, 3), copy(1), copy(1)]
    assert differences(copies, (3, 1, 1)) == []
    assert differences(copies, (3, 2, 1)) == [Difference(2, 2, (0, None, None))]


def test_messages_that_expire_now_are_left_out() -> None:
    assert differences([copy(1, 2, 3), copy(3), copy(3)], ENDS, expired_before_ns=2) == [
        Difference(2, 2, (0, None, None))
    ]


def confirmed(*readings: list[Difference]) -> tuple[list[Difference], list[tuple[int, int]]]:
    confirmation = Confirmation(readings[0])
    for reading in readings[1:]:
        confirmation.add(reading)
    result = confirmation.result()
    return list(result.differences), list(result.changing)


def test_what_differs_in_the_same_way_each_time_is_certain() -> None:
    reading = [Difference(2, 9, LACKS_2), Difference(12, 12, LACKS_3)]
    assert confirmed(reading, reading) == (reading, [])


def test_what_ends_is_no_difference() -> None:
    assert confirmed([Difference(2, 9, LACKS_2)], [Difference(4, 5, LACKS_2)], []) == ([], [])
    assert confirmed([Difference(2, 9, LACKS_2)], [], [Difference(4, 5, LACKS_2)]) == ([], [])


def test_what_differs_in_another_way_each_time_keeps_changing() -> None:
    assert confirmed([Difference(2, 9, LACKS_2)], [Difference(2, 4, LACKS_3), Difference(5, 9, LACKS_2)]) == (
        [Difference(5, 9, LACKS_2)],
        [(2, 4)],
    )


def test_unequal_bytes_are_certain_after_one_reading() -> None:
    assert confirmed([Difference(2, 2, UNEQUAL)], []) == ([Difference(2, 2, UNEQUAL)], [])


def test_ranges_near_each_other_are_read_again_together() -> None:
    confirmation = Confirmation(
        [Difference(2, 3, LACKS_2), Difference(90, 90, LACKS_2), Difference(9_000, 9_001, LACKS_2)]
    )
    assert confirmation.ranges == [(2, 3), (90, 90), (9_000, 9_001)]
    assert confirmation.reading_ranges == [(2, 90), (9_000, 9_001)]


seqs = st.sets(st.integers(1, 40))


@settings(deadline=None)
@given(st.lists(st.tuples(seqs, seqs, seqs), min_size=2, max_size=5))
def test_the_result_is_what_each_sequence_alone_would_give(readings: list[tuple[set[int], set[int], set[int]]]) -> None:
    found = [differences([copy(*each) for each in reading], ENDS) for reading in readings]
    certain, changing = confirmed(*found)

    def at(reading: list[Difference], seq: int) -> object:
        return next((each.pattern for each in reading if each.first <= seq <= each.last), None)

    for seq in range(1, 41):
        patterns = [at(each, seq) for each in found]
        expected = patterns[-1] if all(patterns) and patterns[-1] == patterns[-2] else None
        assert at(certain, seq) == expected
        is_changing = bool(all(patterns)) and expected is None
        assert any(first <= seq <= last for first, last in changing) is is_changing
