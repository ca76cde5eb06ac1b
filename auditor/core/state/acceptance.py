"""Decides which findings an acceptance covers. Accepted findings are counted apart and do not make a pass corrupt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.findings import Kind
from auditor.core.state import segments

if TYPE_CHECKING:
    from auditor.core.state.segments import Segments


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """The statement of an operator that the findings of one kind, up to a sequence or a time, need no repair."""

    kind: Kind
    up_to_seq: int
    reason: str
    """The reason that the operator gave."""
    accepted_ns: int
    """When it was accepted, nanoseconds since 1970."""
    created_ns: int
    """When the audited stream was created, nanoseconds since 1970. The acceptance does not hold for another stream."""
    count_in_last_segment: int = msgspec.field(default=0, name="in_stretch")
    """How many findings about single messages the segment of `up_to_seq` had up to there. The segment may get more, and not
    every finding is listed."""

    def covers(self, seq: int) -> bool:
        """Whether it covers a finding at sequence `seq`."""
        return seq <= self.up_to_seq

    def covers_time(self, noticed_ns: int) -> bool:
        """Whether it covers a finding that was first reported at `noticed_ns`, nanoseconds since 1970."""
        return noticed_ns <= self.accepted_ns

    def count_accepted(self, counts: Segments) -> int:
        """Returns how many of the findings about single messages it covers."""
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
    """Returns `Acceptance.count_in_last_segment` for an acceptance made after a pass that read up to `last_seq`.

    Raises ValueError if `up_to_seq` is in a segment with findings that are counted and not listed, before its end. The text
    says up to which sequences an acceptance is possible.
    """
    number = up_to_seq // segments.SEGMENT_SIZE
    segment = counts.segments.get(number)
    total = segment.content_findings.get(kind, 0) if segment else 0
    listed = segment.listed_findings.get(kind, ()) if segment else ()
    first, last = number * segments.SEGMENT_SIZE, min((number + 1) * segments.SEGMENT_SIZE - 1, last_seq)
    if up_to_seq < last and total != len(listed):
        raise ValueError(f"findings there are counted and not listed one by one: accept up to {first - 1} or {last}")
    return total if up_to_seq >= last else sum(finding.seq_for_acceptance <= up_to_seq for finding in listed)
