"""Ranges of sequences behave as the sets of their members."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.ranges import intersect, intersects_open_interval, merged, size, subtract

pairs = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=8)


def members(ranges: list[tuple[int, int]]) -> set[int]:
    return {seq for first, last in ranges for seq in range(first, last + 1)}


@settings(deadline=None)
@given(pairs)
def test_merged_ranges_have_the_same_members_and_do_not_touch(ranges: list[tuple[int, int]]) -> None:
    joined = merged(ranges)
    assert members(joined) == members(ranges)
    assert all(one[1] + 1 < other[0] for one, other in zip(joined, joined[1:], strict=False))


@settings(deadline=None)
@given(pairs, pairs)
def test_differences_and_intersections_have_the_members_of_those_of_sets(
    ranges: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    one, other = merged(ranges), merged(others)
    assert subtract(one, other) == merged(subtract(one, other))
    assert members(subtract(one, other)) == members(one) - members(other)
    assert members(intersect(one, other)) == members(one) & members(other)
    assert size(one) == len(members(one))


@settings(deadline=None)
@given(pairs, st.integers(0, 41), st.integers(0, 41))
def test_a_member_between_two_sequences_is_found(ranges: list[tuple[int, int]], after: int, before: int) -> None:
    assert intersects_open_interval(merged(ranges), after, before) == any(
        after < seq < before for seq in members(ranges)
    )
