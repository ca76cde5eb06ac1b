"""Counts messages and findings by segment of the stream.

When messages expire, the segments in which they were counted are removed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import msgspec

from auditor.aether.stream_layout import prefix_of_event
from auditor.core.model.finding_identity import DIGEST_SIZE, MAX_IDENTITIES
from auditor.core.model.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEGMENT_SIZE = 1 << 14
"""Sequences in one segment. It is small, because a segment that expired in part is read again."""


PLACE_SIZE = 2
"""Bytes of the place of a message in its segment."""
IDENTIFIED_SIZE = PLACE_SIZE + DIGEST_SIZE
"""Bytes of one identified finding."""
MAX_OTHER_PREFIXES = 5
"""Prefixes of skipped messages that a segment keeps."""


def segment_number(seq: int) -> int:
    """Returns the number of the segment that counts the message at `seq`."""
    return seq // SEGMENT_SIZE


def segment_range(number: int) -> tuple[int, int]:
    """Returns the first and the last sequence of a segment."""
    return number * SEGMENT_SIZE, (number + 1) * SEGMENT_SIZE - 1


class OutcomeCounts(msgspec.Struct, forbid_unknown_fields=True):
    """Judged messages by outcome."""

    ok: int = 0
    malformed: int = 0
    hidden: int = 0
    unreachable: int = 0

    @property
    def judged(self) -> int:
        """The number of judged messages."""
        return self.ok + self.malformed + self.hidden + self.unreachable

    def __add__(self, other: OutcomeCounts) -> OutcomeCounts:
        return OutcomeCounts(
            self.ok + other.ok,
            self.malformed + other.malformed,
            self.hidden + other.hidden,
            self.unreachable + other.unreachable,
        )


class Segment(msgspec.Struct, forbid_unknown_fields=True):
    """The counts and findings of `SEGMENT_SIZE` sequences."""

    events: OutcomeCounts = msgspec.field(default_factory=OutcomeCounts)
    snapshots: OutcomeCounts = msgspec.field(default_factory=OutcomeCounts)
    unjudged: int = 0
    unjudged_seqs: list[int] = []
    """The first of the unjudged messages."""
    skipped: int = 0
    other_prefixes: list[str] = []
    """First tokens of subjects with events of other streams, of skipped messages: the first of them."""
    content_findings: dict[Kind, int] = {}
    """Exact counts of findings about single messages. A bad snapshot is counted here once a later one supersedes it. Until
    then it is in the ledger."""
    malformed_events: dict[tuple[str, str], int] = {}
    """By actor type and reason."""
    listed_findings: dict[Kind, list[Finding]] = {}
    """The findings of `content_findings` that are listed."""
    identified: dict[Kind, bytearray] = {}
    """The findings of `content_findings` that are identified: for each the place in the segment, 2 bytes, and the digest."""

    def identified_count(self, kind: Kind) -> int:
        """Returns how many findings of `kind` are identified."""
        return len(self.identified.get(kind, b"")) // IDENTIFIED_SIZE

    def skip(self, subject: bytes) -> None:
        """Count a message that is not on the subjects of the audit."""
        self.skipped += 1
        if len(self.other_prefixes) < MAX_OTHER_PREFIXES:
            prefix = prefix_of_event(subject)
            if prefix is not None and prefix not in self.other_prefixes:
                self.other_prefixes.append(prefix)


class Segments(msgspec.Struct, forbid_unknown_fields=True):
    """All segments of an audit. Each property is the sum over the segments."""

    segments: dict[int, Segment] = {}
    """By number. Segment n begins at sequence n * SEGMENT_SIZE."""
    listed_counts: dict[Kind, int] = {}
    """Number of listed findings of each kind, in all segments."""
    identified_counts: dict[Kind, int] = {}
    """Number of identified findings of each kind, in all segments."""

    def segment_for(self, seq: int) -> Segment:
        """Returns the segment in which the message at `seq` is counted. Creates it if there is none."""
        number = segment_number(seq)
        segment = self.segments.get(number)
        if segment is None:
            segment = self.segments[number] = Segment()
        return segment

    def add_finding(self, finding: Finding, digest: bytes, limit: int) -> None:
        """Count a finding about one message, list it while fewer than `limit` of its kind are listed, and identify it.

        `digest`: of its identity. At most `MAX_IDENTITIES` of a kind are identified.
        """
        assert finding.seq is not None
        segment, kind = self.segment_for(finding.seq), finding.kind
        segment.content_findings[kind] = segment.content_findings.get(kind, 0) + 1
        listed = self.listed_counts.get(kind, 0)
        if listed < limit:
            self.listed_counts[kind] = listed + 1
            segment.listed_findings.setdefault(kind, []).append(finding)
        identified = self.identified_counts.get(kind, 0)
        if identified < MAX_IDENTITIES:
            self.identified_counts[kind] = identified + 1
            place = (finding.seq % SEGMENT_SIZE).to_bytes(PLACE_SIZE, "big")
            segment.identified.setdefault(kind, bytearray()).extend(place + digest)

    def identified_in(self, number: int, kind: Kind) -> Iterator[tuple[int, bytes]]:
        """Yields sequence and digest of each identified finding of `kind` in one segment."""
        identified = bytes(self.segments[number].identified.get(kind, b""))
        for at in range(0, len(identified), IDENTIFIED_SIZE):
            place = int.from_bytes(identified[at : at + PLACE_SIZE], "big")
            yield number * SEGMENT_SIZE + place, identified[at + PLACE_SIZE : at + IDENTIFIED_SIZE]

    def first_unidentified_seq(self, kind: Kind) -> int | None:
        """Returns a sequence before which every finding of `kind` is identified; None if all of them are."""
        for number in sorted(self.segments):
            segment = self.segments[number]
            if segment.content_findings.get(kind, 0) > segment.identified_count(kind):
                return max([number * SEGMENT_SIZE, *(seq + 1 for seq, _ in self.identified_in(number, kind))])
        return None

    def trim_before(self, first_seq: int) -> int | None:
        """Remove the segments that end before `first_seq`.

        Returns the number of the segment that expired in part, or None. The caller counts that one again and calls
        `replace`.
        """
        number, rest = divmod(first_seq, SEGMENT_SIZE)
        for expired in [each for each in self.segments if each < number]:
            self._remove(expired)
        return number if rest and number in self.segments else None

    def replace(self, number: int, segment: Segment, limit: int) -> None:
        """Put `segment` in the place of the one with this number. At most `limit` findings of each kind stay listed."""
        self._remove(number)
        for kind, findings in segment.listed_findings.items():
            allowed = max(0, limit - self.listed_counts.get(kind, 0))
            del findings[allowed:]
            self.listed_counts[kind] = self.listed_counts.get(kind, 0) + len(findings)
        for kind, identified in segment.identified.items():
            allowed = max(0, MAX_IDENTITIES - self.identified_counts.get(kind, 0))
            del identified[allowed * IDENTIFIED_SIZE :]
            self.identified_counts[kind] = self.identified_counts.get(kind, 0) + segment.identified_count(kind)
        self.segments[number] = segment

    def _remove(self, number: int) -> None:
        removed = self.segments.pop(number)
        for kind, findings in removed.listed_findings.items():
            self.listed_counts[kind] -= len(findings)
        for kind in removed.identified:
            self.identified_counts[kind] -= removed.identified_count(kind)

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
        """Messages on which the auditor failed."""
        return sum(each.unjudged for each in self.segments.values())

    @property
    def unjudged_seqs(self) -> list[int]:
        """The first unjudged messages of each segment."""
        return [seq for each in self._in_order() for seq in each.unjudged_seqs]

    @property
    def other_prefixes(self) -> list[str]:
        """Prefixes of events of other streams among the skipped messages, sorted."""
        return sorted({prefix for each in self.segments.values() for prefix in each.other_prefixes})

    @property
    def skipped(self) -> int:
        """Messages that do not match the subjects of the audit."""
        return sum(each.skipped for each in self.segments.values())

    @property
    def examined(self) -> int:
        """Messages that match the subjects of the audit, judged or not."""
        return self.events.judged + self.snapshots.judged + self.unjudged

    @property
    def content_findings(self) -> dict[Kind, int]:
        """Counts of findings about single messages, by kind."""
        return dict(_sum(each.content_findings for each in self.segments.values()))

    @property
    def malformed_events(self) -> dict[tuple[str, str], int]:
        """Counts of malformed events, by actor type and reason."""
        return dict(_sum(each.malformed_events for each in self.segments.values()))

    @property
    def listed_findings(self) -> dict[Kind, list[Finding]]:
        """The listed findings by kind, in stream order."""
        listed: dict[Kind, list[Finding]] = {}
        for each in self._in_order():
            for kind, findings in each.listed_findings.items():
                listed.setdefault(kind, []).extend(findings)
        return listed

    def _in_order(self) -> Iterable[Segment]:
        return (self.segments[number] for number in sorted(self.segments))


Key = TypeVar("Key")


def _sum(counts: Iterable[dict[Key, int]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for each in counts:
        total.update(each)
    return total
