"""Whether the limits of a stream explain that messages have left its start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.core.history.stream_identity import LastStreamInfo
from auditor.core.history.stream_start import UNEXPLAINED, configured_first_seq, unexplained_start
from auditor.core.model.message import StreamInfo

HOUR = 3_600 * 10**9
CREATED = 1_700_000_000 * 10**9
INFO = StreamInfo("S", CREATED, 5, 20, 16, 0, bytes=1600, first_time_ns=CREATED + 2 * HOUR)
BEFORE = LastStreamInfo(
    checked_ns=CREATED + HOUR, created_ns=CREATED, first_seq=1, last_seq=10, messages=10, first_time_ns=CREATED
)


@pytest.mark.parametrize(("config", "first"), [({}, 1), ({"first_seq": 1000}, 1000), ({"first_seq": "x"}, 1)])
def test_a_stream_begins_at_its_configured_first_sequence(config: dict[str, object], first: int) -> None:
    assert configured_first_seq(replace(INFO, config=config)) == first


@pytest.mark.parametrize(
    ("config", "age"),
    [
        ({"max_age": 3 * HOUR}, 3 * HOUR),
        ({"max_msgs": 16}, 0),
        ({"max_bytes": 2000}, 0),
        ({"max_msgs_per_subject": 10}, 0),
        ({"retention": "workqueue"}, 0),
        ({"allow_msg_ttl": True}, 0),
    ],
)
def test_a_limit_that_was_reached_explains_it(config: dict[str, object], age: int) -> None:
    assert unexplained_start(replace(INFO, config=config), BEFORE, CREATED + age) is None


@pytest.mark.parametrize(
    "config",
    [{}, {"max_age": 3 * HOUR}, {"max_msgs": 17}, {"max_bytes": 10**9}, {"retention": "limits"}, {"max_msgs": -1}],
)
def test_a_limit_that_was_not_reached_does_not_and_the_range_and_its_time_are_named(config: dict[str, object]) -> None:
    left = unexplained_start(replace(INFO, config=config), BEFORE, CREATED + 2 * HOUR)
    assert left is not None
    assert left.startswith(
        "sequences 1 to 4, stored from 2023-11-14 22:13:20 UTC until 2023-11-15 00:13:20 UTC, have left the start"
    )
    assert left.endswith(UNEXPLAINED)


def test_without_an_earlier_check_everything_before_the_first_sequence_has_left() -> None:
    assert unexplained_start(INFO, None, CREATED) == UNEXPLAINED
    assert unexplained_start(replace(INFO, config={"first_seq": 5}), None, CREATED) is None


def test_nothing_has_left_if_the_first_sequence_is_the_same() -> None:
    assert unexplained_start(INFO, replace_first(5), CREATED) is None


def replace_first(seq: int) -> LastStreamInfo:
    return LastStreamInfo(checked_ns=1, created_ns=CREATED, first_seq=seq, last_seq=10, messages=6)
