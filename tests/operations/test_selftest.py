"""What a self-test says is wrong. `tests/acceptance/test_selftest.py` runs it on a server."""

from __future__ import annotations

from dataclasses import replace

from auditor.canary.match import match_findings
from auditor.core.model.findings import Finding, Kind
from auditor.operations.selftest import SelfTest
from tests.core.findings import finding_of
from tests.core.reports import report


def problems(*findings: Finding) -> str:
    return SelfTest(match_findings([], replace(report(), findings=findings))).problems


def test_a_finding_that_was_not_seeded_is_named_with_its_place_and_subject() -> None:
    late = finding_of(Kind.LATE_VERSION, seq=17, subject="S.events.order.order-1")
    assert problems(late) == "found, and not seeded: late_version (sequence 17, S.events.order.order-1)"
    deleted = finding_of(Kind.DELETED_MESSAGES, first_seq=17, last_seq=20)
    assert problems(deleted) == "found, and not seeded: deleted_messages (sequence 17–20)"


def test_a_self_test_that_found_exactly_what_was_seeded_has_no_problem() -> None:
    assert problems() == ""
