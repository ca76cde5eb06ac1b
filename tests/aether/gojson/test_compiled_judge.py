"""What the compiled judge calls ordinary, the exact decoder accepts with the same actor id and version."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.aether.event import Malformed
from auditor.aether.gojson import exact
from auditor.speedups import compiled
from tests.corpus.vectors import read_vectors

pytestmark = pytest.mark.skipif(compiled is None, reason="the compiled twins are not in use")
DECODE = {False: exact.decode_event, True: exact.decode_snapshot}

EVENT = (
    '{"id":"0b5e6f9e-95be","eventType":"ItemAdded","actorId":"order-7","commandId":"c-1","version":12,'
    '"data":{"a":[1,-2.5e+10,true,null,{"\\u00e9":"\\n\\\\"}],"ü":"😀"},"metadata":{"k":"v"},'
    '"timestamp":"2024-02-29T23:59:59.123456789+01:00"}'
).encode()
SNAPSHOT = b'{"actorId":"order-7","version":3,"state":{"a":{"b":[[]]}},"timestamp":"2026-12-01T00:00:00Z"}'
SEEDS = [(EVENT, False), (SNAPSHOT, True), (b' { "actorId" : "a" , "version" : 1 } ', False)]
PIECES = [
    b'"',
    b"\\",
    b"\\u0",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"9" * 20,
    b"1e99",
    b"1e400",
    b"-",
    b".",
    b"null",
]
PIECES += [
    b"\xff",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\x80",
    b"\0",
    b'"version":5,',
    b'"ActorId":"x",',
    b" ",
    b"\n",
    b"T24",
    b"-02-30",
]


def check(body: bytes, is_snapshot: bool) -> bool:
    """Whether the compiled judge calls the body ordinary. Fails if it does so wrongly."""
    judged = compiled.judge(body, is_snapshot)
    if judged is None:
        return False
    decoded = DECODE[is_snapshot](body)
    assert not isinstance(decoded, Malformed), body
    assert judged == (decoded.actor_id.encode(), decoded.version), body
    return True


@pytest.mark.parametrize(("body", "is_snapshot"), SEEDS)
def test_a_usual_body_is_ordinary(body, is_snapshot):
    assert check(body, is_snapshot)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version"', b'"Version"'),
        (b":12,", b":012,"),
        (b":12,", b":12.0,"),
        (b":12,", b":1e1,"),
        (b":12,", b":-12,"),
        (b":12,", b":1234567890123456789,"),
        (b":12,", b":9999999999999999999,"),
        (b":12,", b':"12",'),
        (b":12,", b':12,"version":12,'),
        (b":12,", b':12,"unknown":12,'),
        (b"order-7", b""),
        (b"order-7", b"order\\u002d7"),
        (b"order-7", b"order\xff7"),
        (b"ItemAdded", b"\\udc00"),
        (b'"ItemAdded"', b"null"),
        (b'{"k":"v"}', b'{"k":null}'),
        (b'{"k":"v"}', b"[]"),
        (b"-2.5e+10", b"1e100"),
        (b"-2.5e+10", b"1" * 65),
        (b"-2.5e+10", b"01"),
        (b"[1,", b"[" * 60 + b"1" + b"]" * 60 + b",[1,"),
        (b"2024-02-29", b"2023-02-29"),
        (b"2024-02-29", b"2100-02-29"),
        (b"T23:59:59", b"T24:59:59"),
        (b"T23:59:59", b"T3:59:59"),
        (b"59.1", b"59,1"),
        (b"+01:00", b"+24:00"),
        (b'00"}', b'00"} x'),
        (b'00"}', b'00"'),
    ],
)
def test_an_unusual_body_is_left_to_python(old, new):
    assert EVENT.count(old) == 1
    assert not check(EVENT.replace(old, new), False)


def test_no_body_of_the_corpus_is_judged_wrongly():
    ordinary = sum(check(body, is_snapshot) for _, body in read_vectors() for is_snapshot in (False, True))
    assert ordinary > 100


def mutated(random_: random.Random, body: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(random_.randint(1, 3)):
        at, size = random_.randrange(len(data) + 1), random_.choice([0, 0, 1, 1, 3])
        piece = random_.choice([random_.choice(PIECES), bytes([random_.randrange(256)]), data[at : at + 4], b""])
        data[at : at + size] = piece
    return bytes(data)


def mutate(seed: int, count: int) -> None:
    random_ = random.Random(seed)
    ordinary = 0
    for _ in range(count):
        body, is_snapshot = random_.choice(SEEDS)
        ordinary += check(mutated(random_, body), is_snapshot)
    assert ordinary > count // 50


def test_no_mutated_body_is_judged_wrongly():
    mutate(1, 20_000)


@pytest.mark.soak
def test_no_mutated_body_of_millions_is_judged_wrongly():
    mutate(random.SystemRandom().randrange(1 << 60), 4_000_000)


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_judged_without_a_failure(body, is_snapshot):
    check(body, is_snapshot)
