"""Counts by segment add up, and are removed with their segment."""

from __future__ import annotations

import pytest

from auditor.core.model.finding_identity import DIGEST_SIZE
from auditor.core.model.findings import Finding, Kind
from auditor.core.state import segments as module
from auditor.core.state.segments import OutcomeCounts, Segment, Segments, segment_number, segment_range
from tests.core.findings import finding_of

DIGEST = b"d" * DIGEST_SIZE
MALFORMED, HIDDEN = Kind.MALFORMED_EVENT, Kind.HIDDEN_EVENT


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", 10)


def found(seq: int, kind: Kind = MALFORMED) -> Finding:
    return finding_of(kind, seq=seq)


def counted(*seqs: int, limit: int = 100) -> Segments:
    segments = Segments()
    for seq in seqs:
        segments.add_finding(found(seq), DIGEST, limit)
    return segments


def seqs(segments: Segments, kind: Kind = MALFORMED) -> list[int | None]:
    return [finding.seq for finding in segments.listed_findings.get(kind, [])]


def test_every_property_is_the_sum_over_the_segments() -> None:
    segments = Segments()
    for number in (2, 0):
        segment = segments.segment_for(number * 10 + 3)
        segment.events = OutcomeCounts(ok=1, malformed=2, hidden=3, unreachable=4)
        segment.snapshots = OutcomeCounts(ok=5, malformed=6)
        segment.unjudged, segment.skipped = 7, 8
        segment.unjudged_seqs = [number * 10 + 1]
        segment.malformed_events = {("order", "syntax"): 9}
    assert (segments.events, segments.events.judged) == (OutcomeCounts(2, 4, 6, 8), 20)
    assert segments.snapshots == OutcomeCounts(10, 12)
    assert (segments.unjudged, segments.skipped) == (14, 16)
    assert segments.unjudged_seqs == [1, 21]
    assert segments.examined == 20 + 22 + 14
    assert segments.malformed_events == {("order", "syntax"): 18}


def test_findings_are_counted_exactly_and_listed_up_to_the_limit_of_their_kind() -> None:
    segments = counted(1, 5, 12, 13, limit=3)
    segments.add_finding(found(14, HIDDEN), DIGEST, 3)
    assert segments.content_findings == {MALFORMED: 4, HIDDEN: 1}
    assert (seqs(segments), seqs(segments, HIDDEN)) == ([1, 5, 12], [14])


def test_findings_are_listed_in_stream_order() -> None:
    assert seqs(counted(25, 3, 14)) == [3, 14, 25]


@pytest.mark.parametrize(
    ("first_seq", "left", "in_part"),
    [
        (0, [1, 12, 25], None),
        (9, [1, 12, 25], 0),
        (10, [12, 25], None),
        (11, [12, 25], 1),
        (20, [25], None),
        (40, [], None),
    ],
)
def test_expired_segments_are_removed_and_one_that_expired_in_part_is_returned(
    first_seq: int, left: list[int], in_part: int | None
) -> None:
    segments = counted(1, 12, 25)
    assert segments.trim_before(first_seq) == in_part
    assert seqs(segments) == left
    assert sum(segments.content_findings.values()) == len(left)


def test_a_segment_in_which_nothing_was_counted_is_not_returned() -> None:
    assert counted(25).trim_before(13) is None


def test_further_findings_are_listed_after_listed_ones_expired() -> None:
    segments = counted(1, 2, 13, 14, limit=3)
    segments.trim_before(10)
    for seq in (21, 22, 23):
        segments.add_finding(found(seq), DIGEST, 3)
    assert seqs(segments) == [13, 21, 22]
    assert segments.content_findings == {MALFORMED: 5}


def test_a_segment_that_was_counted_again_replaces_the_former_counts() -> None:
    segments = counted(1, 2, 3, 12, limit=3)
    again = counted(3, limit=3).segments[0]
    segments.replace(0, again, 3)
    assert (segments.content_findings, seqs(segments)) == ({MALFORMED: 2}, [3])
    for seq in (21, 22, 23):
        segments.add_finding(found(seq), DIGEST, 3)
    assert seqs(segments) == [3, 21, 22]


def test_a_segment_that_was_counted_again_lists_no_more_findings_than_the_limit() -> None:
    segments = counted(1, 12, 13, limit=3)
    segments.replace(0, counted(2, 3, 4, limit=3).segments[0], 3)
    assert (segments.content_findings, seqs(segments)) == ({MALFORMED: 5}, [2, 12, 13])
    segments.replace(0, Segment(), 3)
    segments.add_finding(found(14), DIGEST, 3)
    assert seqs(segments) == [12, 13, 14]


def identified(segments: Segments) -> list[tuple[int, bytes]]:
    return [each for number in sorted(segments.segments) for each in segments.identified_in(number, MALFORMED)]


def test_findings_are_identified_beyond_those_that_are_listed() -> None:
    segments = Segments()
    for seq in (1, 5, 12, 13):
        segments.add_finding(found(seq), bytes([seq] * DIGEST_SIZE), 2)
    assert identified(segments) == [(seq, bytes([seq] * DIGEST_SIZE)) for seq in (1, 5, 12, 13)]
    assert segments.first_unidentified_seq(MALFORMED) is None


def test_beyond_the_limit_findings_are_only_counted_from_a_sequence_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IDENTITIES", 3)
    segments = counted(1, 12, 13, 14, 25)
    assert [seq for seq, _ in identified(segments)] == [1, 12, 13]
    assert segments.content_findings == {MALFORMED: 5}
    assert segments.first_unidentified_seq(MALFORMED) == 14
    segments.replace(1, counted(12, limit=3).segments[1], 3)
    segments.add_finding(found(26), DIGEST, 3)
    assert [seq for seq, _ in identified(segments)] == [1, 12, 26]
    assert segments.first_unidentified_seq(MALFORMED) == 27
    segments.trim_before(20)
    assert segments.identified_counts == {MALFORMED: 1}
    segments.replace(2, counted(21, 22, 23, 24, limit=3).segments[2], 3)
    assert [seq for seq, _ in identified(segments)] == [21, 22, 23]


@pytest.mark.parametrize("size", [1, 10, 1 << 14])
def test_the_segments_of_any_size_follow_one_another_without_a_gap(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", size)
    for number in (0, 1, 7):
        first, last = segment_range(number)
        assert last + 1 == segment_range(number + 1)[0]
        assert last - first + 1 == size
        assert {segment_number(first), segment_number(last)} == {number}
