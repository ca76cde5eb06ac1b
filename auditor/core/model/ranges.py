"""Operations on sets of sequences, held as ranges (first, last) with both ends included."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Ranges = list[tuple[int, int]]
"""Sorted ranges that neither overlap nor touch, as `merged` returns them."""


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Returns `ranges` sorted, without empty ones; ranges that overlap or touch are joined."""
    joined: Ranges = []
    for first, last in sorted(pair for pair in ranges if pair[0] <= pair[1]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def subtract(ranges: Sequence[tuple[int, int]], taken: Sequence[tuple[int, int]]) -> Ranges:
    """Returns the sequences of `ranges` that are not in `taken`. Both are merged."""
    remaining: Ranges = []
    at = 0
    for first, last in ranges:
        begin = first
        while at < len(taken) and taken[at][1] < begin:
            at += 1
        next_taken = at
        while next_taken < len(taken) and taken[next_taken][0] <= last:
            if begin < taken[next_taken][0]:
                remaining.append((begin, taken[next_taken][0] - 1))
            begin = taken[next_taken][1] + 1
            next_taken += 1
        if begin <= last:
            remaining.append((begin, last))
    return remaining


def intersect(ranges: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> Ranges:
    """Returns the sequences of `ranges` that are also in `others`. Both are merged."""
    return subtract(ranges, subtract(ranges, others))


def size(ranges: Iterable[tuple[int, int]]) -> int:
    """Returns the number of sequences in `ranges`."""
    return sum(last - first + 1 for first, last in ranges)


def intersects_open_interval(ranges: Sequence[tuple[int, int]], after: int, before: int) -> bool:
    """Returns whether a sequence above `after` and below `before` is in `ranges`, which are merged."""
    at = bisect_left(ranges, after + 1, key=lambda pair: pair[1])
    return at < len(ranges) and max(ranges[at][0], after + 1) < before
