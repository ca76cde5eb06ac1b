"""Bodies of 1 MiB that are slow for decoders with algorithms that are not linear."""

from __future__ import annotations

MIB = 1 << 20


def _fill(before: bytes, unit: bytes, after: bytes = b"") -> bytes:
    return before + unit * ((MIB - len(before) - len(after)) // len(unit)) + after


_DATA = b'{"data":{"a":['
HOSTILE = {
    "empty arrays": _fill(_DATA, b"[],", b"0]}}"),
    "zeros": _fill(_DATA, b"0,", b"0]}}"),
    "zeros in a wrong event": _fill(_DATA, b"0,", b'0]},"id":5}'),
    "floats that are hard to read": _fill(_DATA, b"9e300,", b"0]}}"),
    "numbers of 308 digits": _fill(_DATA, b"7" * 308 + b",", b"0]}}"),
    "brackets and escaped quotes": _fill(b'["' + b"]" * 10_001 + b'",' + b"[" * 9_000 + b'"', rb"\"", b"\x00"),
    "empty keys": _fill(b"{", b'"":0,', b'"":0}'),
    "empty keys in data": _fill(b'{"data":{', b'"":0,', b'"":0}}'),
    "repeated maps": _fill(b"{", b'"data":{"a":[[[0]]]},', b'"id":""}'),
    "one number": _fill(b'{"data":{"a":', b"1", b"}}"),
    "one fraction": _fill(b'{"data":{"a":1.', b"7", b"}}"),
    "one exponent": _fill(b'{"data":{"a":1e', b"9", b"}}"),
    "one version": _fill(b'{"version":', b"1", b"}"),
    "one timestamp": _fill(b'{"timestamp":"2024-05-06T07:08:09.', b"9", b'Z"}'),
    "escapes": _fill(b'{"id":"', rb"\n", b'"}'),
    "lone surrogates": _fill(b'{"id":"', rb"\ud800", b'"}'),
    "escaped strings": _fill(_DATA, b'"\\n",', b"0]}}"),
    "no UTF-8": _fill(b'{"id":"', b"\xff", b'"}'),
    "strings of no UTF-8": _fill(_DATA, b'"\xff",', b"0]}}"),
    "open arrays": _fill(b"", b"["),
    "open objects": _fill(b"", b'{"":'),
    "nests of 4": _fill(_DATA, b"[[[[]]]],", b"0]}}"),
    "nests of 100": _fill(_DATA, b"[" * 100 + b"]" * 100 + b",", b"0]}}"),
    "nests of 100, cut off": _fill(_DATA, b"[" * 100 + b"]" * 100 + b","),
    "nests of 9,000": _fill(_DATA, b"[" * 9_000 + b"]" * 9_000 + b",", b"0]}}"),
    "nests of 9,000 objects": _fill(_DATA, b'{"":' * 9_000 + b"0" + b"}" * 9_000 + b",", b"0]}}"),
    "nests of 1,000 that zigzag": _fill(_DATA, b"[[],[0]," * 1_000 + b"0" + b",{}]" * 1_000 + b",", b"0]}}"),
    "nests of 1,000 spaced": _fill(_DATA, b"[ " * 1_000 + b" ]" * 1_000 + b",", b"0]}}"),
    "spaces": _fill(b"{", b" ", b"}"),
    "spaces and no value": _fill(b"", b" "),
    "a string without end": _fill(b'{"', b"a"),
    "quotes": _fill(b"", b'"'),
    "NUL": _fill(b"", b"\x00"),
}
