from __future__ import annotations

import gc
import math
import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aether import (
    ActorSnapshot,
    Event,
    Malformed,
    Reason,
    Timestamp,
    decode_event,
    decode_snapshot,
    encode_event,
    has_version,
    judge_event,
)
from auditor.aether.gojson import exact, fast
from tests.corpus.inventions import damage, invent, invent_nest
from tests.corpus.mebibytes import HOSTILE
from tests.corpus.vectors import DECODE, ENCODE, JUDGE, disagreement, read_vectors

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = (
    b'{"id":"evt-1","eventType":"OrderPlaced","actorId":"order-42","commandId":"cmd-7","version":17,'
    b'"data":{"amount":12.5,"items":[{"sku":"A-1","qty":2},null,true]},"metadata":{"trace":"abc"},'
    b'"timestamp":"2024-05-06T07:08:09.123456789+02:00"}'
)
SNAPSHOT = b'{"actorId":"order-42","version":17,"state":{"total":12},"timestamp":"2024-05-06T07:08:09Z"}'


@pytest.fixture(scope="module")
def vectors() -> list[tuple[dict[str, Any], bytes]]:
    return list(read_vectors())


def test_every_vector_has_the_verdict_and_the_value_of_real_go(vectors: list[tuple[dict[str, Any], bytes]]) -> None:
    differences = {vector["id"]: disagreement(vector["kind"], body, vector) for vector, body in vectors}
    assert len(differences) == 18_304
    assert {name: difference for name, difference in differences.items() if difference} == {}


def test_the_exact_decoder_says_the_same_of_every_vector_that_the_fast_one_takes(
    vectors: list[tuple[dict[str, Any], bytes]],
) -> None:
    """The corpus reaches the exact decoder only for bodies that the fast one rejects."""
    quick = {"event": fast.FastEvent, "snapshot": fast.FastSnapshot}
    slow = {"event": exact.decode_event, "snapshot": exact.decode_snapshot}
    taken = 0
    for vector, body in vectors:
        kind = vector["kind"]
        if isinstance(JUDGE[kind](body), quick[kind]):
            taken += 1
            assert repr(slow[kind](body)) == repr(DECODE[kind](body)), vector["id"]
    assert taken > 2_000


def test_a_usual_event_is_decoded_by_the_fast_path() -> None:
    assert isinstance(judge_event(EVENT), fast.FastEvent)
    assert decode_event(EVENT) == Event(
        id="evt-1",
        event_type="OrderPlaced",
        actor_id="order-42",
        command_id="cmd-7",
        version=17,
        data={"amount": 12.5, "items": [{"sku": "A-1", "qty": 2.0}, None, True]},
        metadata={"trace": "abc"},
        timestamp=Timestamp(1714972089, 123456789, 7200),
    )


def test_a_usual_snapshot_is_decoded() -> None:
    expected = ActorSnapshot("order-42", 17, {"total": 12.0}, Timestamp(1714979289))
    assert decode_snapshot(SNAPSHOT) == expected
    assert exact.decode_snapshot(SNAPSHOT) == expected


def test_numbers_in_data_are_floats_as_in_go_whichever_decoder_reads_them() -> None:
    for body in (b'{"data":{"a":[1,-0,9007199254740993]}}', b'{"data":{"a":[1,-0,9007199254740993]},"x":0}'):
        event = decode_event(body)
        assert isinstance(event, Event)
        assert event.data is not None
        assert [type(number) for number in event.data["a"]] == [float] * 3
        assert event.data["a"] == [1.0, 0.0, 9007199254740992.0]
        assert math.copysign(1, event.data["a"][1]) == -1


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (b'{"id":"a"}', False),
        (b"null", False),
        (b'{"version":null}', False),
        (b'{"version":0}', True),
        (b'{"VERSION":-1}', True),
        ('{"ver\u017fion":0}'.encode(), True),
        (b'{"\\u0076ersion":0}', True),
        (b'{"version":0,"version":null}', True),
        (b'{"data":{"version":5}}', False),
        (b'{"data":{"a":[[[5]]]},"version":-5}', True),
        (b"[", False),
    ],
)
def test_a_version_is_given_if_any_occurrence_of_its_field_is_not_null(*, body: bytes, given: bool) -> None:
    assert has_version(body) is given


@given(st.sampled_from(["event", "snapshot"]), st.binary(max_size=200))
@settings(deadline=None)
def test_no_bytes_at_all_make_a_decoder_raise(kind: str, body: bytes) -> None:
    agree(kind, body)


