"""Which subjects a pattern covers, by NATS's rules."""

from __future__ import annotations

import pytest

from auditor.core.model.subject_filter import SubjectFilter, is_subset, overlaps


@pytest.mark.parametrize(
    ("pattern", "subject", "covered"),
    [
        ("S.events.>", b"S.events.order.order-1", True),
        ("S.events.>", b"S.events.x", True),
        ("S.events.>", b"S.events", False),
        ("S.events.>", b"S.eventsx.order", False),
        ("S.events.>", b"S.events.\xff\xfe", True),
        ("S.events.order.*", b"S.events.order.order-1", True),
        ("S.events.order.*", b"S.events.cart.cart-1", False),
        ("S.events.order.*", b"S.events.order.a.b", False),
        ("S.events.order.*", b"S.events.order", False),
        ("S.events.*.order-1", b"S.events.order.order-1", True),
        ("S.events.*.>", b"S.events.order.a.b", True),
        ("S.events.*.>", b"S.events.order", False),
        ("S.events.order.order-1", b"S.events.order.order-1", True),
        ("S.events.order.order-1", b"S.events.order.order-11", False),
    ],
)
def test_a_pattern_covers_what_the_server_would_deliver_for_it(pattern: str, subject: bytes, *, covered: bool) -> None:
    assert SubjectFilter([pattern]).matches(subject) is covered
    assert SubjectFilter(["other.subject", pattern]).matches(subject) is covered


def test_no_pattern_covers_nothing() -> None:
    assert not SubjectFilter([]).matches(b"S.events.order.order-1")


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("a.b.>", "a.b.>", True),
        ("a.>", "a.b.>", True),
        (">", "a.b.>", True),
        ("*.b.>", "a.b.>", True),
        ("a.b.*", "a.b.>", False),
        ("a.b", "a.b.>", False),
        ("a.b.c.>", "a.b.>", False),
        ("a.c.>", "a.b.>", False),
        ("a.b.>", "a.b", False),
        ("a.*", "a.b", True),
        ("a", "a.b", False),
    ],
)
def test_a_subject_covers_another_if_it_means_all_that_the_other_means(wide, narrow, expected):
    assert is_subset(wide, narrow) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.*.c", "a.b.>", True),
        ("a.b", "a.b.>", False),
        ("a.b.c", "a.b", False),
        ("a.x.>", "a.b.>", False),
        (">", "a", True),
    ],
)
def test_subjects_overlap_if_one_subject_is_meant_by_both(one, other, expected):
    assert overlaps(one, other) is expected
    assert overlaps(other, one) is expected
