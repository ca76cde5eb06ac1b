"""Planted beside found."""

from __future__ import annotations

from dataclasses import replace

from auditor.canary.damage import all_damage
from auditor.canary.match import match_findings
from auditor.core.model.findings import Kind
from tests.core.findings import finding_of
from tests.core.reports import report

FOUND = finding_of(Kind.SUBJECT_COLLISION, actor="order-11_a")


def test_what_was_planted_and_is_not_found_is_missed() -> None:
    collision = [damage for damage in all_damage("ORDERS") if damage.expected[0].kind is Kind.SUBJECT_COLLISION]
    assert match_findings(collision, replace(report(), findings=(FOUND,))).complete
    proof = match_findings(collision, replace(report(), findings=()))
    assert not proof.complete
    assert proof.missed == ("two actor ids that share a subject",)


def test_what_is_found_and_was_not_planted_is_told() -> None:
    proof = match_findings([], replace(report(), findings=(FOUND,)))
    assert not proof.complete
    assert (proof.besides, proof.missed) == ((FOUND,), ())
