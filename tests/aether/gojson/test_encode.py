from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aether import (
    ActorSnapshot,
    EncodeError,
    Event,
    Malformed,
    Timestamp,
    decode_event,
    decode_snapshot,
    encode_event,
    encode_snapshot,
)
from tests.corpus.vectors import DECODE, ENCODE, read_vectors

EVENT = Event(
    "evt-1", "OrderPlaced", "order-42", "cmd-7", 17, {"b": 1.5, "a": [True, None]}, {"y": "2", "x": "1"}, Timestamp(1)
)


def data(value: Any) -> bytes:
    return encode_event(Event(data={"v": value})).split(b'"data":{"v":')[1].split(b'},"timestamp"')[0]


def test_fields_are_in_the_order_of_the_go_struct_and_map_keys_are_sorted() -> None:
    assert encode_event(EVENT) == (
        b'{"id":"evt-1","eventType":"OrderPlaced","actorId":"order-42","commandId":"cmd-7","version":17,'
        b'"data":{"a":[true,null],"b":1.5},"metadata":{"x":"1","y":"2"},"timestamp":"1970-01-01T00:00:01Z"}'
    )
    assert encode_snapshot(ActorSnapshot("order-42", 17, {"b": 1.5, "a": {}}, Timestamp(1))) == (
        b'{"actorId":"order-42","version":17,"state":{"a":{},"b":1.5},"timestamp":"1970-01-01T00:00:01Z"}'
    )


def test_an_empty_command_id_and_empty_metadata_are_left_out_and_nothing_else_is() -> None:
    zero = b'{"id":"","eventType":"","actorId":"","version":0,"data":null,"timestamp":"0001-01-01T00:00:00Z"}'
    assert encode_event(Event()) == zero
    assert encode_event(Event(metadata={})) == zero
    assert encode_event(Event(data={})) == zero.replace(b"null", b"{}")


def test_keys_are_sorted_as_their_utf8_bytes() -> None:
    assert data({"\uffff": 1, "😀": 2, "é": 3, "a": 4, "B": 5}) == '{"B":5,"a":4,"é":3,"\uffff":1,"😀":2}'.encode()


class Word(str, Enum):  # noqa: UP042 (not a StrEnum: its str() is another text)
    A = "a"


class Number(int, Enum):
    ONE = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, b"12"),
        (12.0, b"12"),
        (2**53 + 1, b"9007199254740993"),
        (-(10**30), b"-1000000000000000000000000000000"),
        (1e21, b"1e+21"),
        (True, b"true"),
        ((1, 2), b"[1,2]"),
        ([], b"[]"),
        ({}, b"{}"),
        ([[], [{}], {"": [1]}], b'[[],[{}],{"":[1]}]'),
        ("<a>", b'"\\u003ca\\u003e"'),
        ("\udcff", '"\ufffd"'.encode()),
        (Word.A, b'"a"'),
        (Number.ONE, b"1"),
    ],
)
def test_values_are_written_as_go_writes_them(value: Any, text: bytes) -> None:
    assert data(value) == text


def test_deep_data_is_written() -> None:
    deep: list[Any] = []
    for _ in range(9_997):
        deep = [deep]
    assert data(deep) == b"[" * 9_998 + b"]" * 9_998
    with pytest.raises(EncodeError, match="data: more than 10,000 objects and arrays inside each other"):
        data([deep])


def test_data_that_contains_itself_is_an_encode_error() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(EncodeError, match="more than 10,000"):
        data(cycle)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": None}, "id: expected a string, got NoneType"),
        ({"command_id": 5}, "commandId: expected a string, got int"),
        ({"version": 2**63}, "version: the integer is outside the int64 range"),
        ({"version": 1.0}, "version: expected an integer, got float"),
        ({"version": True}, "version: expected an integer, got bool"),
        ({"data": []}, "data: expected a dict, got list"),
        ({"data": {1: 2}}, "data: expected keys that are strings, got int"),
        ({"data": {"a": [float("nan")]}}, "data: JSON cannot represent NaN and infinity"),
        ({"data": {"a": float("-inf")}}, "data: JSON cannot represent NaN and infinity"),
        ({"data": {"a": b""}}, "data: JSON cannot represent a value of type bytes"),
        ({"data": {"a": {1}}}, "data: JSON cannot represent a value of type set"),
        ({"data": {"a": 10**400}}, "data: an integer is outside the float64 range"),
        ({"data": {"a": 10**5000}}, "data: an integer is outside the float64 range"),
        ({"metadata": {"a": 1}}, "metadata value: expected a string, got int"),
        ({"metadata": {1: "a"}}, "metadata: expected keys that are strings, got int"),
        ({"timestamp": Timestamp(0, 0, 86_400)}, "timestamp: the zone offset is 24 hours or more"),
    ],
)
def test_what_go_could_not_write_is_an_encode_error(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(EncodeError) as error:
        encode_event(replace(EVENT, **fields))
    assert str(error.value) == message


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60).map(float)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
TIMESTAMPS = st.builds(
    Timestamp,
    unix_seconds=st.integers(-62_135_510_400, 253_402_214_400),  # years 1 to 9999 in every zone
    nanoseconds=st.integers(0, 999_999_999),
    offset_seconds=st.integers(-23 * 60, 23 * 60).map(lambda minutes: 60 * minutes),
)
EVENTS = st.builds(
    Event,
    id=TEXT,
    event_type=TEXT,
    actor_id=TEXT,
    command_id=TEXT,
    version=st.integers(-(2**63), 2**63 - 1),
    data=st.none() | st.dictionaries(TEXT, VALUES, max_size=5),
    metadata=st.none() | st.dictionaries(TEXT, TEXT, min_size=1, max_size=3),
    timestamp=TIMESTAMPS,
)
SNAPSHOTS = st.builds(
    ActorSnapshot,
    actor_id=TEXT,
    version=st.integers(-(2**63), 2**63 - 1),
    state=st.none() | st.dictionaries(TEXT, VALUES, max_size=5),
    timestamp=TIMESTAMPS,
)


@given(EVENTS)
@settings(deadline=None)
def test_an_event_comes_back_from_its_bytes_as_it_was(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


@given(SNAPSHOTS)
@settings(deadline=None)
def test_a_snapshot_comes_back_from_its_bytes_as_it_was(snapshot: ActorSnapshot) -> None:
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_whatever_was_decoded_is_written_in_bytes_that_do_not_change_any_more() -> None:
    """After Go has decoded and encoded a body, every further decoding and encoding gives the same bytes."""
    written = 0
    for vector, body in read_vectors():
        decode, encode = DECODE[vector["kind"]], ENCODE[vector["kind"]]
        value = decode(body)
        if not isinstance(value, Malformed) and "marshal_error" not in vector:
            first = encode(value)
            assert encode(decode(first)) == first
            written += 1
    assert written > 5_000
