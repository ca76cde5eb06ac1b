"""Counts of subjects are the same after they were saved and loaded."""

from __future__ import annotations

import msgspec

from auditor.core.model.range_account import SubjectCount


def test_a_count_is_the_same_after_it_was_saved() -> None:
    counts = {b"S.events.order.order-1": SubjectCount(7, 2, 99), b"S.\xff": SubjectCount()}
    saved = msgspec.msgpack.encode(counts)
    assert msgspec.msgpack.decode(saved, type=dict[bytes, SubjectCount]) == counts
