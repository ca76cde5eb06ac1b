"""Each rule that a row of a kind can have is used by a row."""

from __future__ import annotations

from auditor.core.model.findings import SPECS
from auditor.core.model.kind_rules import AcceptedBy, OpenUntil, Replaced, SeverityRule, Unit


def test_every_rule_is_one_of_some_kind() -> None:
    assert {each.severity_rule for each in SPECS} == set(SeverityRule)
    assert {each.unit for each in SPECS} == set(Unit)
    assert {each.accepted_by for each in SPECS} == set(AcceptedBy)
    assert {each.open_until for each in SPECS} == set(OpenUntil)
    assert {each.replaced for each in SPECS} == set(Replaced)
