from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.aether import event_subject, extract_actor_type, sanitize_subject, snapshot_subject
from auditor.aether.subjects import actor_key, unreachable_reason, unreadable_id_reason


@pytest.mark.parametrize(
    ("actor_id", "actor_type"),
    [
        ("order-42", "order"),
        ("order-line-42", "order"),
        ("-a-b", "-a"),
        ("--a", "-"),
        ("-", "unknown"),
        ("-a", "unknown"),
        ("a-", "a"),
        ("order42", "unknown"),
        ("", "unknown"),
        ("é-1", "é"),
        ("a b-1", "a b"),
    ],
)
def test_the_type_is_the_part_before_the_first_dash_that_does_not_begin_the_id(actor_id: str, actor_type: str) -> None:
    assert extract_actor_type(actor_id) == actor_type


def test_sanitizing_replaces_what_nats_gives_a_meaning_and_nothing_else() -> None:
    assert sanitize_subject("a b.c*d>e") == "a_b_c_d_e"
    assert sanitize_subject("é\x00\t\n-_/$") == "é\x00\t\n-_/$"


def test_events_and_snapshots_of_an_actor_have_the_same_key() -> None:
    assert actor_key("order.eu-4 2") == "order_eu.order_eu-4_2"
    assert event_subject("ORDERS", "order-42") == "ORDERS.events.order.order-42"
    assert snapshot_subject("ORDERS", "order-42") == "ORDERS.snapshots.order.order-42"
    assert event_subject("ORDERS", "42") == "ORDERS.events.unknown.42"


@given(st.text(min_size=1))
@settings(deadline=None)
def test_every_actor_id_that_is_not_empty_leads_to_a_reachable_subject(actor_id: str) -> None:
    assert unreachable_reason(actor_key(actor_id).encode()) is None


@given(st.from_regex(rb"\A[-a. *\xc3\xa9]{1,8}\Z"))
@example(b"\xa9.\xa9-")
@settings(deadline=None)
def test_a_key_is_reachable_exactly_if_its_own_id_leads_to_it(key: bytes) -> None:
    text = key.decode(errors="replace")
    leads_there = actor_key(text.rpartition(".")[2]).encode() == key and not text.endswith(".")
    assert (unreachable_reason(key) is None) == leads_there


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (b"order.order-42", None),
        (b"unknown.42", None),
        (b"unknown.\x00\x1b", None),
        (b"order.order-\xff", "encoding"),
        (b"order.order-\xed\xa0\x80", "encoding"),
        (b"\xff.*", "encoding"),
        (b"order.order-*", "wildcard"),
        (b"order.order-4 2", "wildcard"),
        (b"order.>", "wildcard"),
        (b"*", "wildcard"),
        (b"order", "tokens"),
        (b"", "tokens"),
        (b".", "tokens"),
        (b"unknown.", "tokens"),
        (b".order-42", "tokens"),
        (b"order..order-42", "tokens"),
        (b"order.order-42.x", "tokens"),
        (b"invoice.order-42", "tokens"),
        (b"order.42", "tokens"),
        (b"42.42", "tokens"),
    ],
)
def test_a_subject_that_no_actor_id_leads_to_has_a_reason(key: bytes, reason: str | None) -> None:
    assert unreachable_reason(key) == reason


@pytest.mark.parametrize("actor_id", ["", "a\tb", "a\r", "\n", "\ud800", "a\udcffb"])
def test_an_id_that_no_server_can_store_has_a_reason(actor_id):
    assert unreadable_id_reason(actor_id)


@pytest.mark.parametrize("actor_id", ["a", " ", "a.b", "*", "a\x00b", "a\x0bb", "日本", "x" * 5000])
def test_any_other_id_has_none(actor_id):
    assert unreadable_id_reason(actor_id) is None
