"""What was counted, by segment of the stream: when messages leave at the head, what was counted of them leaves, too."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import msgspec

from auditor.core.model.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

SEGMENT_SIZE = 1 << 14
"""Sequences in one segment: few enough to be read again in a moment, when only part of it has left."""


class OutcomeCounts(msgspec.Struct, forbid_unknown_fields=True):
    """Messages that were judged, by outcome."""

    ok: int = 0
    malformed: int = 0
    hidden: int = 0
    unreachable: int = 0

    @property
    def judged(self) -> int:
        """All of them."""
        return self.ok + self.malformed + self.hidden + self.unreachable

    def __add__(self, other: OutcomeCounts) -> OutcomeCounts:
        return OutcomeCounts(
            self.ok + other.ok,
            self.malformed + other.malformed,
            self.hidden + other.hidden,
            self.unreachable + other.unreachable,
        )


class Segment(msgspec.Struct, forbid_unknown_fields=True):
    """What was counted of `SEGMENT_SIZE` sequences."""

    events: OutcomeCounts = msgspec.field(default_factory=OutcomeCounts)
    snapshots: OutcomeCounts = msgspec.field(default_factory=OutcomeCounts)
    unjudged: int = 0
    unjudged_seqs: list[int] = []
    """The first of them."""
    skipped: int = 0
    content_findings: dict[Kind, int] = {}
    """Exact counts of findings about single messages. A bad snapshot counts once it is superseded: until then it may be
    the last on its subject, and the ledger has it."""
    malformed_events: dict[tuple[str, str], int] = {}
    """By actor type and reason."""
    listed_findings: dict[Kind, list[Finding]] = {}
    """The findings of `content` that are listed."""


class Segments(msgspec.Struct, forbid_unknown_fields=True):
    """All segments; every property is a sum over them."""

    segments: dict[int, Segment] = {}
    """By number: segment n begins at sequence n * SEGMENT_SIZE."""
    listed_counts: dict[Kind, int] = {}
    """How many findings of each kind are listed."""

    def segment_for(self, seq: int) -> Segment:
        """The segment that the message at `seq` is counted in."""
        number = seq // SEGMENT_SIZE
        segment = self.segments.get(number)
        if segment is None:
            segment = self.segments[number] = Segment()
        return segment

    def add_finding(self, finding: Finding, limit: int) -> None:
        """Count a finding about one message, and list it while there are less than `limit` of its kind."""
        assert finding.seq is not None
        segment, kind = self.segment_for(finding.seq), finding.kind
        segment.content_findings[kind] = segment.content_findings.get(kind, 0) + 1
        listed = self.listed_counts.get(kind, 0)
        if listed < limit:
            self.listed_counts[kind] = listed + 1
            segment.listed_findings.setdefault(kind, []).append(finding)

    def trim_before(self, first_seq: int) -> int | None:
        """Forget all segments that have left; the number of the one that has left in part, None if there is none.

        What was counted of that one has to be counted again, and put into `replace`.
        """
        number, rest = divmod(first_seq, SEGMENT_SIZE)
        for gone in [each for each in self.segments if each < number]:
            self._remove(gone)
        return number if rest and number in self.segments else None

    def replace(self, number: int, segment: Segment, limit: int) -> None:
        """Have `segment` in place of what was counted as `number`."""
        self._remove(number)
        for kind, findings in segment.listed_findings.items():
            room = max(0, limit - self.listed_counts.get(kind, 0))
            del findings[room:]
            self.listed_counts[kind] = self.listed_counts.get(kind, 0) + len(findings)
        self.segments[number] = segment

    def _remove(self, number: int) -> None:
        for kind, findings in self.segments.pop(number).listed_findings.items():
            self.listed_counts[kind] -= len(findings)

    @property
    def events(self) -> OutcomeCounts:
        """Messages on event subjects."""
        return sum((each.events for each in self.segments.values()), OutcomeCounts())

    @property
    def snapshots(self) -> OutcomeCounts:
        """Messages on snapshot subjects."""
        return sum((each.snapshots for each in self.segments.values()), OutcomeCounts())

    @property
    def unjudged(self) -> int:
        """Messages that the auditor itself failed on."""
        return sum(each.unjudged for each in self.segments.values())

    @property
    def unjudged_seqs(self) -> list[int]:
        """The first of them in each segment."""
        return [seq for each in self._in_order() for seq in each.unjudged_seqs]

    @property
    def skipped(self) -> int:
        """Messages on subjects outside the audit."""
        return sum(each.skipped for each in self.segments.values())

    @property
    def examined(self) -> int:
        """Messages on subjects of the audit, judged or not."""
        return self.events.judged + self.snapshots.judged + self.unjudged

    @property
    def content_findings(self) -> dict[Kind, int]:
        """Findings about single messages, by kind."""
        return dict(_sum(each.content_findings for each in self.segments.values()))

    @property
    def malformed_events(self) -> dict[tuple[str, str], int]:
        """By actor type and reason."""
        return dict(_sum(each.malformed_events for each in self.segments.values()))

    @property
    def listed_findings(self) -> dict[Kind, list[Finding]]:
        """The findings of `content` that are listed, in stream order."""
        details: dict[Kind, list[Finding]] = {}
        for each in self._in_order():
            for kind, findings in each.listed_findings.items():
                details.setdefault(kind, []).extend(findings)
        return details

    def _in_order(self) -> Iterable[Segment]:
        return (self.segments[number] for number in sorted(self.segments))


Key = TypeVar("Key")


def _sum(counts: Iterable[dict[Key, int]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for each in counts:
        total.update(each)
    return total
