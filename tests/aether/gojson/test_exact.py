from __future__ import annotations

import pytest

from auditor.aether import ActorSnapshot, Event, Malformed, Reason
from auditor.aether.gojson.exact import decode_event, decode_snapshot


@pytest.mark.parametrize(
    "body", [b"null", b" null ", b"{}", b'{"unknown":[1e999]}', b'{"id":null,"version":null,"data":null}']
)
def test_null_and_an_empty_object_are_all_zero(body: bytes) -> None:
    assert decode_event(body) == Event()
    assert decode_snapshot(body) == ActorSnapshot()


@pytest.mark.parametrize(
    "key",
    [
        "version",
        "VERSION",
        "vErSiOn",
        "ver\u017fion",
        "VER\u017fION",
        "\\u0076ersion",
        "ver\\u017fion",
        "\\u0056ERSION",
    ],
)
def test_a_key_is_matched_under_simple_case_folding(key: str) -> None:
    assert decode_event(f'{{"{key}":5}}'.encode()) == Event(version=5)


@pytest.mark.parametrize(
    "key", ["vers\u0131on", "VERS\u0130ON", "versi\uff4fn", "ver-sion", "ver_sion", "version ", "version\\u0000"]
)
def test_nothing_else_folds_into_a_field(key: str) -> None:
    assert decode_event(f'{{"{key}":"x"}}'.encode()) == Event()


def test_the_last_scalar_counts_and_null_does_not_change_it() -> None:
    assert decode_event(b'{"id":"a","id":"b","ID":null}') == Event(id="b")


def test_maps_are_merged_and_null_resets_them() -> None:
    assert decode_event(b'{"data":{"a":{"x":1}},"Data":{"a":{"y":2},"b":3}}') == Event(data={"a": {"y": 2.0}, "b": 3.0})
    assert decode_event(b'{"data":{"a":1},"data":null,"data":{"b":2}}') == Event(data={"b": 2.0})
    assert decode_event(b'{"metadata":{"a":"b"},"metadata":null}') == Event()
    assert decode_event(b'{"metadata":{"a":"b"},"METADATA":{"c":"d"}}') == Event(metadata={"a": "b", "c": "d"})


@pytest.mark.parametrize(
    "body", [b'{"version":"x","version":5}', b'{"version":5,"VERSION":"x"}', b'{"data":[],"data":null}']
)
def test_every_occurrence_of_a_field_is_checked(body: bytes) -> None:
    verdict = decode_event(body)
    assert isinstance(verdict, Malformed)
    assert verdict.reason is Reason.TYPE


def test_a_field_of_the_other_kind_is_unknown() -> None:
    assert decode_event(b'{"state":5}') == Event()
    assert decode_snapshot(b'{"data":5,"metadata":5,"id":5}') == ActorSnapshot()


def test_deep_data_is_read_and_what_follows_it_too() -> None:
    event = decode_event(b'{"data":{"a":' + b"[" * 9_998 + b"]" * 9_998 + b'},"id":"after"}')
    assert isinstance(event, Event)
    assert event.id == "after"
    assert event.data is not None
    inner, depth = event.data["a"], 1
    while inner:
        inner, depth = inner[0], depth + 1
    assert depth == 9_998


def test_a_syntax_error_anywhere_comes_before_a_type_error() -> None:
    verdict = decode_event(b'{"id":5,"x":[1,]}')
    assert isinstance(verdict, Malformed)
    assert (verdict.reason, verdict.offset) == (Reason.SYNTAX, 15)
