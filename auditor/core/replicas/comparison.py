"""Finds where copies differ: the chunks with unequal digests, then the sequences in them that differ in every reading.

A message that is deleted or expires is removed from one copy a moment before another. So what differs is read again, and only
what differs each time, and in the same way in the last two readings, is certain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from auditor.core.model.ranges import merged, subtract
from auditor.core.replicas.digests import CHUNK_SIZE, chunk_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.ranges import Ranges
    from auditor.core.replicas.digests import CopyDigests

Pattern = tuple[int | None, ...]
"""What the copies deliver at one sequence, in the order of their names: copies with the same message have the same number, from 0 on;
None for a copy that delivers none."""

READ_AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0)
"""The waits before each further reading of what differs."""


def differing_chunks(copies: Mapping[str, CopyDigests], first_seq: int) -> Ranges:
    """Returns the ranges in which copies that were read to the end of a chunk have unequal digests.

    Sequences before `first_seq` are left out. All copies were read from the same first sequence on.
    """
    last_seq = max((each.next_seq for each in copies.values()), default=0) - 1
    entries: dict[int, set[bytes]] = {}
    for digests in copies.values():
        for number, entry in digests.chunks():
            if digests.next_seq > min(chunk_range(number)[1], last_seq):
                entries.setdefault(number, set()).add(entry)
    ranges = (chunk_range(number) for number, each in entries.items() if len(each) > 1)
    return merged((max(first, first_seq), min(last, last_seq)) for first, last in ranges)


class Difference(NamedTuple):
    """Sequences at which the copies differ in the same way."""

    first: int
    last: int
    pattern: Pattern


class Delivered(NamedTuple):
    """What a copy delivers at one sequence."""

    digest: bytes
    time_ns: int


def differences(
    copies: Sequence[Mapping[int, Delivered]], ends: Sequence[int], *, expired_before_ns: int = 0
) -> list[Difference]:
    """Returns the sequences at which the copies differ, in stream order.

    `copies`: what each delivers, by sequence. `ends`: the last sequence of each copy; a difference needs two copies that reach the
    sequence. `expired_before_ns`: messages stored before that time are left out, because each server removes them by its own clock.
    """
    found: list[Difference] = []
    for seq in sorted(set[int]().union(*copies)):
        messages = [copy.get(seq) for copy in copies]
        groups: dict[bytes, int] = {}
        pattern = tuple(None if each is None else groups.setdefault(each.digest, len(groups)) for each in messages)
        reaching = {group for group, end in zip(pattern, ends, strict=True) if end >= seq}
        if len(reaching) < 2 or any(each and each.time_ns < expired_before_ns for each in messages):
            continue
        last = found[-1] if found else None
        if last is not None and (last.last, last.pattern) == (seq - 1, pattern):
            found[-1] = Difference(last.first, seq, pattern)
        else:
            found.append(Difference(seq, seq, pattern))
    return found


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The result of several readings."""

    differences: tuple[Difference, ...] = ()
    """What is certain."""
    changing: Ranges = field(default_factory=list)
    """What differed in every reading, and not in the same way in the last two."""


class Confirmation:
    """Keeps what has differed in every reading so far."""

    def __init__(self, reading: Sequence[Difference]) -> None:
        self._before: list[Difference] = []
        self._now = list(reading)
        self._unequal = _with_unequal_bytes(reading)
        """Stored bytes never change, so these are certain after one reading."""

    def add(self, reading: Sequence[Difference]) -> None:
        """Add another reading, of at least `ranges`."""
        self._before, self._now = self._now, _overlaps(reading, self._now)
        self._unequal = _union(self._unequal, _with_unequal_bytes(reading))

    @property
    def ranges(self) -> Ranges:
        """What has differed in every reading so far."""
        return merged((each.first, each.last) for each in self._now)

    @property
    def reading_ranges(self) -> Ranges:
        """As `ranges`, joined where they are near each other, so that one consumer reads them."""
        joined: Ranges = []
        for first, last in self.ranges:
            if joined and first - joined[-1][1] <= CHUNK_SIZE:
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        return joined

    def result(self) -> Confirmed:
        """Returns what is certain after the last reading."""
        same = [
            Difference(max(one.first, two.first), min(one.last, two.last), two.pattern)
            for one, two in _pairs(self._before, self._now)
            if one.pattern == two.pattern
        ]
        certain = _union(self._unequal, same)
        known = merged((each.first, each.last) for each in certain)
        return Confirmed(tuple(certain), subtract(self.ranges, known))


def _with_unequal_bytes(reading: Sequence[Difference]) -> list[Difference]:
    return [each for each in reading if any(each.pattern)]


def _pairs(some: Sequence[Difference], others: Sequence[Difference]) -> list[tuple[Difference, Difference]]:
    """Returns the pairs that overlap; both are in stream order."""
    found, at = [], 0
    for each in others:
        while at < len(some) and some[at].last < each.first:
            at += 1
        near = at
        while near < len(some) and some[near].first <= each.last:
            found.append((some[near], each))
            near += 1
    return found


def _overlaps(reading: Sequence[Difference], before: Sequence[Difference]) -> list[Difference]:
    """Returns the parts of `reading` at sequences that are in `before`."""
    return [
        Difference(max(one.first, two.first), min(one.last, two.last), two.pattern)
        for one, two in _pairs(before, reading)
    ]


def _union(some: Sequence[Difference], others: Sequence[Difference]) -> list[Difference]:
    """Returns `some` and the parts of `others` at other sequences, in stream order."""
    taken = merged((each.first, each.last) for each in some)
    rest = [
        Difference(first, last, each.pattern)
        for each in others
        for first, last in subtract([(each.first, each.last)], taken)
    ]
    return sorted([*some, *rest])
