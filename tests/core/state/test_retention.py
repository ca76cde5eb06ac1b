"""Expired messages are removed from the state, and only what they touch is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import auditor.core.state.examiner
import auditor.core.state.segments
from auditor.core.model.findings import Kind, Severity
from auditor.core.state.ledger import Ledger
from auditor.core.state.retention import (
    count_actors_without_covering_snapshot,
    replace_actor,
    replace_segment,
    set_first_event,
    trim,
)
from tests.core.findings import finding_of
from tests.core.state.test_examiner import examiner, judged
from tests.core.stories import event, message, snapshot

if TYPE_CHECKING:
    from auditor.core.state.examiner import AuditState, Examiner

ONE, OTHER = b"order.order-1", b"order.order-2"
EVENTS, SNAPSHOTS = "S.events.order.order-1", "S.snapshots.order.order-1"
OTHER_EVENTS = "S.events.order.order-2"


def events(last: int) -> list[tuple[str | bytes, bytes]]:
    return [(EVENTS, event("order-1", version)) for version in range(1, last + 1)]


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.core.state.segments, "SEGMENT_SIZE", 4)


def test_an_actor_without_anomalies_whose_first_event_expired_needs_a_new_first_event() -> None:
    state = judged([*events(4), (OTHER_EVENTS, event("order-2", 1))])
    trimmed = trim(state, 3)
    assert (trimmed.first_event_expired, trimmed.to_reread) == ([ONE], [])
    assert set(state.ledger.actors) == {ONE, OTHER}


def test_an_actor_without_anomalies_whose_last_event_expired_is_removed() -> None:
    state = judged([*events(2), (OTHER_EVENTS, event("order-2", 1))])
    trimmed = trim(state, 3)
    assert (trimmed.first_event_expired, trimmed.to_reread, list(state.ledger.actors)) == ([], [], [OTHER])


def test_an_actor_with_anomalies_is_read_again_once_its_first_message_expired() -> None:
    gap = judged([(EVENTS, event("order-1", 1)), (EVENTS, event("order-1", 3))])
    assert trim(gap, 2).to_reread == [ONE]
    bad = judged([(EVENTS, b"{"), (OTHER_EVENTS, b"{")])
    assert trim(bad, 2).to_reread == [ONE]
    assert trim(judged([(OTHER_EVENTS, event("order-2", 1)), (EVENTS, b"{")]), 2).to_reread == []


def test_an_actor_with_an_unjudged_message_is_always_read_again() -> None:
    state = judged([*events(2), (OTHER_EVENTS, event("order-2", 1))])
    state.ledger.unjudged.add(OTHER)
    assert trim(state, 2).to_reread == [OTHER]


def test_expired_snapshots_are_removed() -> None:
    state = judged([(SNAPSHOTS, snapshot("order-1", 1)), ("S.snapshots.order.order-2", snapshot("order-2", 1))])
    trim(state, 2)
    assert set(state.ledger.snapshots) == {OTHER}


def test_the_segment_that_expired_in_part_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.core.state.segments, "SEGMENT_SIZE", 4)
    assert trim(judged(events(9)), 6).partial_segment == 1
    assert trim(judged(events(9)), 8).partial_segment is None


def test_an_actor_begins_with_its_first_stored_event() -> None:
    state = judged(events(4))
    assert set_first_event(state.ledger, ONE, message(3, EVENTS, event("order-1", 3)))
    actor = state.ledger.actors[ONE]
    assert (actor.first_version, actor.first_seq, actor.last_version, actor.last_seq) == (3, 3, 4, 4)


@pytest.mark.parametrize(
    "found",
    [
        None,
        message(3, EVENTS, b"{"),
        message(3, EVENTS, event("order-1", 5)),
        message(3, EVENTS, event("order-1", 0)),
        message(5, EVENTS, event("order-1", 3)),
    ],
)
def test_a_message_that_cannot_be_the_first_event_changes_nothing(found: object) -> None:
    state = judged(events(4))
    assert not set_first_event(state.ledger, ONE, found)  # type: ignore[arg-type]
    assert state == judged(events(4))


def test_the_state_of_an_actor_that_was_read_again_replaces_its_former_state() -> None:
    state = judged([(EVENTS, b"{"), *events(3), (SNAPSHOTS, snapshot("order-1", 3)), (OTHER_EVENTS, b"{")])
    state.ledger.unjudged |= {ONE, OTHER}
    other = state.ledger.anomalies[OTHER]
    replace_actor(state.ledger, ONE, judged(events(2)).ledger)
    assert state.ledger.actors == judged(events(2)).ledger.actors
    assert state.ledger.anomalies == {OTHER: other}
    assert (state.ledger.snapshots, state.ledger.unjudged) == ({}, {OTHER})
    again = judged([(EVENTS, b"{")])
    again.ledger.unjudged.add(ONE)
    replace_actor(state.ledger, ONE, again.ledger)
    assert (ONE in state.ledger.actors, ONE in state.ledger.anomalies) == (False, True)
    assert state.ledger.unjudged == {ONE, OTHER}


def examined(stream: list[tuple[str | bytes, bytes]], first_seq: int, state: AuditState | None = None) -> Examiner:
    one = examiner(state)
    for seq, (subject, data) in enumerate(stream, first_seq):
        one.examine(message(seq, subject, data))
    return one


@pytest.mark.usefixtures("short_segments")
def test_a_bad_snapshot_is_counted_in_its_segment_only_if_a_later_one_supersedes_it() -> None:
    stream = [*events(1), (SNAPSHOTS, b"{"), (EVENTS, event("order-1", 2)), (SNAPSHOTS, snapshot("order-1", 2))]
    state = judged(stream)
    assert state.segments.content_findings == {Kind.MALFORMED_SNAPSHOT: 1}
    replace_segment(state, 0, examined(stream[1:3], 2), 100)
    assert state.segments.content_findings == {Kind.MALFORMED_SNAPSHOT: 1}
    (finding,) = state.segments.listed_findings[Kind.MALFORMED_SNAPSHOT]
    assert (finding.severity, finding.seq) == (Severity.NOTICE, 2)

    last = judged(stream[:3])
    replace_segment(last, 0, examined(stream[1:3], 2), 100)
    assert last.segments.content_findings == {}


@pytest.mark.usefixtures("short_segments")
def test_a_segment_without_stored_messages_counts_nothing() -> None:
    state = judged([(EVENTS, b"{")] * 5)
    replace_segment(state, 0, examiner(), 100)
    assert state.segments.content_findings == {Kind.MALFORMED_EVENT: 2}


BAD = finding_of(Kind.MALFORMED_SNAPSHOT)


@pytest.mark.parametrize(
    ("events", "snapshot", "broken"),
    [
        ((1, 9), None, 1),
        ((1, 9), (7, None), 0),
        ((1, 9), (7, BAD), 1),
        ((1, 9), (4, None), 1),  # expires, too
        ((5, 9), None, 0),  # loses nothing
        ((1, 4), None, 0),  # expires as a whole
        ((1, 5), None, 1),
    ],
)
def test_an_actor_is_counted_if_it_loses_some_events_and_no_good_snapshot_stays(events, snapshot, broken):
    ledger = Ledger()
    for version, seq in enumerate(events, 1):
        ledger.add_event(b"order.order-1", "order-1", version, seq)
    if snapshot is not None:
        ledger.add_snapshot(b"order.order-1", 1, *snapshot)
    assert count_actors_without_covering_snapshot(ledger, kept_from=5) == broken
