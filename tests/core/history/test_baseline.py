"""A finding is new if no earlier pass and not the baseline had it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.core.history.baseline import Baseline
from auditor.core.model.findings import Cause, Finding, Kind, Severity
from tests.core.findings import finding_of
from tests.core.reports import NOW, report
from tests.core.stories import event

ORDER = "S.events.order.order-1"
GOOD = [(ORDER, event("order-1", version)) for version in (1, 2, 3)]
CORRUPTION = Severity.CORRUPTION


def found(kind: Kind, **facts: object) -> Finding:
    return finding_of(kind, **facts)


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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (found(Kind.UNREADABLE_MESSAGE, first_seq=5, last_seq=9, count=5), {"first_seq": 7, "count": 3}),
        (found(Kind.DUPLICATE_VERSION, seq=4, cause=Cause.UNKNOWN), {"cause": Cause.SAME_PAYLOAD}),
        (found(Kind.VERSION_GAP, subject=ORDER, after_version=3, before_version=6), {"before_version": 5}),
    ],
    ids=["the first messages of the range expired", "its cause became known", "a gap became smaller"],
)
def test_a_finding_that_was_there_before_is_not_new_if(before: Finding, after: dict[str, object]) -> None:
    baseline = Baseline()
    for finding in (before, replace(before, **after)):
        totals = {(finding.kind, finding.severity): finding.count or 1}
        baseline = baseline.updated_with(replace(report(*GOOD), findings=(finding,), totals=totals), NOW)
    assert baseline.newest_finding_ns.get((before.kind, CORRUPTION), 0) == 0
