from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aether import event_subject, snapshot_subject
from auditor.aether.stream_layout import StreamLayout, actor_id_of, actor_type_of
from auditor.aether.subjects import actor_key, sanitize_subject

LAYOUT = StreamLayout("ORDERS")


def test_events_and_snapshots_have_a_prefix_each_and_a_filter_each() -> None:
    assert (LAYOUT.events_prefix, LAYOUT.snapshots_prefix) == ("ORDERS.events.", "ORDERS.snapshots.")
    assert (LAYOUT.all_events, LAYOUT.all_snapshots) == ("ORDERS.events.>", "ORDERS.snapshots.>")
    assert LAYOUT.subjects == ("ORDERS.events.>", "ORDERS.snapshots.>")


@pytest.mark.parametrize(
    ("actor_id", "key"), [("order-42", "order.order-42"), ("42", "unknown.42"), ("a.b-1 2", "a_b.a_b-1_2")]
)
def test_an_actor_has_one_key_in_both_of_its_subjects(actor_id: str, key: str) -> None:
    assert LAYOUT.event_subject(actor_id) == event_subject("ORDERS", actor_id) == f"ORDERS.events.{key}"
    assert LAYOUT.snapshot_subject(actor_id) == snapshot_subject("ORDERS", actor_id) == f"ORDERS.snapshots.{key}"


@given(st.text(st.characters(codec="utf-8"), min_size=1))
@settings(deadline=None)
def test_both_subjects_of_an_actor_lead_back_to_its_key_and_the_key_to_its_id(actor_id: str) -> None:
    key = actor_key(actor_id).encode()
    assert LAYOUT.actor_key(LAYOUT.event_subject(actor_id).encode()) == key
    assert LAYOUT.actor_key(LAYOUT.snapshot_subject(actor_id).encode()) == key
    assert actor_id_of(key) == sanitize_subject(actor_id)


@pytest.mark.parametrize(
    ("subject", "key"),
    [
        (b"ORDERS.events.order.order-1", b"order.order-1"),
        (b"ORDERS.events.customer.\xff", b"customer.\xff"),
        (b"ORDERS.events.ORDERS.events.x", b"ORDERS.events.x"),
        (b"ORDERS.events", None),
        (b"ORDERS.other.order.order-1", None),
        (b"CARTS.events.order.order-1", None),
        (b"X.ORDERS.events.order.order-1", None),
    ],
)
def test_a_subject_has_a_key_if_it_begins_as_events_or_snapshots_do(subject: bytes, key: bytes | None) -> None:
    assert LAYOUT.actor_key(subject) == key


@pytest.mark.parametrize("rest", [">", "order.*", "*.order-1", "order.order-1"])
def test_the_filter_for_snapshots_matches_the_actors_of_the_filter_for_events(rest: str) -> None:
    assert LAYOUT.snapshot_filter(f"ORDERS.events.{rest}") == f"ORDERS.snapshots.{rest}"


def test_a_prefix_may_have_several_tokens() -> None:
    mirror = StreamLayout("copy.ORDERS")
    assert mirror.event_subject("order-1") == "copy.ORDERS.events.order.order-1"
    assert mirror.actor_key(b"copy.ORDERS.snapshots.order.order-1") == b"order.order-1"


@pytest.mark.parametrize(
    ("key", "actor_id", "actor_type"),
    [
        (b"order.order-1", "order-1", "order"),
        (b"unknown.42", "42", "unknown"),
        (b"customer.order-1", None, "customer"),
        (b"order.order-*", None, "order"),
        (b"\xff.\xff-1", None, "\\xff"),
        (b"", None, ""),
    ],
)
def test_a_key_holds_the_id_and_the_type_of_its_actor(key: bytes, actor_id: str | None, actor_type: str) -> None:
    assert actor_id_of(key) == actor_id
    assert actor_type_of(key) == actor_type
