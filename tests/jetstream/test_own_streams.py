"""What every stream that the auditor writes to is refused for."""

from __future__ import annotations

import pytest

from auditor.errors import StateError
from auditor.jetstream.own_streams import FORBIDDEN, OwnedStream

OWN = OwnedStream("state", "OWN", "a.b", create=True, replicas=3, error=StateError, loses="all")
GOOD = OWN.settings(discard="new")


def test_it_is_created_with_its_name_its_subjects_and_its_copies() -> None:
    wanted = {"name": "OWN", "subjects": ["a.b.>"], "num_replicas": 3, "allow_direct": True, "discard": "new"}
    assert wanted == GOOD


def test_as_it_is_created_it_is_safe_and_wider_subjects_and_more_copies_are_the_owners_choice() -> None:
    for setting in ({}, {"subjects": ["other", "a.>"]}, {"num_replicas": 5}):
        assert OWN.unsafe_settings(GOOD | setting, {"discard": "new"}) == []


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"discard": "old"}, 'discard is "old", must be "new"'),
        ({"subjects": ["a.*"]}, 'subjects are ["a.*"], must cover a.b.>'),
        ({"num_replicas": 1}, "num_replicas is 1, must be at least 3"),
        ({"other": True}, "other is set, must not be"),
        *[({name: "x"}, f"{name} is set, must not be") for name in FORBIDDEN],
    ],
)
def test_each_unsafe_setting_is_named_with_what_is_needed(setting: dict[str, object], line: str) -> None:
    assert OWN.unsafe_settings(GOOD | setting, {"discard": "new"}, ("other",)) == [line]


def test_a_setting_that_is_missing_is_said_to_be() -> None:
    assert OWN.unsafe_settings(OWN.settings(), {"discard": "new"}) == ['discard is not set, must be "new"']
