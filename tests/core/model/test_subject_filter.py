"""A subject filter matches subjects by the rules of NATS."""

from __future__ import annotations

import pytest

from auditor.core.model.subject_filter import SubjectFilter, is_subset, overlaps


@pytest.mark.parametrize(
    ("pattern", "subject", "matched"),
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
def test_a_pattern_matches_the_subjects_that_the_server_delivers_for_it(
    pattern: str, subject: bytes, *, matched: bool
) -> None:
    assert SubjectFilter([pattern]).matches(subject) is matched
    assert SubjectFilter(["other.subject", pattern]).matches(subject) is matched


def test_a_filter_without_patterns_matches_nothing() -> None:
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
def test_a_filter_is_a_subset_if_every_subject_that_matches_it_matches_the_other(wide, narrow, expected):
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
def test_filters_overlap_if_a_subject_matches_both(one, other, expected):
    assert overlaps(one, other) is expected
    assert overlaps(other, one) is expected
