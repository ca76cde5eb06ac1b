"""The settings with which a state stream is refused."""

from __future__ import annotations

import pytest

from auditor.config import StateConfig
from auditor.jetstream.state.stream_settings import MAX_BYTES, state_stream

STREAM = state_stream(StateConfig())
GOOD = STREAM.settings()


def test_a_stream_that_the_auditor_creates_is_accepted_and_so_are_other_sizes() -> None:
    for setting in ({}, {"max_bytes": 1000}, {"num_replicas": 3}, {"max_age": 0, "max_msgs": -1}):
        assert STREAM.unsafe_settings(GOOD | setting) == []


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ({"discard": "old"}, 'discard is "old", must be "new"'),
        ({"storage": "memory"}, 'storage is "memory", must be "file"'),
        ({"retention": "interest"}, 'retention is "interest", must be "limits"'),
        ({"allow_rollup_hdrs": False}, "allow_rollup_hdrs is false, must be true"),
        ({"deny_purge": True}, "deny_purge is set, must not be"),
        ({"max_age": 5}, "max_age is set, must not be"),
        ({"max_msgs": 5}, "max_msgs is set, must not be"),
        ({"max_msgs_per_subject": 1}, "max_msgs_per_subject is set, must not be"),
        ({"max_bytes": -1}, f"max_bytes is unlimited, must be a limit such as {MAX_BYTES}"),
    ],
)
def test_each_setting_that_could_lose_saved_state_is_named(setting: dict[str, object], line: str) -> None:
    assert STREAM.unsafe_settings(GOOD | setting) == [line]