@given(st.sampled_from([invent, invent_nest]), st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_no_invented_body_makes_a_decoder_raise(
    invention: Callable[[Random], tuple[str, bytes]], random: Random
) -> None:
    agree(*invention(random))


@given(st.sampled_from([("event", EVENT), ("snapshot", SNAPSHOT)]), st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_no_damage_to_a_good_body_makes_a_decoder_raise(good: tuple[str, bytes], random: Random) -> None:
    kind, body = good
    agree(kind, damage(random, body))


@given(
    st.lists(st.sampled_from([b"[", b'{"a":', b"]", b"}", b"1", b",", b'"', b" "]), max_size=12),
    st.integers(0, 3_000),
    st.sampled_from([b"", b'{"data":', b'{"data":{"a":']),
)
@settings(deadline=None)
def test_no_nesting_makes_a_decoder_raise(pattern: list[bytes], times: int, before: bytes) -> None:
    agree("event", before + b"".join(pattern) * times)


def agree(kind: str, body: bytes) -> None:
    """Judging and decoding say the same, what is malformed says why, and what is decoded survives a round trip."""
    decoded = DECODE[kind](body)
    judged = JUDGE[kind](body)
    if isinstance(decoded, Malformed):
        assert judged == decoded
        assert decoded.detail.isprintable()
        assert 0 <= decoded.offset <= len(body)
        return
    assert not isinstance(judged, Malformed)
    assert (judged.actor_id, judged.version) == (decoded.actor_id, decoded.version)
    if abs(decoded.timestamp.offset_seconds) < 86_400:
        written = ENCODE[kind](decoded)
        again = DECODE[kind](written)
        assert not isinstance(again, Malformed)
        assert ENCODE[kind](again) == written


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
timestamps = st.builds(
    Timestamp,
    st.integers(-62_167_219_200 + 86_400, 253_402_300_799 - 86_400),
    st.integers(0, 999_999_999),
    st.integers(-1439, 1439).map(lambda minutes: minutes * 60),
)


@given(
    st.builds(
        Event,
        id=texts,
        event_type=texts,
        actor_id=texts,
        command_id=texts,
        version=st.integers(-(2**63), 2**63 - 1),
        data=st.none() | st.dictionaries(texts, values, max_size=3),
        metadata=st.none() | st.dictionaries(texts, texts, min_size=1, max_size=3),
        timestamp=timestamps,
    )
)
@settings(deadline=None)
def test_an_event_survives_encoding_and_decoding(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


@given(
    st.builds(
        ActorSnapshot, texts, st.integers(-(2**63), 2**63 - 1), st.none() | st.dictionaries(texts, values), timestamps
    )
)
@settings(deadline=None)
def test_a_snapshot_survives_encoding_and_decoding(snapshot: ActorSnapshot) -> None:
    assert decode_snapshot(ENCODE["snapshot"](snapshot)) == snapshot


@pytest.mark.parametrize(
    ("body", "reason", "offset", "detail"),
    [
        (b"", Reason.EMPTY, 0, "no bytes"),
        (b" \n", Reason.EMPTY, 2, "expected a JSON object, found nothing but whitespace"),
        (b'{"id":"a",}', Reason.SYNTAX, 10, "byte 10: expected a key in quotes, found '}'"),
        (b'{"version":"5","id":', Reason.SYNTAX, 20, "byte 20: expected a value, found the end of the body"),
        (b'[{"version":1}]', Reason.TYPE, 0, "the body at byte 0: expected an object, found an array"),
        (b'{"id":5}', Reason.TYPE, 6, "id at byte 6: expected a string, found a number"),
        (
            b'{"version":"5"}',
            Reason.TYPE,
            11,
            "version at byte 11: expected an integer in the int64 range, found a string",
        ),
        (
            b'{"VERSION":1.0}',
            Reason.NUMBER,
            11,
            "version at byte 11: expected an integer in the int64 range, found a number with a fraction or an exponent",
        ),
        (
            b'{"version":9223372036854775808}',
            Reason.NUMBER,
            11,
            "version at byte 11: expected an integer in the int64 range, found an integer outside it",
        ),
        (
            b'{"data":{"a":[0,1e999]}}',
            Reason.NUMBER,
            16,
            "data at byte 16: expected numbers in the float64 range, found one outside it",
        ),
        (b'{"data":[]}', Reason.TYPE, 8, "data at byte 8: expected an object, found an array"),
        (
            b'{"metadata":{"a":"b","c":5}}',
            Reason.TYPE,
            25,
            "metadata at byte 25: expected an object of strings, found a number inside it",
        ),
        (
            b'{"timestamp":"yesterday"}',
            Reason.TIMESTAMP,
            13,
            "timestamp at byte 13: expected an RFC 3339 timestamp, found a string that is none",
        ),
        (
            b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
            Reason.DEPTH,
            10_004,
            "byte 10004: more than 10,000 arrays and objects inside each other",
        ),
    ],
)
def test_what_is_malformed_says_where_and_why(body: bytes, reason: Reason, offset: int, detail: str) -> None:
    assert decode_event(body) == Malformed(reason, detail, offset)


@pytest.mark.parametrize("body", [EVENT, SNAPSHOT])
def test_no_detail_repeats_anything_from_the_body(body: bytes) -> None:
    marked = body.replace(b"order-42", b"SECRET").replace(b"A-1", b"SECRET").replace(b'"amount"', b'"SECRET"')
    for random in map(Random, range(2_000)):
        verdict = judge_event(damage(random, marked))
        if isinstance(verdict, Malformed):
            assert "SECRET" not in verdict.detail


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_mebibyte_is_decoded_in_linear_time(body: bytes) -> None:
    """Any algorithm that is not linear takes a thousand times longer. bench/decode.py measures the times."""
    gc.freeze()  # objects of other tests must not be collected during the measurement
    try:
        a_hundred_steps_a_byte = 100 * seconds(lambda: all(True for _ in range(len(body))))
        assert seconds(lambda: judge_event(body)) < a_hundred_steps_a_byte
        assert seconds(lambda: decode_event(body)) < a_hundred_steps_a_byte
    finally:
        gc.unfreeze()


def seconds(work: Callable[[], object]) -> float:
    """CPU time of `work`, so that a busy machine does not fail it."""
    started = time.process_time()
    work()
    return time.process_time() - started
