"""Copies with equal messages have equal digests, however the messages come and wherever reading was interrupted."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.model.message import StoredMessage
from auditor.core.replicas.digests import (
    CHUNK_SIZE,
    ENTRY_SIZE,
    ChunkDigester,
    CopyDigests,
    chunk_range,
    message_bytes,
    message_digest,
)

FIRST, LAST = CHUNK_SIZE - 3, 3 * CHUNK_SIZE + 5


def message(seq: int, data: bytes = b"x", headers: bytes | None = None) -> StoredMessage:
    return StoredMessage(seq, 1_000 + seq, b"S.a", headers, data)


stored_seqs = st.sets(
    st.one_of(
        st.integers(FIRST, FIRST + 8),
        st.integers(CHUNK_SIZE, CHUNK_SIZE + 4),
        st.integers(2 * CHUNK_SIZE - 2, 2 * CHUNK_SIZE + 2),
        st.integers(3 * CHUNK_SIZE - 2, LAST),
    ),
    max_size=12,
)


def whole(seqs: set[int], last: int = LAST) -> CopyDigests:
    digester = ChunkDigester(CopyDigests(FIRST, FIRST))
    for seq in sorted(seqs):
        digester.add([message(seq)])
    return digester.finish(last)


@given(stored_seqs, st.lists(st.integers(FIRST, LAST), max_size=4), st.lists(st.integers(0, 12), max_size=3))
def test_the_digests_are_the_same_wherever_reading_was_interrupted_and_however_batches_were_cut(
    seqs: set[int], ends: list[int], cuts: list[int]
) -> None:
    position = CopyDigests(FIRST, FIRST)
    for end in [*sorted(ends), LAST]:
        digester = ChunkDigester(position.whole_chunks())
        begin = position.whole_chunks().next_seq
        coming = [message(seq) for seq in sorted(seqs) if begin <= seq <= end]
        edges = sorted({0, len(coming), *(cut for cut in cuts if cut < len(coming))})
        for first, last in pairwise(edges):
            digester.add(coming[first:last])
            kept = digester.whole_chunks
            assert kept == kept.whole_chunks()
            assert begin <= kept.next_seq <= coming[last - 1].seq
        position = digester.finish(end)
    assert position == whole(seqs)
    assert position.count == len(seqs)
    assert len(position.entries) == ENTRY_SIZE * (LAST // CHUNK_SIZE - FIRST // CHUNK_SIZE + 1)


@given(stored_seqs, stored_seqs)
def test_only_copies_with_the_same_messages_have_the_same_digests(some: set[int], others: set[int]) -> None:
    assert (whole(some) == whole(others)) is (some == others)


@pytest.mark.parametrize(
    "other",
    [
        {"seq": 2},
        {"time_ns": 1},
        {"subject": b"S.b"},
        {"data": b"y"},
        {"headers": b""},
        {"headers": b"NATS/1.0\r\n\r\n"},
        {"subject": b"S.ax", "data": b""},
    ],
)
def test_the_digest_covers_sequence_time_subject_headers_and_body(other: dict[str, object]) -> None:
    one = message(1)
    changed = msgspec.structs.replace(one, **other)
    assert message_bytes(changed) != message_bytes(one)
    assert message_digest(changed) != message_digest(one)


def test_the_chunks_have_their_numbers() -> None:
    digests = whole({FIRST, 2 * CHUNK_SIZE})
    assert [number for number, _ in digests.chunks()] == [0, 1, 2, 3]
    assert chunk_range(2) == (2 * CHUNK_SIZE, 3 * CHUNK_SIZE - 1)


def test_an_incomplete_last_chunk_is_dropped_and_a_complete_one_is_kept() -> None:
    assert whole(set(), 2 * CHUNK_SIZE + 1).whole_chunks().next_seq == 2 * CHUNK_SIZE
    assert whole(set(), 2 * CHUNK_SIZE - 1).whole_chunks() == whole(set(), 2 * CHUNK_SIZE - 1)
    assert whole(set(), FIRST).whole_chunks() == CopyDigests(FIRST, FIRST)
