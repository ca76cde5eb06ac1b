"""Whether an actor can be replayed and why versions are missing, against the rules read word by word over its messages."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.core.findings import Cause, Finding, Kind, Severity
from auditor.core.judgement import Circumstances, Replay, judge_actor
from auditor.core.ledger import Ledger

TAIL = b"order.order-1"
BAD = Finding(kind=Kind.MALFORMED_SNAPSHOT, severity=Severity.CORRUPTION)


@dataclass(frozen=True)
class Message:
    """`version` None: a message with a content finding."""

    version: int | None
    snapshot: bool = False


@st.composite
def stories(draw: st.DrawFn) -> list[Message]:
    story: list[Message] = []
    version = draw(st.sampled_from([0, 0, 0, 2]))
    for _ in range(draw(st.integers(0, 12))):
        what = draw(st.sampled_from("eeeeegbslS"))
        if what == "e":
            version += 1
            story.append(Message(version))
        elif what == "g":
            version += draw(st.integers(2, 3))
            story.append(Message(version))
        elif what == "b":
            story.append(Message(None))
        elif what == "l" and version:
            story.append(Message(draw(st.integers(1, version))))
        elif what == "s":
            story.append(Message(max(1, version + draw(st.integers(-2, 1))), snapshot=True))
        elif what == "S":
            story.append(Message(None, snapshot=True))
    return story


def take(story: list[Message]) -> Ledger:
    ledger = Ledger()
    for seq, message in enumerate(story, 1):
        if message.snapshot:
            ledger.snapshot(TAIL, message.version or 0, seq, None if message.version else BAD)
        elif message.version is None:
            ledger.damage(TAIL, Cause.MALFORMED, seq)
        else:
            ledger.event(TAIL, "order-1", message.version, seq)
    return ledger


def replay_by_the_book(story: list[Message]) -> Replay:
    """Damage is a gap, a missing head or a bad message; each must be covered by the last snapshot."""
    events = [(seq, m.version) for seq, m in enumerate(story, 1) if not m.snapshot]
    good = [(seq, version) for seq, version in events if version is not None]
    snapshots = [(seq, m.version) for seq, m in enumerate(story, 1) if m.snapshot]
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
        return Replay.REPLAYABLE
    for following in damage:
        if snapshot is None:
            return Replay.BROKEN
        if following is None and snapshot[0] < open_at:
            return Replay.BROKEN
        if following is not None and following > snapshot[1] + 1:
            return Replay.BROKEN
    return Replay.FROM_SNAPSHOT


@given(stories())
def test_an_actor_can_be_replayed_exactly_when_every_damage_is_covered(story: list[Message]) -> None:
    assert judge_actor(take(story), TAIL, Circumstances()).replay is replay_by_the_book(story)


@given(stories())
def test_a_snapshot_is_ahead_unless_bad_messages_or_a_gone_head_explain_it(story: list[Message]) -> None:
    snapshots = [message.version for message in story if message.snapshot]
    good = [message.version for message in story if not message.snapshot and message.version]
    last = max(good, default=0)
    at = max((at for at, m in enumerate(story) if not m.snapshot and m.version == last), default=-1)
    first_last = next((at for at, m in enumerate(story) if not m.snapshot and m.version == last), at)
    explained = sum(1 for m in story[first_last + 1 :] if not m.snapshot and m.version is None)
    ahead = bool(snapshots) and snapshots[-1] is not None and snapshots[-1] > last + explained
    assert (judge_actor(take(story), TAIL, Circumstances()).snapshot_ahead is not None) == ahead
    gone = judge_actor(take(story), TAIL, Circumstances(first_seq=2)).snapshot_ahead is not None
    assert gone == (ahead and bool(good))


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
def test_the_cause_of_a_gap_is_the_first_that_holds(
    content: Cause | None, unreadable: list[tuple[int, int]], deleted: list[tuple[int, int]], cause: Cause
) -> None:
    ledger = Ledger()
    ledger.event(TAIL, "order-1", 1, 1)
    if content:
        ledger.damage(TAIL, content, 2)
    ledger.event(TAIL, "order-1", 3, 3)
    (gap,) = judge_actor(ledger, TAIL, Circumstances(unreadable=unreadable, deleted=deleted)).gaps
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
def test_a_missing_head_is_expired_only_where_nothing_else_explains_it(
    first_seq: int, deleted: list[tuple[int, int]], damaged: bool, cause: Cause
) -> None:
    ledger = Ledger()
    if damaged:
        ledger.damage(TAIL, Cause.MALFORMED, 7)
    ledger.event(TAIL, "order-1", 4, 9)
    head = judge_actor(ledger, TAIL, Circumstances(first_seq=first_seq, deleted=deleted)).head
    assert head is not None
    assert (head.cause, head.first_missing, head.last_missing) == (cause, 1, 3)


def test_a_writer_that_skips_versions_on_purpose_breaks_no_actor() -> None:
    ledger = Ledger()
    ledger.event(TAIL, "order-1", 10, 1)
    ledger.event(TAIL, "order-1", 20, 2)
    judgement = judge_actor(ledger, TAIL, Circumstances(contiguous=False, first_version=10))
    assert judgement.replay is Replay.REPLAYABLE
    assert len(judgement.gaps) == 1
    assert judge_actor(ledger, TAIL, Circumstances(first_version=10)).replay is Replay.BROKEN


def test_versions_of_a_subject_that_two_ids_share_are_not_judged() -> None:
    ledger = Ledger()
    ledger.event(TAIL, "order-1", 1, 1)
    ledger.event(TAIL, "order.1", 9, 2)
    ledger.event(TAIL, "order-1", 1, 3)
    judgement = judge_actor(ledger, TAIL, Circumstances())
    assert judgement.colliding_ids == ["order-1", "order.1"]
    assert (judgement.gaps, judgement.misplaced, judgement.replay) == ((), (), Replay.BROKEN)
