"""Replayability and causes are those of a model that applies the documented rules to the list of messages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.core.model.findings import Cause, Kind
from auditor.core.report.actor_assessment import RangeFacts, Replayability, assess_actor
from auditor.core.state.ledger import Ledger
from tests.core.findings import finding_of

KEY = b"order.order-1"
BAD = finding_of(Kind.MALFORMED_SNAPSHOT)


@dataclass(frozen=True)
class Message:
    """`version` None: a message with a content finding."""

    version: int | None
    snapshot: bool = False


@st.composite
def messages_stored(draw: st.DrawFn) -> list[Message]:
    stored: list[Message] = []
    version = draw(st.sampled_from([0, 0, 0, 2]))
    for _ in range(draw(st.integers(0, 12))):
        what = draw(st.sampled_from("eeeeegbslS"))
        if what == "e":
            version += 1
            stored.append(Message(version))
        elif what == "g":
            version += draw(st.integers(2, 3))
            stored.append(Message(version))
        elif what == "b":
            stored.append(Message(None))
        elif what == "l" and version:
            stored.append(Message(draw(st.integers(1, version))))
        elif what == "s":
            stored.append(Message(max(1, version + draw(st.integers(-2, 1))), snapshot=True))
        elif what == "S":
            stored.append(Message(None, snapshot=True))
    return stored


def ledger_of(stored: list[Message]) -> Ledger:
    ledger = Ledger()
    for seq, message in enumerate(stored, 1):
        if message.snapshot:
            ledger.add_snapshot(KEY, message.version or 0, seq, None if message.version else BAD)
        elif message.version is None:
            ledger.add_bad_message(KEY, Cause.MALFORMED, seq)
        else:
            ledger.add_event(KEY, "order-1", message.version, seq)
    return ledger


def replayability_of_the_model(stored: list[Message]) -> Replayability:
    """Damage is a gap, a missing head or a bad message; each must be covered by the last snapshot."""
    events = [(seq, m.version) for seq, m in enumerate(stored, 1) if not m.snapshot]
    good = [(seq, version) for seq, version in events if version is not None]
    snapshots = [(seq, m.version) for seq, m in enumerate(stored, 1) if m.snapshot]
    snapshot = snapshots[-1] if snapshots and snapshots[-1][1] is not None else None

    damage: list[int | None] = []  # for each, the version of the next good event after it; None where none follows
    open_at = 0
    for seq, version in events:
        if version is None:
            following = [other for at, other in good if at > seq]
            damage.append(following[0] if following else None)
            open_at = seq
    if good:
        stored = {version for _, version in good}
        first = good[0][1]
        if first > 1:
            damage.append(first)
        damage += [v + 1 for v in range(first, max(stored)) if v not in stored and v + 1 in stored]
    if not damage:
        return Replayability.REPLAYABLE
    for following in damage:
        if snapshot is None:
            return Replayability.BROKEN
        if following is None and snapshot[0] < open_at:
            return Replayability.BROKEN
        if following is not None and following > snapshot[1] + 1:
            return Replayability.BROKEN
    return Replayability.FROM_SNAPSHOT


@settings(max_examples=500, deadline=None)
@given(messages_stored())
def test_the_replayability_is_that_of_the_model(stored: list[Message]) -> None:
    assert assess_actor(ledger_of(stored), KEY, RangeFacts()).replayability is replayability_of_the_model(stored)


@settings(deadline=None)
@given(messages_stored())
def test_a_snapshot_is_ahead_unless_bad_messages_or_expiry_explain_it(stored: list[Message]) -> None:
    snapshots = [message.version for message in stored if message.snapshot]
    good = [message.version for message in stored if not message.snapshot and message.version]
    last = max(good, default=0)
    at = max((at for at, m in enumerate(stored) if not m.snapshot and m.version == last), default=-1)
    first_last = next((at for at, m in enumerate(stored) if not m.snapshot and m.version == last), at)
    explained = sum(1 for m in stored[first_last + 1 :] if not m.snapshot and m.version is None)
    ahead = bool(snapshots) and snapshots[-1] is not None and snapshots[-1] > last + explained
    assert (assess_actor(ledger_of(stored), KEY, RangeFacts()).snapshot_ahead is not None) == ahead
    expired = assess_actor(ledger_of(stored), KEY, RangeFacts(first_seq=2)).snapshot_ahead is not None
    assert expired == (ahead and bool(good))


@pytest.mark.parametrize(
    ("content", "unreadable", "deleted", "cause"),
    [
        (Cause.HIDDEN, [(2, 2)], [(2, 2)], Cause.HIDDEN),
        (None, [(2, 2)], [(2, 2)], Cause.UNREADABLE),
        (None, [], [(2, 2)], Cause.DELETED),
        (None, [(1, 1)], [(3, 9)], Cause.UNKNOWN),
        (None, [], [], Cause.UNKNOWN),
    ],
)
def test_the_cause_of_a_gap_is_the_first_that_applies(
    content: Cause | None, unreadable: list[tuple[int, int]], deleted: list[tuple[int, int]], cause: Cause
) -> None:
    ledger = Ledger()
    ledger.add_event(KEY, "order-1", 1, 1)
    if content:
        ledger.add_bad_message(KEY, content, 2)
    ledger.add_event(KEY, "order-1", 3, 3)
    (gap,) = assess_actor(ledger, KEY, RangeFacts(unreadable=unreadable, deleted=deleted)).gaps
    assert (gap.cause, gap.missing) == (cause, 1)


@pytest.mark.parametrize(
    ("first_seq", "deleted", "damaged", "cause"),
    [
        (1, [], False, Cause.UNKNOWN),
        (5, [], False, Cause.EXPIRED),
        (5, [(6, 6)], False, Cause.DELETED),
        (5, [(6, 6)], True, Cause.MALFORMED),
    ],
)
def test_a_missing_head_is_expired_only_if_no_other_cause_applies(
    first_seq: int, deleted: list[tuple[int, int]], damaged: bool, cause: Cause
) -> None:
    ledger = Ledger()
    if damaged:
        ledger.add_bad_message(KEY, Cause.MALFORMED, 7)
    ledger.add_event(KEY, "order-1", 4, 9)
    missing_head = assess_actor(ledger, KEY, RangeFacts(first_seq=first_seq, deleted=deleted)).missing_head
    assert missing_head is not None
    assert (missing_head.cause, missing_head.first_missing, missing_head.last_missing) == (cause, 1, 3)


def test_missing_versions_break_no_actor_if_the_audit_allows_gaps() -> None:
    ledger = Ledger()
    ledger.add_event(KEY, "order-1", 10, 1)
    ledger.add_event(KEY, "order-1", 20, 2)
    assessment = assess_actor(ledger, KEY, RangeFacts(contiguous=False, first_version=10))
    assert assessment.replayability is Replayability.REPLAYABLE
    assert len(assessment.gaps) == 1
    assert assess_actor(ledger, KEY, RangeFacts(first_version=10)).replayability is Replayability.BROKEN


def test_versions_of_a_subject_that_two_ids_share_are_not_judged() -> None:
    ledger = Ledger()
    ledger.add_event(KEY, "order-1", 1, 1)
    ledger.add_event(KEY, "order.1", 9, 2)
    ledger.add_event(KEY, "order-1", 1, 3)
    assessment = assess_actor(ledger, KEY, RangeFacts())
    assert assessment.colliding_ids == ["order-1", "order.1"]
    assert (assessment.gaps, assessment.out_of_order, assessment.replayability) == ((), (), Replayability.BROKEN)


@pytest.mark.parametrize(
    ("stored", "replay"),
    [
        ("1 2 3", "replayable"),
        ("1 2 3 s9", "replayable"),
        ("1 2 2 3 1", "replayable"),
        ("2 3", "broken"),
        ("2 3 s1", "replayable_from_snapshot"),
        ("3 s1", "broken"),
        ("1 3 s2 4", "replayable_from_snapshot"),
        ("1 3 s2 5", "broken"),
        ("1 3 s2 S", "broken"),
        ("1 ! 3 s1", "broken"),
        ("1 ! 3 s2", "replayable_from_snapshot"),
        ("1 2 ! s1", "replayable_from_snapshot"),
        ("1 2 s2 !", "broken"),
        ("1 2 ! s2 !", "broken"),
        ("1 2 s2 ! 3", "replayable_from_snapshot"),
        ("1 2 s2 ! 2", "replayable_from_snapshot"),
        ("1 2 s1 ! 3", "broken"),
        ("1 2 3 4 5 ! 6 ! 2 s3", "broken"),
        ("1 2 3 4 5 ! 6 ! 2 s5", "replayable_from_snapshot"),
        ("!", "broken"),
        ("! s1", "replayable_from_snapshot"),
        ("s1 !", "broken"),
        ("1 9 5 s4", "broken"),
        ("1 9 5 6 7 8 s4", "replayable_from_snapshot"),
        ("1 4 3 2", "replayable"),
    ],
)
def test_the_last_snapshot_covers_damage_up_to_the_next_good_event(stored: str, replay: str) -> None:
    """Numbers are versions of events, `!` is a bad one, `s` begins a snapshot, `S` is a bad one."""
    read = {"!": Message(None), "S": Message(None, snapshot=True)}
    messages = [read.get(word) or Message(int(word.lstrip("s")), snapshot="s" in word) for word in stored.split()]
    assert (
        assess_actor(ledger_of(messages), KEY, RangeFacts()).replayability
        == replayability_of_the_model(messages)
        == replay
    )


@pytest.mark.parametrize(("version", "ahead"), [(3, False), (4, False), (5, True)])
def test_each_bad_message_after_the_last_event_explains_one_version_of_a_snapshot(version: int, *, ahead: bool) -> None:
    stored = [Message(None), Message(1), Message(2), Message(None), Message(None), Message(version, snapshot=True)]
    assert bool(assess_actor(ledger_of(stored), KEY, RangeFacts()).snapshot_ahead) == ahead


def test_versions_that_may_be_in_unread_messages_are_not_missing() -> None:
    ledger = ledger_of([Message(2), Message(4), Message(6), Message(8, snapshot=True)])

    def found(*unread: tuple[int, int]) -> tuple[bool, list[int], bool]:
        assessment = assess_actor(ledger, KEY, RangeFacts(unread=unread))
        return (
            bool(assessment.missing_head),
            [gap.first_missing for gap in assessment.gaps],
            bool(assessment.snapshot_ahead),
        )

    assert found() == (True, [3, 5], True)
    actor = ledger.actors[KEY]
    actor.first_seq = 11
    ledger.actors[KEY] = actor
    ledger.anomalies[KEY].gaps[0].after_seq, ledger.anomalies[KEY].gaps[0].before_seq = 11, 21
    ledger.anomalies[KEY].gaps[1].after_seq, ledger.anomalies[KEY].gaps[1].before_seq = 21, 31
    assert found((5, 5)) == (False, [3, 5], False)
    assert found((15, 15)) == (True, [5], False)
    assert found((22, 30)) == (True, [3], False)
    assert found((32, 40)) == (True, [3, 5], False)


def test_no_versions_are_missing_for_an_actor_with_an_unjudged_event() -> None:
    ledger = ledger_of([Message(2), Message(4), Message(4), Message(8, snapshot=True)])
    ledger.unjudged.add(KEY)
    assessment = assess_actor(ledger, KEY, RangeFacts())
    assert (assessment.missing_head, list(assessment.gaps), assessment.snapshot_ahead) == (None, [], None)
    assert [event.kind for event in assessment.out_of_order] == [Kind.DUPLICATE_VERSION]


def test_a_gap_whose_earlier_event_expired_is_a_missing_head() -> None:
    ledger = ledger_of([Message(1), Message(3), Message(6), Message(9)])
    assessment = assess_actor(ledger, KEY, RangeFacts(first_seq=3))
    assert assessment.missing_head is not None
    assert (
        assessment.missing_head.first_missing,
        assessment.missing_head.last_missing,
        assessment.missing_head.cause,
    ) == (1, 5, Cause.EXPIRED)
    assert [(gap.first_missing, gap.last_missing) for gap in assessment.gaps] == [(7, 8)]


def test_a_gap_that_expired_completely_is_not_reported() -> None:
    """The server can no longer be asked why versions were missing there."""
    ledger = ledger_of([Message(1), Message(3), Message(4), Message(5)])
    assessment = assess_actor(ledger, KEY, RangeFacts(first_seq=4))
    assert list(assessment.gaps) == []
    assert assessment.missing_head is not None
    assert assessment.missing_head.cause is Cause.EXPIRED
