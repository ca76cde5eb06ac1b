"""A stream is compared with its last stream info and with sampled messages."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.history.stream_identity import (
    ALWAYS_CHECKED,
    MAX_CHECKED_PER_PASS,
    MAX_INCIDENTS,
    MAX_RECENT,
    MAX_SAMPLES,
    SampledDigests,
    StreamIdentity,
    digest,
    history_changed_finding,
)
from auditor.core.model.findings import Finding, Kind, Severity, spec
from auditor.core.model.kind_rules import AcceptedBy
from auditor.core.model.message import StoredMessage, StreamInfo

THEN = StreamInfo("S", 7, 5, 20, 16, 0, config={"max_age": 60_000_000_000, "subjects": ["S.>"], "deny_delete": False})


def message(seq: int, data: bytes = b"{}") -> StoredMessage:
    return StoredMessage(seq, 1000 + seq, b"S.x", None, data)


def seen(now: StreamInfo, before: StreamInfo = THEN) -> list[tuple[Kind, int | None, str | None]]:
    identity, findings = StreamIdentity().compared_with(before, 1)
    assert findings == []
    _, findings = identity.compared_with(now, 2)
    return [(found.kind, found.count, found.detail) for found in findings]


def test_a_comparison_does_not_change_the_identity() -> None:
    before, _ = StreamIdentity().compared_with(THEN, 1)
    after, findings = before.compared_with(replace(THEN, last_seq=12), 2)
    with_incident = after.with_incident(findings[0], 2)
    assert [each.last_info and each.last_info.checked_ns for each in (before, after)] == [1, 2]
    assert (len(after.incidents), len(with_incident.incidents)) == (0, 1)


@pytest.mark.parametrize(
    "now",
    [
        THEN,
        replace(THEN, last_seq=30, messages=26),
        replace(THEN, first_seq=21, messages=0),
        replace(THEN, messages=3, deleted=13),
        replace(THEN, config={**THEN.config, "metadata": {"_nats.ver": "3"}, "allow_direct": False}),
    ],
)
def test_a_stream_that_grows_or_loses_messages_before_its_end_has_no_finding(now: StreamInfo) -> None:
    assert seen(now) == []


def test_a_stream_that_ends_at_a_lower_sequence_was_rolled_back() -> None:
    detail = "the stream ends at sequence 12 and ended at 20 before: 8 are lost"
    assert seen(replace(THEN, last_seq=12, messages=8)) == [(Kind.STREAM_ROLLBACK, 8, detail)]


def test_a_stream_that_begins_at_a_lower_sequence_was_rolled_back() -> None:
    (found,) = seen(replace(THEN, first_seq=2, messages=19))
    assert found[:2] == (Kind.STREAM_ROLLBACK, 3)


def test_of_a_stream_with_another_creation_time_nothing_else_is_compared() -> None:
    (found,) = seen(StreamInfo("S", 8, 1, 3, 3, 0))
    assert found[:2] == (Kind.STREAM_RECREATED, 16)
    assert "held 16 messages up to sequence 20" in str(found[2])


def test_changed_settings_are_reported_with_their_former_values() -> None:
    config = {"max_age": 3_600_000_000_000, "subjects": ["S.>", "T"], "allow_direct": True}
    detail = (
        'subjects was ["S.>"] and is ["S.>", "T"]; max_age was 60 s and is 3600 s; allow_direct was not set and is true'
    )
    assert seen(replace(THEN, config=config)) == [(Kind.CONFIG_CHANGED, None, detail)]


def test_only_changed_settings_are_a_notice() -> None:
    identity, _ = StreamIdentity().compared_with(THEN, 1)
    _, findings = identity.compared_with(replace(THEN, last_seq=6, config={}), 2)
    weights = {found.kind: found.severity for found in findings}
    assert weights == {Kind.STREAM_ROLLBACK: Severity.CORRUPTION, Kind.CONFIG_CHANGED: Severity.NOTICE}
    assert all(spec(kind).accepted_by is AcceptedBy.TIME for kind in weights)


def test_a_sample_is_compared_by_body_headers_and_time_and_not_by_its_subject() -> None:
    one = message(3)
    assert digest(one) == digest(msgspec.structs.replace(one, subject=b"S.y"))
    others = [{"data": b"[]"}, {"headers": b"NATS/1.0\r\n\r\n"}, {"time_ns": 1}]
    assert len({digest(one), *(digest(msgspec.structs.replace(one, **other)) for other in others)}) == 4
    shifted = (
        msgspec.structs.replace(one, headers=b"a", data=b"bc"),
        msgspec.structs.replace(one, headers=b"ab", data=b"c"),
    )
    assert digest(shifted[0]) != digest(shifted[1])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=300), st.booleans())
def test_samples_are_few_in_order_spread_over_the_range_and_include_its_end(steps: list[int], ends: bool) -> None:
    samples, seq = SampledDigests(), 0
    for step in steps:
        seq += step
        samples = samples.observe([message(seq), message(seq + 1)])
        seq += 1
        if ends:
            samples = samples.observe_last(message(seq))
    samples = samples.observe_last(message(seq))
    seqs = [sample.seq for sample in samples.digests]
    assert seqs == sorted(set(seqs))
    assert len(seqs) <= MAX_SAMPLES
    assert seqs[-1] == seq
    spread = seqs[: -MAX_RECENT - 1]
    assert all(later - sooner <= 2 * samples.stride + 102 for sooner, later in zip(spread, spread[1:], strict=False))
    assert samples.stride <= max(1, seq // 8)
    assert all(digest(message(sample.seq)) == sample.digest for sample in samples.digests)


def test_a_message_that_was_observed_before_is_not_sampled_again() -> None:
    samples = SampledDigests().observe([message(9)])
    assert samples.observe([message(4), message(5)]).observe_last(message(9)) == samples


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 9, 40, 64])
def test_each_choice_is_small_and_has_the_last_samples_and_all_are_chosen_in_turn(count: int) -> None:
    samples = SampledDigests()
    for seq in range(count):
        samples = samples.observe_last(message(seq))
    chosen = [samples.choose(turn) for turn in range(64)]
    assert all(len({each.seq for each in some}) == len(some) <= MAX_CHECKED_PER_PASS for some in chosen)
    last = [*samples.digests[-ALWAYS_CHECKED:]]
    assert all(some[len(some) - len(last) :] == last for some in chosen)
    assert {each.seq for some in chosen for each in some} == set(range(count))


def test_samples_outside_the_range_of_the_stream_are_dropped() -> None:
    samples = SampledDigests()
    for seq in (5, 9, 14, 20):
        samples = samples.observe_last(message(seq))
    identity, _ = StreamIdentity(samples=samples).compared_with(THEN, 1)
    identity, _ = identity.compared_with(replace(THEN, first_seq=8, last_seq=17), 2)
    assert [sample.seq for sample in identity.samples.digests] == [9, 14]
    assert [sample.seq for sample in identity.samples.without([9]).digests] == [14]
    identity, _ = identity.compared_with(replace(THEN, created_ns=8), 3)
    assert identity.samples.digests == ()


def test_all_samples_with_another_digest_are_one_finding() -> None:
    found = history_changed_finding([3, 9])
    assert (found.kind, found.first_seq, found.last_seq, found.count) == (Kind.HISTORY_CHANGED, 3, 9, 2)
    assert str(history_changed_finding([3]).detail).startswith("the message at sequence 3 comes back")


def test_incidents_are_saved_and_their_number_is_limited() -> None:
    identity, _ = StreamIdentity().compared_with(THEN, 1)
    for number in range(MAX_INCIDENTS + 5):
        identity = identity.with_incident(history_changed_finding([number]), number)
    assert [identity.incidents[0].noticed_ns, len(identity.incidents)] == [5, MAX_INCIDENTS]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(identity), type=StreamIdentity) == identity


def test_a_notice_is_dropped_before_any_corruption_when_there_are_too_many_incidents() -> None:
    identity, _ = StreamIdentity().compared_with(THEN, 1)
    corruption = history_changed_finding([3])
    identity = identity.with_incident(corruption, 1)
    notice = Finding(kind=Kind.CONFIG_CHANGED, severity=Severity.NOTICE, detail="max_age is 1 s, was 2 s")
    for number in range(MAX_INCIDENTS + 5):
        identity = identity.with_incident(notice, number + 2)
    assert len(identity.incidents) == MAX_INCIDENTS
    assert identity.incidents[0].finding == corruption
    assert [identity.incidents[at].noticed_ns for at in (1, -1)] == [8, MAX_INCIDENTS + 6]


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        (THEN, True),
        (replace(THEN, created_ns=8), True),
        (replace(THEN, created_ns=8, api_prefix="$JS.hub.API"), False),
        (replace(THEN, api_prefix="$JS.hub.API"), True),
        (replace(THEN, name="OTHER"), False),
    ],
)
def test_a_stream_of_another_domain_is_another_stream_unless_it_is_as_old(now: StreamInfo, *, is_same: bool) -> None:
    identity, _ = StreamIdentity().compared_with(THEN, 1)
    assert identity.is_of(now) is is_same
    there, _ = StreamIdentity().compared_with(replace(THEN, api_prefix="$JS.hub.API"), 1)
    assert there.is_of(THEN)
