"""What is new since somebody watches."""

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


def test_what_the_first_pass_finds_is_the_baseline_and_only_later_findings_are_new() -> None:
    baseline = Baseline()
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{"), (ORDER, b"")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == NOW
    assert baseline.newest_finding_ns.get((Kind.HIDDEN_EVENT, CORRUPTION), 0) == 0


def test_a_finding_that_takes_the_place_of_another_is_new_as_well() -> None:
    baseline = Baseline()
    baseline = baseline.updated_with(report(*GOOD, (ORDER, b"{")), NOW)
    baseline = baseline.updated_with(report(*GOOD, (ORDER, event("order-1", 4)), (ORDER, b"{")), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == NOW


def test_what_a_pass_cut_short_did_not_see_is_no_news_when_it_is_seen_again() -> None:
    baseline = Baseline()
    whole = report(*GOOD, (ORDER, b"{"), (ORDER, b""))
    short = replace(report(*GOOD), incomplete="interrupted", range=whole.range)
    for told in (whole, short, whole):
        baseline = baseline.updated_with(told, NOW)
        assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0
    baseline = baseline.updated_with(report(*GOOD, *[(ORDER, b"{")] * 3), NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == NOW


def test_the_baseline_is_a_pass_that_read_to_its_end() -> None:
    baseline = Baseline()
    whole = report(*GOOD, (ORDER, b"{"))
    baseline = baseline.updated_with(replace(report(*GOOD), incomplete="interrupted", range=whole.range), NOW)
    baseline = baseline.updated_with(whole, NOW)
    assert baseline.newest_finding_ns.get((Kind.MALFORMED_EVENT, CORRUPTION), 0) == 0


def test_a_message_that_is_never_judged_holds_back_no_news() -> None:
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
    ids=["the stream's head went past it", "its cause became known", "a gap became smaller"],
)
def test_a_finding_that_was_there_before_is_no_news_because(before: Finding, after: dict[str, object]) -> None:
    baseline = Baseline()
    for finding in (before, replace(before, **after)):
        totals = {(finding.kind, finding.severity): finding.count or 1}
        baseline = baseline.updated_with(replace(report(*GOOD), findings=(finding,), totals=totals), NOW)
    assert baseline.newest_finding_ns.get((before.kind, CORRUPTION), 0) == 0
