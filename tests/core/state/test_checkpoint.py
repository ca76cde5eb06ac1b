"""Whether a pass may go on from what is remembered, and what a pass leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.core.model.message import StreamState
from auditor.core.model.passes import Mode, PassTimes, SeqRange
from auditor.core.model.range_account import Walked
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind

PINNED = StreamState("S", 7, 1, 20, 20, 0)
PATTERNS = ("S.events.>",)


def memory(**facts: object) -> Checkpoint:
    return Checkpoint(**{"stream": "S", "created_ns": 7, "subjects": PATTERNS, "next_seq": 11, **facts})  # type: ignore[arg-type]


def test_on_the_same_stream_a_pass_goes_on() -> None:
    assert memory().objection(PINNED, PATTERNS) is None
    assert memory().objection(replace(PINNED, first_seq=5, last_seq=10), PATTERNS) is None


@pytest.mark.parametrize(
    ("facts", "pinned", "why"),
    [
        ({"stream": "T"}, {}, "another stream, or of other subjects"),
        ({"subjects": ("S.events.order.>",)}, {}, "another stream, or of other subjects"),
        ({}, {"created_ns": 8}, "deleted and created again"),
        ({}, {"last_seq": 9}, "ends at sequence 9, and was read up to 10"),
        ({"first_seq": 3}, {}, "begins at sequence 1, and began at 3"),
    ],
)
def test_it_does_not_where_the_stream_is_not_what_was_read(
    facts: dict[str, object], pinned: dict[str, object], why: str
) -> None:
    assert why in str(memory(**facts).objection(replace(PINNED, **pinned), PATTERNS))  # type: ignore[arg-type]


@pytest.mark.parametrize("pinned", [{"first_seq": 2}, {"deleted": 1}, {"lost": (4,)}])
def test_a_stream_that_does_not_look_the_same_is_asked_what_was_deleted(pinned: dict[str, object]) -> None:
    assert memory().deletions_unchanged(PINNED)
    assert not memory().deletions_unchanged(replace(PINNED, **pinned))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("listed", "changed"),
    [
        ([(3, 4)], False),
        ([(3, 4), (11, 15)], False),
        ([(3, 5)], True),
        ([(3, 4), (8, 8)], True),
        ([], True),
        ([(3, 4), (6, 6)], False),
    ],
)
def test_only_what_was_read_and_is_gone_changes_the_history(listed: list[tuple[int, int]], *, changed: bool) -> None:
    assert memory(deleted=[(3, 4)], undelivered=[(6, 7)]).has_new_deletions(PINNED, listed) is changed


def test_what_left_at_the_head_changes_no_history() -> None:
    assert not memory(deleted=[(3, 4)]).has_new_deletions(replace(PINNED, first_seq=5), [])


def test_what_the_server_reports_as_lost_changes_the_history() -> None:
    assert memory().has_new_deletions(replace(PINNED, lost=(4,)), [])


def test_what_left_at_the_head_is_in_no_range_any_more() -> None:
    one = memory(removed=[(2, 9)], deleted=[(4, 9)], unreadable=[(1, 1)], undelivered=[(5, 6), (10, 10)])
    one.trim_before(6)
    assert (one.removed, one.deleted, one.unreadable, one.undelivered) == ([(6, 9)], [(6, 9)], [], [(6, 6), (10, 10)])
    assert (one.first_seq, one.next_seq) == (6, 11)
    one.trim_before(30)
    assert (one.removed, one.first_seq, one.next_seq) == ([], 30, 30)


def walked(**facts: object) -> Walked:
    return Walked(**{"pinned": PINNED, "read": SeqRange(11, 20), "accounted": True, **facts})  # type: ignore[arg-type]


def test_a_pass_that_came_to_its_end_is_complete_and_speaks_of_all_that_is_remembered() -> None:
    one = memory(removed=[(3, 3)], deleted=[(3, 3)], unreadable=[(5, 5)], undelivered=[(9, 9)])
    assert one.kind is CheckpointKind.IN_PROGRESS
    pinned = replace(PINNED, deleted=2, lost=(6,))
    end = walked(pinned=pinned, removed=[(12, 12)], deleted=[(12, 12)], unreadable=[(15, 15)])
    one.take(end)
    assert (one.next_seq, one.is_complete, one.certain, one.kind, one.undelivered) == (
        21,
        True,
        True,
        CheckpointKind.COMPLETED,
        [],
    )
    assert one.lost_seqs == (6,)
    assert one.removed == end.removed == [(3, 3), (12, 12)]
    assert one.deleted == end.deleted == [(3, 3), (12, 12)]
    assert one.unreadable == end.unreadable == [(5, 5), (15, 15)]


def test_a_pass_that_was_cut_short_is_not_complete_and_what_it_did_not_reach_is_not_its_business() -> None:
    one = memory()
    one.take(walked(read=SeqRange(11, 14), unread=[(15, 20)]))
    assert (one.next_seq, one.is_complete, one.certain) == (15, False, True)


@pytest.mark.parametrize("facts", [{"unread": [(12, 12)]}, {"accounted": False}])
def test_what_was_read_with_a_doubt_is_not_certain(facts: dict[str, object]) -> None:
    one = memory()
    one.take(walked(**facts))
    assert not one.certain


def test_a_pass_over_nothing_new_stays_where_it_is_and_complete() -> None:
    one = memory(is_complete=True)
    before = one.position
    one.take(walked(pinned=replace(PINNED, last_seq=10), read=None))
    assert (one.position, one.is_complete, one.certain) == (before, True, True)


@pytest.mark.parametrize("facts", [{"first_seq": 2}, {"next_seq": 12}, {"deleted": [(3, 3)]}, {"lost_seqs": (3,)}])
def test_whatever_happens_changes_its_position(facts: dict[str, object]) -> None:
    assert memory(**facts).position != memory().position


def test_the_last_pass_is_recalled_with_its_range_and_what_was_gone_from_it() -> None:
    one = memory(first_seq=2, removed=[(3, 4)], deleted=[(3, 4)], unreadable=[(6, 6)], full_pass_started_ns=5)
    again = one.recalled(Mode.INCREMENTAL, PassTimes(8, 9), filtered=False)
    assert (again.pinned.first_seq, again.pinned.last_seq, again.pinned.messages, again.pinned.deleted) == (2, 10, 7, 2)
    assert (again.removed, again.deleted, again.unreadable, again.read) == ([(3, 4)], [(3, 4)], [(6, 6)], None)
    assert (again.mode, again.started_ns, again.finished_ns, again.full_ns) == (Mode.INCREMENTAL, 8, 9, 5)
