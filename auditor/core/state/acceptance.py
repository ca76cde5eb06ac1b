"""Findings that an operator knows of and accepts: counted apart, and no reason any more to call a stream corrupt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.findings import Kind
from auditor.core.state import segments

if TYPE_CHECKING:
    from auditor.core.state.segments import Segments


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of finding, up to a sequence; later ones are new."""

    kind: Kind
    up_to_seq: int
    reason: str
    """In the operator's words."""
    accepted_ns: int
    created_ns: int
    """When the stream was created that it speaks of; sequences of another one are other messages."""
    count_in_last_segment: int = msgspec.field(default=0, name="in_stretch")
    """How many findings about single messages the segment that ends the range had up to there: it may have more later, and
    not every finding is kept in detail."""

    def covers(self, seq: int) -> bool:
        """Whether a finding that is seen at `seq` is accepted."""
        return seq <= self.up_to_seq

    def covers_time(self, noticed_ns: int) -> bool:
        """Whether one of the findings that stand until they are accepted was known then."""
        return noticed_ns <= self.accepted_ns

    def counted(self, counts: Segments) -> int:
        """How many of the findings about single messages are accepted."""
        last = self.up_to_seq // segments.SEGMENT_SIZE
        whole = sum(
            each.content_findings.get(self.kind, 0) for number, each in counts.segments.items() if number < last
        )
        return whole + self._in_last(counts)

    def _in_last(self, counts: Segments) -> int:
        segment = counts.segments.get(self.up_to_seq // segments.SEGMENT_SIZE)
        if segment is None:
            return 0
        total, listed = segment.content_findings.get(self.kind, 0), segment.listed_findings.get(self.kind, ())
        if total == len(listed):
            return sum(self.covers(finding.seq_for_acceptance) for finding in listed)
        return min(self.count_in_last_segment, total)


def count_in_last_segment(kind: Kind, up_to_seq: int, counts: Segments, last_seq: int) -> int:
    """That count, for an acceptance of what was read up to `last_seq`.

    Raises ValueError if it would end among findings that are counted and not kept in detail: the text says where it can.
    """
    number = up_to_seq // segments.SEGMENT_SIZE
    segment = counts.segments.get(number)
    total = segment.content_findings.get(kind, 0) if segment else 0
    listed = segment.listed_findings.get(kind, ()) if segment else ()
    first, last = number * segments.SEGMENT_SIZE, min((number + 1) * segments.SEGMENT_SIZE - 1, last_seq)
    if up_to_seq < last and total != len(listed):
        raise ValueError(f"findings there are counted and not listed one by one: accept up to {first - 1} or {last}")
    return total if up_to_seq >= last else sum(finding.seq_for_acceptance <= up_to_seq for finding in listed)
