from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from auditor.aether import Reason, Timestamp
from auditor.aether.gojson.fields import FieldError, read_int64, read_map, read_string, read_string_map, read_timestamp

if TYPE_CHECKING:
    from auditor.aether.gojson.fields import Reader


def read(reader: Reader, value: bytes, earlier: Any = None) -> Any:
    return reader(b"  " + value + b" ", 2, 2 + len(value), earlier)


@pytest.mark.parametrize(
    ("reader", "value", "result"),
    [
        (read_string, b'"a\\u0041"', "aA"),
        (read_int64, b"17", 17),
        (read_int64, b"-0", 0),
        (read_int64, b"9223372036854775807", 2**63 - 1),
        (read_int64, b"-9223372036854775808", -(2**63)),
        (read_timestamp, b'"1970-01-01T00:00:01Z"', Timestamp(1)),
        (read_timestamp, b'"1970-01-01T00:00:01\\u005a"', Timestamp(1)),
        (read_string_map, b"{}", {}),
        (read_string_map, b'{ "a" : "b" , "c" : null }', {"a": "b", "c": ""}),
        (read_map, b"{}", {}),
        (
            read_map,
            b'{"a":null,"b":true,"c":false,"d":"e","f":1}',
            {"a": None, "b": True, "c": False, "d": "e", "f": 1.0},
        ),
        (read_map, b'{ "a" : [ ] , "b" : { } , "" : [ [ ] , [ { } ] ] }', {"a": [], "b": {}, "": [[], [{}]]}),
        (read_map, b'{"a":[[[1],2],3],"b":4}', {"a": [[[1.0], 2.0], 3.0], "b": 4.0}),
        (read_map, b'{"a":{"b":{"c":1},"d":2},"e":3}', {"a": {"b": {"c": 1.0}, "d": 2.0}, "e": 3.0}),
        (read_map, b'{"a":"]}","b":"[{,:"}', {"a": "]}", "b": "[{,:"}),
        (read_map, b'{"a":1,"a":{"b":1},"a":{"c":2}}', {"a": {"c": 2.0}}),
    ],
)
def test_a_value_is_read_as_its_go_type(reader: Reader, value: bytes, result: Any) -> None:
    assert read(reader, value) == result


def test_a_repeated_map_adds_to_the_earlier_one_and_replaces_what_is_below() -> None:
    assert read(read_map, b'{"a":{"y":2},"b":3}', {"a": {"x": 1.0}, "c": 0.0}) == {"a": {"y": 2.0}, "b": 3.0, "c": 0.0}
    assert read(read_string_map, b'{"a":null}', {"a": "x", "b": "y"}) == {"a": "", "b": "y"}


@pytest.mark.parametrize(
    ("reader", "value", "reason", "offset", "detail"),
    [
        (read_string, b"5", Reason.TYPE, 2, "expected a string, found a number"),
        (read_string, b"{}", Reason.TYPE, 2, "expected a string, found an object"),
        (read_int64, b'"5"', Reason.TYPE, 2, "expected an integer in the int64 range, found a string"),
        (read_int64, b"true", Reason.TYPE, 2, "expected an integer in the int64 range, found a boolean"),
        (
            read_int64,
            b"1e2",
            Reason.NUMBER,
            2,
            "expected an integer in the int64 range, found a number with a fraction",
        ),
        (
            read_int64,
            b"-0.0",
            Reason.NUMBER,
            2,
            "expected an integer in the int64 range, found a number with a fraction",
        ),
        (
            read_int64,
            b"9223372036854775808",
            Reason.NUMBER,
            2,
            "expected an integer in the int64 range, found an integer",
        ),
        (
            read_int64,
            b"1" * 5_000,
            Reason.NUMBER,
            2,
            "expected an integer in the int64 range, found an integer outside it",
        ),
        (read_timestamp, b"0", Reason.TYPE, 2, "expected an RFC 3339 timestamp, found a number"),
        (read_timestamp, b'""', Reason.TIMESTAMP, 2, "expected an RFC 3339 timestamp, found a string that is none"),
        (read_string_map, b"[]", Reason.TYPE, 2, "expected an object of strings, found an array"),
        (
            read_string_map,
            b'{"a":"b","c":[]}',
            Reason.TYPE,
            15,
            "expected an object of strings, found an array inside it",
        ),
        (read_map, b'"{}"', Reason.TYPE, 2, "expected an object, found a string"),
        (
            read_map,
            b'{"a":1e999,"a":1}',
            Reason.NUMBER,
            7,
            "expected numbers in the float64 range, found one outside it",
        ),
    ],
)
def test_a_value_that_the_go_type_does_not_take_is_refused(
    reader: Reader, value: bytes, reason: Reason, offset: int, detail: str
) -> None:
    with pytest.raises(FieldError, match=detail) as refused:
        read(reader, value)
    assert (refused.value.reason, refused.value.offset) == (reason, offset)
