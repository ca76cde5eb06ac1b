from __future__ import annotations

import pytest

from auditor.core.model.wildcards import covers, overlap


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
    assert covers(wide, narrow) is expected


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
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected
