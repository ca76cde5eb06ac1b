"""The match of findings with seeded damage names what is missing and what is unexpected."""

from __future__ import annotations

from dataclasses import replace

from auditor.canary.damage import all_damage
from auditor.canary.match import match_findings
from auditor.core.model.findings import Kind
from tests.core.findings import finding_of
from tests.core.reports import report

FOUND = finding_of(Kind.SUBJECT_COLLISION, actor="order-11_a")


def test_seeded_damage_that_is_not_found_is_missing() -> None:
    collision = [damage for damage in all_damage("ORDERS") if damage.expected[0].kind is Kind.SUBJECT_COLLISION]
    assert match_findings(collision, replace(report(), findings=(FOUND,))).is_exact
    result = match_findings(collision, replace(report(), findings=()))
    assert not result.is_exact
    assert result.missing == ("two actor ids that share a subject",)


def test_a_finding_that_no_seeded_damage_explains_is_unexpected() -> None:
    result = match_findings([], replace(report(), findings=(FOUND,)))
    assert not result.is_exact
    assert (result.unexpected, result.missing) == ((FOUND,), ())
