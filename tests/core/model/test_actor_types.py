"""Frequent actor types get a value of the label `actor_type`, up to a limit."""

from __future__ import annotations

from auditor.core.model.actor_types import MAX_TYPES, OTHER, ActorTypes


def test_a_type_gets_its_own_value_once_three_actors_share_it() -> None:
    types = ActorTypes()
    types.learn(["order", "order", "alice"])
    assert types.label("order") == OTHER
    types.learn(["order", "order", "order", "alice"])
    assert (types.label("order"), types.label("alice")) == ("order", OTHER)


def test_a_learned_type_stays_after_its_actors_expired() -> None:
    types = ActorTypes()
    types.learn(["order"] * 3)
    later = ActorTypes()
    later.restore(types.learned)
    later.learn([])
    assert later.label("order") == "order"


def test_configured_types_are_the_only_ones() -> None:
    types = ActorTypes(configured=["order"])
    types.learn(["cart"] * 10)
    assert (types.label("order"), types.label("cart")) == ("order", OTHER)
    assert types.learned == frozenset()


def test_the_number_of_learned_types_is_limited() -> None:
    types = ActorTypes()
    types.learn(f"type{number}" for number in range(2 * MAX_TYPES) for _ in range(3))
    assert len(types.learned) == MAX_TYPES
