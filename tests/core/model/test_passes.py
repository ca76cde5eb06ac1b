from __future__ import annotations

import pytest

from auditor.core.model.passes import Progress, SeqRange


@pytest.mark.parametrize(
    ("first", "last", "seq", "ratio"), [(1, 0, 0, 1.0), (1, 10, 0, 0.0), (11, 20, 15, 0.5), (1, 10, 10, 1.0)]
)
def test_progress_is_the_part_of_the_range_that_was_read(first: int, last: int, seq: int, ratio: float) -> None:
    assert Progress(first_seq=first, last_seq=last, seq=seq).ratio == ratio


def test_a_range_includes_both_its_ends() -> None:
    assert SeqRange(3, 5) == SeqRange(first_seq=3, last_seq=5)
