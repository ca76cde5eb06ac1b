"""The settings that both streams of the auditor must have, and must not have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.config import StateConfig
from auditor.errors import StateError
from auditor.jetstream.own_streams import FORBIDDEN_IN_OWN, OwnedStream

HOUR_NS = 3_600 * 10**9
OWN = OwnedStream(
    section="state",
    config=StateConfig(stream="OWN", subject_prefix="a.b", replicas=3),
    error=StateError,
    what_is_lost="all",
    description="A test",
    required={"discard": "new"},
    forbidden=("other",),
    max_bytes=1_000,
)
GOOD = OWN.settings()


def test_the_stream_is_created_with_its_name_subjects_replicas_and_limits() -> None:
    assert GOOD == {
        "name": "OWN",
        "subjects": ["a.b.>"],
        "num_replicas": 3,
        "allow_direct": True,
        "description": "A test",
        "discard": "new",
        "max_bytes": 1_000,
    }
    assert replace(OWN, max_age_ns=HOUR_NS).settings() == GOOD | {"max_age": HOUR_NS}


def test_the_settings_of_a_created_stream_are_safe_and_so_are_wider_subjects_more_replicas_and_another_size() -> None:
    for setting in ({}, {"subjects": ["other", "a.>"]}, {"num_replicas": 5}, {"max_bytes": 1}):
        assert OWN.unsafe_settings(GOOD | setting) == []


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"discard": "old"}, 'discard is "old", must be "new"'),
        ({"subjects": ["a.*"]}, 'subjects are ["a.*"], must cover a.b.>'),
        ({"num_replicas": 1}, "num_replicas is 1, must be at least 3"),
        ({"max_bytes": -1}, "max_bytes is unlimited, must be a limit such as 1000"),
        ({"other": True}, "other is set, must not be"),
        *[({name: "x"}, f"{name} is set, must not be") for name in FORBIDDEN_IN_OWN],
    ],
)
def test_each_unsafe_setting_is_named_with_what_is_needed(setting: dict[str, object], line: str) -> None:
    assert OWN.unsafe_settings(GOOD | setting) == [line]


def test_a_setting_that_is_missing_is_named_as_not_set() -> None:
    missing = {name: value for name, value in GOOD.items() if name != "discard"}
    assert OWN.unsafe_settings(missing) == ['discard is not set, must be "new"']


@pytest.mark.parametrize(
    ("needed_ns", "found_ns", "lines"),
    [
        (None, 1, []),
        (HOUR_NS, 0, []),
        (HOUR_NS, HOUR_NS, []),
        (HOUR_NS, HOUR_NS - 10**9, ["max_age is 3599s, must be at least 3600s"]),
        (0, 0, []),
        (0, HOUR_NS, ["max_age is 3600s, must be 0 (for ever)"]),
    ],
)
def test_an_age_limit_below_the_needed_age_is_unsafe(needed_ns: int | None, found_ns: int, lines: list[str]) -> None:
    assert replace(OWN, max_age_ns=needed_ns).unsafe_settings(GOOD | {"max_age": found_ns}) == lines
