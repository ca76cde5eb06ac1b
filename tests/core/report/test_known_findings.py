"""The report of a pass that did not reach its end has the findings of the last completed pass, each once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.core.model.findings import Kind, Severity
from auditor.core.model.passes import SeqRange, Verdict
from auditor.core.report.known_findings import with_known_findings
from tests.core.findings import acceptance_by_rule
from tests.core.reports import report, report_on
from tests.core.state.test_examiner import judged
from tests.core.stories import event

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

ORDER = "S.events.order.order-1"
GOOD = [(ORDER, event("order-1", version)) for version in (1, 2, 3)]
CORRUPTION = Severity.CORRUPTION


def short(*stored: tuple[str | bytes, bytes]) -> PassReport:
    """The report of a pass that read only these messages."""
    one = report(*stored, incomplete="the connection was lost", read=SeqRange(1, len(stored)) if stored else None)
    return replace(one, range=SeqRange(1, 9))


def test_what_was_not_read_again_is_open() -> None:
    known = report(*GOOD, (ORDER, b"{"), ("S.events.order.order-2", event("order-2", 4)))
    kept = with_known_findings(short(), known)
    assert (kept.verdict, kept.findings, kept.totals) == (Verdict.CORRUPT, known.findings, known.totals)
    assert (kept.actors, kept.broken_list, kept.broken_by_type) == (
        known.actors,
        known.broken_list,
        known.broken_by_type,
    )
    assert (kept.malformed_events, kept.identities) == (known.malformed_events, known.identities)
    assert kept.notes == ("this pass read nothing: findings of the last completed pass are included",)
    assert kept.messages == short().messages


def test_what_both_reports_have_is_counted_once_and_what_only_one_has_is_added() -> None:
    known = report((ORDER, b"{"), *GOOD, (ORDER, b"["))
    kept = with_known_findings(short((ORDER, b"{"), (ORDER, event("order-1", 1)), (ORDER, b"")), known)
    assert [finding.seq for finding in kept.findings] == [1, 3, 5]
    assert kept.totals == {(Kind.MALFORMED_EVENT, CORRUPTION): 3}
    assert not kept.findings_cut
    assert kept.notes == ("this pass read up to sequence 3: findings of the last completed pass are included",)


def test_accepted_findings_of_both_are_listed_once() -> None:
    accepted = {Kind.MALFORMED_EVENT: acceptance_by_rule(Kind.MALFORMED_EVENT, 9)}
    known = report((ORDER, b"{"), *GOOD, (ORDER, b"["), accepted=accepted)
    shorter = replace(report((ORDER, b"{"), (ORDER, b""), accepted=accepted), range=SeqRange(1, 9))
    kept = with_known_findings(shorter, known)
    assert sorted(each.seq or 0 for each in kept.accepted_findings) == [1, 2, 5]


def test_of_kinds_that_count_messages_the_larger_count_is_taken() -> None:
    known = report_on(judged(GOOD), 9, unreadable=[(5, 9)])
    smaller, larger = (report_on(judged(GOOD), 9, unreadable=[(5, last)]) for last in (6, 12))
    key = (Kind.UNREADABLE_MESSAGE, CORRUPTION)
    assert with_known_findings(smaller, known).totals[key] == 5
    assert with_known_findings(larger, known).totals[key] == 8
    kept = with_known_findings(smaller, report(*GOOD))
    assert (kept.totals[key], [finding.last_seq for finding in kept.findings]) == (2, [6])


def test_a_bad_last_snapshot_is_not_counted_again_as_a_notice() -> None:
    known = report(("S.snapshots.order.order-1", b"{"))
    assert known.totals == {(Kind.MALFORMED_SNAPSHOT, CORRUPTION): 1}
    unread = report(("S.snapshots.order.order-1", b"{"), unread=[(2, 9)])
    assert with_known_findings(unread, known).totals == known.totals


def test_if_a_list_is_cut_the_larger_count_is_taken() -> None:
    known = replace(report((ORDER, b"{"), (ORDER, b"{")).with_at_most(1))
    kept = with_known_findings(short((ORDER, b"{"), (ORDER, b"{"), (ORDER, b"[")), known)
    assert kept.findings_cut
    assert kept.totals[Kind.MALFORMED_EVENT, CORRUPTION] >= 3


@pytest.mark.parametrize(
    ("known", "verdict"), [(report(*GOOD), Verdict.INCONCLUSIVE), (report((ORDER, b"{")), Verdict.CORRUPT)]
)
def test_the_verdict_is_corrupt_only_if_corruption_is_open(known: PassReport, verdict: Verdict) -> None:
    assert with_known_findings(short(), known).verdict is verdict
