from __future__ import annotations

import pytest

from auditor.jetstream.stream_settings import not_default, wrong_values


def test_a_setting_with_another_value_is_named_with_both_values() -> None:
    assert wrong_values({"discard": "old"}, {"discard": "new"}) == ['discard is "old", must be "new"']
    assert wrong_values({"discard": "new", "other": 1}, {"discard": "new"}) == []


def test_a_setting_that_is_missing_is_named_as_not_set() -> None:
    assert wrong_values({}, {"discard": "new"}) == ['discard is not set, must be "new"']


@pytest.mark.parametrize("value", [None, False, -1, 0, [], {}, "", "default", "none"])
def test_a_value_that_the_server_sets_by_default_is_not_named(value: object) -> None:
    assert not_default({"setting": value}, ["setting", "absent"]) == []


@pytest.mark.parametrize("value", [True, 1, ["x"], {"name": "X"}, "async", "s2"])
def test_any_other_value_is_named(value: object) -> None:
    assert not_default({"setting": value, "another": value}, ["setting"]) == ["setting"]
