"""A finding is new if no earlier pass and not the baseline had it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.core.history.baseline import Baseline, KnownFindings
from auditor.core.model.findings import Cause, Kind, Severity
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.state.examiner import AuditedStream, AuditState, Examiner
from tests.core.findings import acceptance_by_rule
from tests.core.reports import NOW, report, report_on
from tests.core.stories import event, message, snapshot

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

ORDER, SNAPSHOT = "S.events.order.order-1", "S.snapshots.order.order-1"
GOOD = [(ORDER, event("order-1", version)) for version in (1, 2, 3)]
CORRUPTION = Severity.CORRUPTION
LIMITED = ("model.finding_identity", "state.segments", "report.finding_table", "history.baseline")
"""Modules that use the limit of identified findings."""


def test_the_findings_of_the_first_pass_are_the_baseline_and_only_later_ones_are_new() -> None:
    baseline = Baseline()
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{"), (ORDER, b"")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == NOW
    assert baseline.newest_finding_ns.get((Kind.HIDDEN_EVENT, CORRUPTION), 0) == 0


def test_a_finding_at_another_sequence_is_new_even_if_the_count_is_the_same() -> None:
    baseline = Baseline()
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{")), NOW)
    baseline = baseline.updated_with(report(*GOOD, (ORDER, event("order-1", 4)), (ORDER, b"{")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == NOW


def test_a_finding_that_an_interrupted_pass_did_not_reach_is_not_new_when_it_is_found_again() -> None:
    baseline = Baseline()
    whole = report(*GOOD, (ORDER, b"{"), (ORDER, b""))
    short = replace(report(*GOOD), incomplete="interrupted", range=whole.range)
    for each in (whole, short, whole):
        baseline = baseline.updated_with(each, NOW)
        assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0
    baseline = baseline.updated_with(report(*GOOD, *[(ORDER, b"{")] * 3), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == NOW


def test_an_interrupted_pass_does_not_establish_the_baseline() -> None:
    baseline = Baseline()
    whole = report(*GOOD, (ORDER, b"{"))
    baseline = baseline.updated_with(replace(report(*GOOD), incomplete="interrupted", range=whole.range), NOW)
    baseline = baseline.updated_with(whole, NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0


def test_findings_are_new_even_if_a_message_is_never_judged() -> None:
    baseline = Baseline()
    for stored, newest in ((GOOD, 0), ([*GOOD, (ORDER, b"{")], NOW)):
        baseline = baseline.updated_with(replace(report(*stored), incomplete="1 messages could not be judged"), NOW)
        assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == newest


def judged(*versions: int, cause: Cause | None = None) -> AuditState:
    """The state after events of one actor with these versions. `cause`: of every duplicate."""
    examiner = Examiner(AuditedStream("S", 0), SubjectFilter(["S.>"]), detail_limit=1000)
    for seq, version in enumerate(versions, 1):
        examiner.examine(message(seq, ORDER, event("order-1", version)))
    for key, duplicates in list(examiner.state.ledger.duplicates()):
        examiner.state.ledger.set_causes({key: {each.seq: cause for each in duplicates if cause}})
    return examiner.state


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (
            Kind.UNREADABLE_MESSAGE,
            report_on(judged(1), 9, unreadable=[(5, 9)]),
            report_on(judged(1), 9, unreadable=[(7, 9)]),
        ),
        (
            Kind.DUPLICATE_VERSION,
            report_on(judged(1, 2, 2, cause=Cause.UNKNOWN), 3),
            report_on(judged(1, 2, 2, cause=Cause.SAME_PAYLOAD), 3),
        ),
        (Kind.VERSION_GAP, report_on(judged(1, 2, 3, 6), 4), report_on(judged(1, 2, 3, 6, 5), 5)),
        (
            Kind.MALFORMED_SNAPSHOT,
            report((SNAPSHOT, b"{")),
            report((SNAPSHOT, b"{"), (SNAPSHOT, snapshot("order-1", 0))),
        ),
    ],
    ids=[
        "the first messages of the range expired",
        "its cause became known",
        "a gap became smaller",
        "a later snapshot made it a notice",
    ],
)
def test_a_finding_that_was_there_before_is_not_new_if(kind: Kind, before: PassReport, after: PassReport) -> None:
    baseline = Baseline().updated_with(before, NOW).updated_with(after, NOW)
    assert after.findings_total[kind] > 0
    assert {each for each, _ in baseline.newest_finding_ns} - {Kind.LATE_VERSION} == set()


def newest(baseline: Baseline, kind: Kind = Kind.MALFORMED_EVENT) -> int:
    return baseline.newest_finding_ns.get((kind, CORRUPTION), 0)


def test_a_gap_that_has_grown_is_new() -> None:
    baseline = Baseline().updated_with(report_on(judged(1, 2, 4), 3), NOW)
    whole = [(ORDER, event("order-1", version)) for version in (1, 2, 4, 5)]
    assert newest(baseline.updated_with(report(*whole), NOW), Kind.VERSION_GAP) == 0
    assert newest(baseline.updated_with(report_on(judged(1, 2, 5), 3), NOW), Kind.VERSION_GAP) == NOW


def test_accepting_a_finding_and_withdrawing_that_makes_nothing_new() -> None:
    bad = [*GOOD, (ORDER, b"{")]
    rule = acceptance_by_rule(Kind.MALFORMED_EVENT, 9)
    accepted = report(*bad, accepted={rule.kind: rule})
    assert accepted.findings == ()
    baseline = Baseline()
    for shown in (report(*bad), accepted, report(*bad)):
        baseline = baseline.updated_with(shown, NOW)
        assert newest(baseline) == 0


def test_beyond_the_findings_that_are_listed_one_that_takes_the_place_of_another_is_new() -> None:
    first, second = ([(ORDER, b"{%d" % number) for number in range(begin, begin + 1500)] for begin in (0, 1))
    baseline = Baseline().updated_with(report(*first), NOW)
    assert newest(baseline.updated_with(report(*first), NOW)) == 0
    assert newest(baseline.updated_with(report(*second), NOW)) == NOW


def test_beyond_the_findings_that_are_identified_only_a_higher_count_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in LIMITED:
        monkeypatch.setattr(f"auditor.core.{module}.MAX_IDENTITIES", 2)
    bad = [(ORDER, b"{")] * 3
    baseline = Baseline().updated_with(report(*bad), NOW)
    assert newest(baseline.updated_with(report(*bad[:2], (ORDER, b"[")), NOW)) == 0
    assert newest(baseline.updated_with(report(*bad, (ORDER, b"[")), NOW)) == NOW
    fewer = Baseline().updated_with(report(*bad[:2]), NOW)
    assert newest(fewer.updated_with(report(*bad), NOW)) == NOW


def test_known_findings_that_are_not_identified_are_compared_by_their_counts() -> None:
    bad = [*GOOD, (ORDER, b"{")]
    whole = Baseline().updated_with(report(*bad), NOW)
    known = KnownFindings(whole.known.counts, are_identified=False)
    old = Baseline(known, established=True)
    assert (old.known_index, newest(old.updated_with(report(*bad), NOW))) == (None, 0)
    assert newest(old.updated_with(report(*bad, (ORDER, b"[")), NOW)) == NOW
    assert old.updated_with(report(*bad), NOW).known == whole.known


def test_an_incomplete_pass_adds_to_the_known_findings() -> None:
    bad = [*GOOD, (ORDER, b"{")]
    whole = report(*bad)
    short = replace(report(*GOOD), incomplete="interrupted", range=whole.range)
    baseline = Baseline().updated_with(whole, NOW).updated_with(short, NOW)
    assert baseline.known.identities == whole.identities
