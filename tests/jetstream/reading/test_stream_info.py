"""How a reply becomes the stream info of a pass, and how numbers that contradict one another are noticed."""

from __future__ import annotations

import msgspec
import pytest

from auditor.core.model.message import Loss
from auditor.jetstream.api import StreamInfoReply
from auditor.jetstream.reading.stream_info import stream_info_of

CREATED = "2026-01-02T03:04:05.000000006Z"
STATE = {"messages": 3, "first_seq": 4, "last_seq": 8, "num_deleted": 2, "first_ts": CREATED, "bytes": 99}


def reply(**state: object) -> StreamInfoReply:
    found = {"created": CREATED, "config": {"name": "S", "subjects": ["S.>"]}, "state": {**STATE, **state}}
    return msgspec.json.decode(msgspec.json.encode(found), type=StreamInfoReply)


def test_the_numbers_of_a_reply_are_kept() -> None:
    info = stream_info_of("S", reply())
    assert (info.first_seq, info.last_seq, info.messages, info.deleted, info.bytes) == (4, 8, 3, 2, 99)
    assert info.first_time_ns == info.created_ns
    assert info.created_ns % 1_000 == 6
    assert (info.lost, info.contradiction, info.subjects) == (Loss(), None, ("S.>",))


def test_lost_sequences_are_kept_as_ranges() -> None:
    info = stream_info_of("S", reply(lost={"msgs": [7, 1, 2, 3], "bytes": 10}))
    assert info.lost == Loss(((1, 3), (7, 7)), 10)
    assert stream_info_of("S", reply(lost={"msgs": None, "bytes": 10})).lost == Loss((), 10)


@pytest.mark.parametrize(
    "state",
    [
        {"messages": 0, "first_seq": 0, "last_seq": 0, "num_deleted": 0},
        {"messages": 0, "first_seq": 0, "last_seq": 0, "num_deleted": 1},
        {"messages": 0, "first_seq": 9, "last_seq": 8, "num_deleted": 0},
        {"messages": 0, "first_seq": 1000, "last_seq": 999, "num_deleted": 0},
        {"messages": 5, "num_deleted": 0},
    ],
)
def test_an_empty_stream_and_one_without_deletions_contradict_nothing(state: dict[str, int]) -> None:
    info = stream_info_of("S", reply(**state))
    assert info.contradiction is None
    assert info.first_seq == (4 if info.messages else info.last_seq + 1)


@pytest.mark.parametrize(
    "state",
    [
        {"messages": 300},
        {"messages": 0},
        {"num_deleted": 0},
        {"first_seq": 9},
        {"last_seq": 3},
        {"first_seq": 5},
        {"bytes": 0},
    ],
)
def test_numbers_that_contradict_one_another_are_named(state: dict[str, int]) -> None:
    contradiction = stream_info_of("S", reply(**state)).contradiction
    assert str(contradiction).startswith("the server's stream info contradicts itself: first sequence ")


@pytest.mark.parametrize("deleted", [[], [5], [5, 5], [5, 6, 7], [4, 5], [5, 9]])
def test_a_list_of_deleted_sequences_that_contradicts_the_numbers_is_named(deleted: list[int]) -> None:
    contradiction = stream_info_of("S", reply(deleted=deleted)).contradiction
    assert f"it lists {len(deleted)} deleted sequences" in str(contradiction)


@pytest.mark.parametrize("deleted", [[5, 6], [8, 5]])
def test_a_list_of_deleted_sequences_has_any_order_and_may_hold_the_last_sequence(deleted: list[int]) -> None:
    assert stream_info_of("S", reply(deleted=deleted)).contradiction is None


def test_listed_deletions_before_the_first_sequence_are_not_counted() -> None:
    info = stream_info_of("S", reply(deleted=[2, 5, 6], num_deleted=3))
    assert (info.deleted, info.contradiction) == (2, None)


def test_the_configuration_of_another_stream_is_a_contradiction() -> None:
    assert str(stream_info_of("T", reply()).contradiction).endswith("of stream T has the configuration of stream 'S'")


def test_a_reply_without_a_state_is_a_contradiction() -> None:
    data = b'{"created": "%b", "config": {"name": "S"}}' % CREATED.encode()
    found = msgspec.json.decode(data, type=StreamInfoReply)
    assert stream_info_of("S", found).contradiction == "the server's stream info has no state"
