from __future__ import annotations

import pytest

from auditor.aether.gojson import fast
from auditor.aether.gojson.fast import fits_fast_path, has_exact_values, to_float64


def takes(body: bytes) -> bool:
    return fast.fast_event(body) is not None


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b' { "version" : 5 , "data" : null } ',
        b'{"timestamp":"2024-02-29T07:08:09.123456789+24:60"}',
        '{"id":"é😀","data":{"\u017f":1.5},"metadata":{}}'.encode(),
        b'{"data":{"a":' + b"[" * 500 + b"]" * 500 + b"}}",
        b'{"data":{"a":"' + b"[" * 30_000 + b'"}}',
        b'{"data":{"a":[' + b"[]," * 30_000 + b"[]]}}",
        b'{"data":{"a":' + b"7" * 308 + b"}}",
        b'{"data":{"a":"' + b"7" * 308 + b'"}}',
    ],
)
def test_a_usual_body_fits_the_fast_path(body: bytes) -> None:
    assert takes(body)


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b'{"unknown":1}',
        b'{"Version":1}',
        b'{"id":null}',
        b'{"timestamp":null}',
        b'{"timestamp":5}',
        b'{"timestamp":"2023-02-29T00:00:00Z"}',
        b'{"timestamp":"x","timestamp":"2024-02-29T00:00:00Z"}',
        b'{"metadata":{"a":null}}',
        b'{"id":"\xff"}',
        b'{"id":"\\ud800"}',
        b'{"version":9223372036854775808}',
        b'{"version":-9223372036854775809}',
        b'{"data":{"a":1e999}}',
        b'{"data":{"a":' + b"7" * 309 + b"}}",
        b'{"data":{"a":' + b"7" * 309 + b" " * 283 + b"}}",
        b'{"data":' + b" " * 290 + b'{"a":' + b"7" * 309 + b"}}",
        b'{"data":{"a":' + b"7" * 5_000 + b"}}",
        b'{"data":{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
        b'{"data":{"a":[' + b"1e300," * 20_000 + b"0]}}",
    ],
)
def test_an_unusual_body_needs_the_exact_decoder(body: bytes) -> None:
    assert not takes(body)


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_no_run_of_309_digits_is_missed(at: int) -> None:
    assert not fits_fast_path(b'"' * at + b"9" * 309 + b'"' * 50)


def test_depth_beyond_the_limit_is_detected_in_any_context() -> None:
    assert fits_fast_path(b"[" * 10_000 + b"]" * 10_000 + b"[]")
    assert not fits_fast_path(b"[" * 10_001 + b"]" * 10_001)
    assert not fits_fast_path(b'["' + b"]" * 10_000 + b'",' + b"[" * 10_001)
    assert fits_fast_path(b'["' + b"[" * 30_000 + b'"]')


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (b'{"data":{}}', True),
        (b'{"data":{},"data":{}}', False),
        (b'{"data":{"data":1}}', False),
        (b'{"data":{},"d\\u0061ta":{}}', False),
        (b'{"data":{"a":-0}}', False),
        (b'{"data":{"a":-0.5,"b":"\\u00e9"},"timestamp":"2024-01-02T00:00:00-02:00"}', True),
    ],
)
def test_values_are_trusted_unless_a_map_may_be_repeated_or_zero_may_be_negative(*, body: bytes, plain: bool) -> None:
    assert has_exact_values(body, b'"data"') is plain


def test_integers_become_floats_at_any_depth() -> None:
    tree = {"a": 1, "b": [2, {"c": 2**53 + 1}], "d": "5", "e": True, "f": None, "g": 0.5}
    converted = to_float64(tree)
    assert converted is tree
    assert (
        repr(converted) == "{'a': 1.0, 'b': [2.0, {'c': 9007199254740992.0}], 'd': '5', 'e': True, 'f': None, 'g': 0.5}"
    )
    assert to_float64(None) is None


@pytest.mark.parametrize("size", [309, 310, 500, 617, 618, 619, 1000])
def test_too_many_digits_are_detected_anywhere_in_a_body(size: int) -> None:
    digits = b"7" * 309
    for before in range(size - 308):
        body = b" " * before + digits + b" " * (size - 309 - before)
        assert not fits_fast_path(body)
