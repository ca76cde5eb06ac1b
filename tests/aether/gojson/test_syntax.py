from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aether import Malformed, Reason
from auditor.aether.gojson.syntax import MAX_DEPTH, check
from tests.corpus.inventions import damage, invent_nest

if TYPE_CHECKING:
    from random import Random


def nest(opening: bytes, inner: bytes, closing: bytes, depth: int = MAX_DEPTH) -> bytes:
    return opening * depth + inner + closing * depth


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=30,
)


@given(documents, st.sampled_from([(",", ":"), (" , ", " : "), (",\n", ":\t\r")]), st.booleans())
@settings(deadline=None)
def test_all_that_python_writes_is_json(document: object, separators: tuple[str, str], ascii_only: object) -> None:
    text = json.dumps(document, separators=separators, ensure_ascii=bool(ascii_only))
    assert isinstance(check(f" {text}\n".encode()), dict)


@given(documents, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_damaged_json_is_judged_as_python_judges_it(document: object, random: Random) -> None:
    body = damage(random, json.dumps(document).encode())
    if body.isascii() and not any(word in body for word in (b"NaN", b"Infinity")):  # where Python is not JSON's
        assert isinstance(check(body), dict) == is_json(body)


@given(st.randoms(use_true_random=False))
@settings(deadline=None)
def test_nests_are_judged_as_python_judges_them(random: Random) -> None:
    _, body = invent_nest(random)
    assert isinstance(check(body), dict) == is_json(body)


def is_json(body: bytes) -> bool:
    try:
        json.loads(body.decode())
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("body", "offset", "detail"),
    [
        (b"\xef\xbb\xbf{}", 0, "expected a value, found something else"),
        (b"{}{}", 2, "expected the end of the body, found '{'"),
        (b"{},", 2, "expected the end of the body, found ','"),
        (b'{"a":[[[]]]},', 12, "expected the end of the body, found ','"),
        (b"{}\x00", 2, "expected the end of the body, found a control character"),
        (b"[1 2]", 3, "expected ',' or ']', found something else"),
        (b"[01]", 2, "expected ',' or ']', found something else"),
        (b"[1.]", 2, "expected ',' or ']', found something else"),
        (b"[1,]", 3, "expected a value, found ']'"),
        (b"[1, ]", 4, "expected a value, found ']'"),
        (b"[,1]", 1, "expected a value, found ','"),
        (b"[+1]", 1, "expected a value, found something else"),
        (b"[tru]", 1, "expected a value, found something else"),
        (b"[1}", 2, "expected ',' or ']', found '}'"),
        (b"[[[1]]}", 6, "expected ',' or ']', found '}'"),
        (b"[[[1]}]", 5, "expected ',' or ']', found '}'"),
        (b"[[[1] ] x", 8, "expected ',' or ']', found something else"),
        (b'{"a":{} "b":1}', 8, "expected ',' or '}', found '\"'"),
        (b'{"a":{ } "b":1}', 9, "expected ',' or '}', found '\"'"),
        (b'{"a":1', 6, "expected ',' or '}', found the end of the body"),
        (b'{"a":1,}', 7, "expected a key in quotes, found '}'"),
        (b"{,}", 1, "expected a key in quotes, found ','"),
        (b"{a:1}", 1, "expected a key in quotes, found something else"),
        (b'{"a"}', 4, "expected ':' after a key, found '}'"),
        (b'{"a" 1}', 5, "expected ':' after a key, found something else"),
        (b'{"a":}', 5, "expected a value, found '}'"),
        (b'{"a":"b', 7, "expected the rest of a string, found the end of the body"),
        (b'{"a":"b\n"}', 7, "expected the rest of a string, found a control character"),
        (b'{"a":"b\\x"}', 7, "an escape in a string that JSON does not have, or that is cut short"),
        (b'{"a\\u12', 3, "an escape in a string that JSON does not have, or that is cut short"),
        (b'{"a', 3, "expected the rest of a string, found the end of the body"),
        (b'"', 1, "expected the rest of a string, found the end of the body"),
        (b"nul", 0, "expected a value, found something else"),
    ],
)
def test_a_syntax_error_is_reported_with_its_offset(body: bytes, offset: int, detail: str) -> None:
    assert check(body) == Malformed(Reason.SYNTAX, f"byte {offset}: {detail}", offset)


@pytest.mark.parametrize("body", [b"", b" ", b"\t\r\n "])
def test_blank_bodies_are_empty(body: bytes) -> None:
    verdict = check(body)
    assert isinstance(verdict, Malformed)
    assert verdict.reason is Reason.EMPTY


@pytest.mark.parametrize(
    ("opening", "inner", "closing"),
    [
        (b"[", b"", b"]"),
        (b"[", b"1", b"]"),
        (b"[ ", b"1", b" ]"),
        (b"[0,", b"1", b",0]"),
        (b"[[],", b"1", b",{}]"),
        (b'{"":', b"1", b"}"),
        (b'{"":0,"":', b"1", b',"":[]}'),
    ],
)
def test_ten_thousand_containers_may_be_open_and_not_one_more(opening: bytes, inner: bytes, closing: bytes) -> None:
    depth = MAX_DEPTH - (b"[]" in opening or b"[]" in closing)  # those open one more container
    assert isinstance(check(nest(opening, inner, closing, depth)), dict)
    too_deep = check(nest(opening, inner, closing, depth + 1))
    assert isinstance(too_deep, Malformed)
    assert too_deep.reason is Reason.DEPTH


def test_the_bracket_too_many_is_pointed_at() -> None:
    for before, after in ((b"[", b""), (b'{"":', b""), (b"[", b'{"":1}'), (b'{"":', b"[[[[")):
        body = before * MAX_DEPTH + (after or before)
        assert check(body) == Malformed(
            Reason.DEPTH,
            f"byte {len(before) * MAX_DEPTH}: more than 10,000 arrays and objects inside each other",
            len(before) * MAX_DEPTH,
        )


def test_brackets_in_strings_and_next_to_each_other_do_not_count() -> None:
    assert check(b'["' + b"[{" * 20_000 + b'"]') == {}
    assert isinstance(check(b"[" + b"[[[1]]]," * 20_000 + b"0]"), dict)


def test_a_syntax_error_before_the_limit_of_depth_comes_first_and_one_behind_it_does_not() -> None:
    early = check(b'[x,"' + b"[" * 10_001)
    late = check(b"[" * 10_001 + b"x")
    assert isinstance(early, Malformed)
    assert isinstance(late, Malformed)
    assert (early.reason, late.reason) == (Reason.SYNTAX, Reason.DEPTH)


def test_the_ends_of_deep_values_in_the_outermost_object_are_returned() -> None:
    body = b'{"flat":{"a":[]},"deep":{"a":[[1],{"b":[2]}] } ,"id":"a","x": [[[ ]]]}'
    ends = check(body)
    assert isinstance(ends, dict)
    assert [body[start:end] for start, end in ends.items()] == [b'{"a":[]}', b'{"a":[[1],{"b":[2]}] }', b"[[[ ]]]"]
