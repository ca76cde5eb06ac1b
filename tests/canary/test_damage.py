"""Each damage has messages and expected findings of its own."""

from __future__ import annotations

from dataclasses import replace

from auditor.canary.damage import all_damage
from auditor.core.model.findings import Kind, Severity
from tests.core.findings import finding_of


def test_there_are_at_least_ten_damages_each_with_a_finding_of_its_own() -> None:
    damages = all_damage("ORDERS")
    assert len({damage.title for damage in damages}) == len(damages) >= 10
    assert all(damage.expected for damage in damages)
    assert len({damage.actor.actor_id for damage in damages}) == len(damages)


def test_a_finding_of_another_actor_reason_or_kind_is_not_the_expected_one() -> None:
    damage = next(damage for damage in all_damage("ORDERS") if damage.title == "an event cut in half")
    (malformed, _) = damage.expected
    found = finding_of(Kind.MALFORMED_EVENT, reason="syntax", actor="order-1")
    assert damage.matches(malformed, found)
    for other in ({"actor": "order-2"}, {"reason": "type"}, {"kind": Kind.HIDDEN_EVENT}):
        assert not damage.matches(malformed, replace(found, **other))


def test_a_finding_of_another_severity_is_not_the_expected_one() -> None:
    damage = next(damage for damage in all_damage("ORDERS") if damage.title == "a last snapshot that does not decode")
    (malformed,) = damage.expected
    found = finding_of(Kind.MALFORMED_SNAPSHOT, reason="syntax", actor="order-21")
    assert damage.matches(malformed, found)
    assert not damage.matches(malformed, replace(found, severity=Severity.NOTICE))
