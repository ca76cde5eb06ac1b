"""What is counted by stretch adds up, and goes when the stretch goes."""

from __future__ import annotations

import pytest

from auditor.core.model.findings import Finding, Kind
from auditor.core.state import segments as module
from auditor.core.state.segments import OutcomeCounts, Segment, Segments
from tests.core.findings import finding_of

MALFORMED, HIDDEN = Kind.MALFORMED_EVENT, Kind.HIDDEN_EVENT


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_SIZE", 10)


def found(seq: int, kind: Kind = MALFORMED) -> Finding:
    return finding_of(kind, seq=seq)


def noted(*seqs: int, limit: int = 100) -> Segments:
    tallies = Segments()
    for seq in seqs:
        tallies.add_finding(found(seq), limit)
    return tallies


def seqs(tallies: Segments, kind: Kind = MALFORMED) -> list[int | None]:
    return [finding.seq for finding in tallies.listed_findings.get(kind, [])]


def test_every_property_is_the_sum_of_its_stretches() -> None:
    tallies = Segments()
    for number in (2, 0):
        stretch = tallies.segment_for(number * 10 + 3)
        stretch.events = OutcomeCounts(ok=1, malformed=2, hidden=3, unreachable=4)
        stretch.snapshots = OutcomeCounts(ok=5, malformed=6)
        stretch.unjudged, stretch.skipped = 7, 8
        stretch.unjudged_seqs = [number * 10 + 1]
        stretch.malformed_events = {("order", "syntax"): 9}
    assert (tallies.events, tallies.events.judged) == (OutcomeCounts(2, 4, 6, 8), 20)
    assert tallies.snapshots == OutcomeCounts(10, 12)
    assert (tallies.unjudged, tallies.skipped) == (14, 16)
    assert tallies.unjudged_seqs == [1, 21]
    assert tallies.examined == 20 + 22 + 14
    assert tallies.malformed_events == {("order", "syntax"): 18}


def test_findings_are_counted_exactly_and_listed_up_to_the_limit_of_their_kind() -> None:
    tallies = noted(1, 5, 12, 13, limit=3)
    tallies.add_finding(found(14, HIDDEN), 3)
    assert tallies.content_findings == {MALFORMED: 4, HIDDEN: 1}
    assert (seqs(tallies), seqs(tallies, HIDDEN)) == ([1, 5, 12], [14])


def test_findings_are_listed_in_the_order_of_the_stream() -> None:
    assert seqs(noted(25, 3, 14)) == [3, 14, 25]


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
def test_whole_stretches_go_with_the_head_and_one_that_goes_in_part_is_named(
    first_seq: int, left: list[int], in_part: int | None
) -> None:
    tallies = noted(1, 12, 25)
    assert tallies.trim_before(first_seq) == in_part
    assert seqs(tallies) == left
    assert sum(tallies.content_findings.values()) == len(left)


def test_a_stretch_of_which_nothing_was_counted_need_not_be_counted_again() -> None:
    assert noted(25).trim_before(13) is None


def test_what_goes_makes_room_for_others_to_be_listed() -> None:
    tallies = noted(1, 2, 13, 14, limit=3)
    tallies.trim_before(10)
    for seq in (21, 22, 23):
        tallies.add_finding(found(seq), 3)
    assert seqs(tallies) == [13, 21, 22]
    assert tallies.content_findings == {MALFORMED: 5}


def test_a_stretch_that_was_counted_again_takes_the_place_of_what_was_counted() -> None:
    tallies = noted(1, 2, 3, 12, limit=3)
    again = noted(3, limit=3).segments[0]
    tallies.replace(0, again, 3)
    assert (tallies.content_findings, seqs(tallies)) == ({MALFORMED: 2}, [3])
    for seq in (21, 22, 23):
        tallies.add_finding(found(seq), 3)
    assert seqs(tallies) == [3, 21, 22]


def test_of_a_stretch_that_was_counted_again_no_more_is_listed_than_there_is_room_for() -> None:
    tallies = noted(1, 12, 13, limit=3)
    tallies.replace(0, noted(2, 3, 4, limit=3).segments[0], 3)
    assert (tallies.content_findings, seqs(tallies)) == ({MALFORMED: 5}, [2, 12, 13])
    tallies.replace(0, Segment(), 3)
    tallies.add_finding(found(14), 3)
    assert seqs(tallies) == [12, 13, 14]
