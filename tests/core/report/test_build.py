"""A report has a verdict, exact counts and labels."""

from __future__ import annotations

import pytest

from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.findings import Cause, Kind
from auditor.core.model.message import Loss
from auditor.core.model.passes import Verdict
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.report.pass_report import MessageCounts
from auditor.core.state.examiner import AuditedStream, AuditState, Examiner
from tests.core.reports import report_on
from tests.core.stories import event, message


def audited(*stored: tuple[str, bytes]) -> AuditState:
    audit = Examiner(AuditedStream("S", 0), SubjectFilter(["S.events.>"]), detail_limit=10)
    for seq, (subject, data) in enumerate(stored, 1):
        audit.examine(message(seq, subject, data))
    return audit.state


GOOD = ("S.events.order.order-1", event("order-1", 1))
BAD = ("S.events.order.order-1", b"{")


@pytest.mark.parametrize(
    ("stored", "incomplete", "unjudged", "verdict"),
    [
        ([GOOD], None, 0, Verdict.CLEAN),
        ([("S.events.x", b"")], None, 0, Verdict.CLEAN),
        ([GOOD], "cut short", 0, Verdict.INCONCLUSIVE),
        ([GOOD], None, 1, Verdict.INCONCLUSIVE),
        ([BAD], None, 0, Verdict.CORRUPT),
        ([BAD], "cut short", 1, Verdict.CORRUPT),
    ],
)
def test_a_pass_is_clean_only_if_every_message_was_judged_and_nothing_found(
    stored: list[tuple[str, bytes]], incomplete: str | None, unjudged: int, verdict: Verdict
) -> None:
    state = audited(*stored)
    state.segments.segment_for(1).unjudged = unjudged
    report = report_on(state, 1 + unjudged, incomplete=incomplete)
    assert report.verdict is verdict
    assert (report.incomplete is None) == (incomplete is None and not unjudged)


def test_removed_and_unreadable_messages_are_counted_apart() -> None:
    report = report_on(
        audited(GOOD), 10, removed=[(2, 4), (9, 9)], deleted=[(9, 9)], unreadable=[(5, 6)], filtered=True
    )
    assert report.messages == MessageCounts(in_range=10, examined=1, removed=4, unreadable=2, skipped=3, unjudged=0)
    assert report.coverage == 1.0


def test_labels_are_learned_for_the_types_that_need_one() -> None:
    stored = [(f"S.events.order.order-{n}", b"{") for n in range(3)] + [("S.events.alice.alice-1", b"{")]
    stored += [("S.events.order.order-9", event("order-9", version)) for version in (1, 3)]
    types = ActorTypes()
    report = report_on(audited(*stored), 6, types=types)
    assert report.malformed_events == {("order", "syntax"): 3, ("other", "syntax"): 1}
    assert report.version_gaps == report.missing_versions_by_type == {("order", Cause.UNKNOWN): 1}
    assert report.broken_by_type == {"order": 4, "other": 1}
    assert types.learned == {"order"}


@pytest.mark.parametrize("filtered", [False, True])
def test_messages_that_were_not_read_count_as_unjudged(*, filtered: bool) -> None:
    report = report_on(
        audited(GOOD), 10, unread=[(4, 4), (8, 10)], removed=[(2, 3)], unreadable=[(5, 7)], filtered=filtered
    )
    assert report.messages == MessageCounts(in_range=10, examined=5, removed=2, unreadable=3, skipped=0, unjudged=4)
    assert (report.verdict, report.coverage) == (Verdict.CORRUPT, 4 / 8)
    assert report.incomplete == "sequence 4 is stored but was not delivered; the next pass tries again"


def test_messages_that_the_server_lost_are_corruption() -> None:
    report = report_on(audited(GOOD), 1, lost=Loss(((3, 4), (9, 9))))
    assert (report.verdict, report.findings_total) == (Verdict.CORRUPT, {Kind.LOST_MESSAGES: 3})
    assert [(f.first_seq, f.last_seq) for f in report.findings] == [(3, 4), (9, 9)]


def test_first_events_purged_during_the_walk_are_expired() -> None:
    late = ("S.events.order.order-1", event("order-1", 4))
    assert report_on(audited(late), 1).findings[0].cause is Cause.UNKNOWN
    assert report_on(audited(late), 1, first_seq=2).findings[0].cause is Cause.EXPIRED


def test_types_without_a_label_of_their_own_are_counted_together() -> None:
    stored = [(f"S.events.{name}.{name}-1", b"{") for name in ("alice", "bob")]
    report = report_on(audited(*stored), 2)
    assert (report.malformed_events, report.broken_by_type) == ({("other", "syntax"): 2}, {"other": 2})


def test_only_in_a_filtered_walk_undelivered_messages_count_as_skipped() -> None:
    assert report_on(audited(GOOD), 5).messages.skipped == 0
    assert report_on(audited(GOOD), 5, filtered=True).messages.skipped == 4
