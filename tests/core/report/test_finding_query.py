"""Findings are selected by what an operator asks for, and grouped by their cause."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.findings import Cause, Kind, Severity
from auditor.core.report.finding_query import (
    FindingFilter,
    FindingState,
    ListedFinding,
    group_by_cause,
    listed_findings,
)
from auditor.core.report.reported_finding import reported
from tests.core.findings import finding_of
from tests.core.reports import report
from tests.core.stories import event, stored

ORDER = "S.events.order.order-1"


def listed(kind: Kind, id_: str = "f-1", *, state: FindingState = FindingState.OPEN, **fields: Any) -> ListedFinding:
    return ListedFinding("orders", state, reported(finding_of(kind, **fields), id_))


BAD = listed(Kind.MALFORMED_EVENT, seq=7)
RANGE = listed(Kind.DELETED_MESSAGES, first_seq=10, last_seq=20)
GAP = listed(Kind.VERSION_GAP, after_seq=5, before_seq=9, cause=Cause.MALFORMED)
WHOLE = listed(Kind.CONFIG_CHANGED, state=FindingState.ACCEPTED)
ALL = (BAD, RANGE, GAP, WHOLE)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FindingFilter(), ALL),
        (FindingFilter(states=frozenset({FindingState.ACCEPTED})), (WHOLE,)),
        (FindingFilter(kinds=frozenset({Kind.MALFORMED_EVENT, Kind.VERSION_GAP})), (BAD, GAP)),
        (FindingFilter(severity=Severity.NOTICE), (RANGE, WHOLE)),
        (FindingFilter(reason="syntax"), (BAD,)),
        (FindingFilter(reason="malformed"), (GAP,)),
        (FindingFilter(actor="order-1"), (BAD, GAP)),
        (FindingFilter(actor="order-2"), ()),
        (FindingFilter(subject=ORDER), (BAD, GAP)),
        (FindingFilter(first_seq=7), (BAD, RANGE, GAP)),
        (FindingFilter(first_seq=10), (RANGE,)),
        (FindingFilter(first_seq=20), (RANGE,)),
        (FindingFilter(first_seq=21), ()),
        (FindingFilter(last_seq=7), (BAD, GAP)),
        (FindingFilter(last_seq=4), ()),
        (FindingFilter(first_seq=8, last_seq=10), (RANGE, GAP)),
    ],
)
def test_a_filter_selects_what_has_all_of_its_fields(
    wanted: FindingFilter, expected: tuple[ListedFinding, ...]
) -> None:
    assert tuple(each for each in ALL if wanted.matches(each)) == expected


def test_a_report_lists_its_open_findings_and_then_the_accepted_ones() -> None:
    one = report((ORDER, b"{"))
    assert [(each.state, each.finding) for each in listed_findings(one)] == [(FindingState.OPEN, one.findings[0])]


def test_a_gap_is_in_the_group_of_the_message_that_causes_it() -> None:
    later = listed(Kind.MALFORMED_EVENT, "f-2", seq=8)
    (group,) = group_by_cause([GAP, BAD, later])
    assert (group.first, group.findings, group.consequences) == (BAD, (BAD, later), (GAP,))


@pytest.mark.parametrize(
    "other",
    [
        listed(Kind.MALFORMED_EVENT, seq=5),
        listed(Kind.MALFORMED_EVENT, seq=9),
        listed(Kind.HIDDEN_EVENT, seq=7),
        listed(Kind.MALFORMED_EVENT, seq=7, subject="S.events.order.order-2", actor="order-2"),
    ],
)
def test_a_gap_without_its_cause_is_a_group_of_its_own(other: ListedFinding) -> None:
    assert [group.first for group in group_by_cause([GAP, other])] == [GAP, other]


def test_findings_of_equal_kind_reason_and_actor_are_one_group() -> None:
    again, accepted = (
        listed(Kind.MALFORMED_EVENT, seq=70),
        listed(Kind.MALFORMED_EVENT, seq=71, state=FindingState.ACCEPTED),
    )
    other = listed(Kind.MALFORMED_EVENT, seq=72, reason="empty")
    groups = group_by_cause([BAD, again, accepted, other])
    assert [group.findings for group in groups] == [(BAD, again), (accepted,), (other,)]


def test_findings_without_an_actor_are_groups_of_their_own() -> None:
    assert len(group_by_cause([RANGE, RANGE])) == 2


@settings(deadline=None)
@given(st.lists(stored(), max_size=30))
def test_each_finding_is_in_one_group(messages: list[tuple[str | bytes, bytes]]) -> None:
    findings = listed_findings(report((ORDER, event("order-1", 1)), *messages))
    groups = group_by_cause(findings)
    grouped = Counter(each.finding.id for group in groups for each in (*group.findings, *group.consequences))
    assert grouped == Counter(each.finding.id for each in findings)
    assert set(grouped.values()) <= {1}
