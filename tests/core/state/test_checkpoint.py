"""A checkpoint refuses another stream, notices deletions, and takes the results of a pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.core.model.message import Loss, StreamInfo
from auditor.core.model.passes import Mode
from auditor.core.model.range_account import RangeAccount, SubjectCount
from auditor.core.state.checkpoint import Checkpoint, CheckpointKind

INFO = StreamInfo("S", 7, 1, 20, 20, 0)
SUBJECTS = ("S.events.>",)


def checkpoint(**facts: object) -> Checkpoint:
    return Checkpoint(**{"stream": "S", "created_ns": 7, "subjects": SUBJECTS, "next_seq": 11, **facts})  # type: ignore[arg-type]


def test_on_the_same_stream_a_pass_can_resume() -> None:
    assert checkpoint().why_not_resume(INFO, SUBJECTS) is None
    assert checkpoint().why_not_resume(replace(INFO, first_seq=5, last_seq=10), SUBJECTS) is None


@pytest.mark.parametrize(
    ("facts", "info", "reason"),
    [
        ({"stream": "T"}, {}, "another stream or of other subjects"),
        ({"subjects": ("S.events.order.>",)}, {}, "another stream or of other subjects"),
        ({}, {"created_ns": 8}, "deleted and created again"),
        ({}, {"last_seq": 9}, "ends at sequence 9, and was read up to 10"),
        ({"first_seq": 3}, {}, "begins at sequence 1, and began at 3"),
    ],
)
def test_a_pass_cannot_resume_on_another_or_a_changed_stream(
    facts: dict[str, object], info: dict[str, object], reason: str
) -> None:
    assert reason in str(checkpoint(**facts).why_not_resume(replace(INFO, **info), SUBJECTS))  # type: ignore[arg-type]


@pytest.mark.parametrize("info", [{"first_seq": 2}, {"deleted": 1}, {"lost": Loss(((4, 4),))}])
def test_other_numbers_in_the_stream_info_mean_that_deletions_may_have_changed(info: dict[str, object]) -> None:
    assert checkpoint().deletions_unchanged(INFO)
    assert not checkpoint().deletions_unchanged(replace(INFO, **info))  # type: ignore[arg-type]


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
def test_only_deletions_of_messages_that_were_read_are_new(listed: list[tuple[int, int]], *, changed: bool) -> None:
    assert checkpoint(deleted=[(3, 4)], undelivered=[(6, 7)]).has_new_deletions(INFO, listed) is changed


def test_expired_messages_are_no_new_deletions() -> None:
    assert not checkpoint(deleted=[(3, 4)]).has_new_deletions(replace(INFO, first_seq=5), [])


def test_messages_that_the_server_lost_are_new_deletions() -> None:
    assert checkpoint().has_new_deletions(replace(INFO, lost=Loss(((4, 4),))), [])


def test_expired_messages_are_removed_from_all_ranges() -> None:
    one = checkpoint(removed=[(2, 9)], deleted=[(4, 9)], unreadable=[(1, 1)], undelivered=[(5, 6), (10, 10)])
    one.trim_before(6)
    assert (one.removed, one.deleted, one.unreadable, one.undelivered) == ([(6, 9)], [(6, 9)], [], [(6, 6), (10, 10)])
    assert (one.first_seq, one.next_seq) == (6, 11)
    one.trim_before(30)
    assert (one.removed, one.first_seq, one.next_seq) == ([], 30, 30)


def complete(one: Checkpoint, *, reached: int = 20, info: StreamInfo = INFO, **account: object) -> bool:
    """Enter the results of a full pass."""
    ranges = RangeAccount(**account)  # type: ignore[arg-type]
    return one.complete(ranges, info=info, mode=Mode.FULL, reached=reached, subject_counts={})


def test_a_pass_that_reached_its_end_is_complete_and_its_ranges_are_added() -> None:
    one = checkpoint(removed=[(3, 3)], deleted=[(3, 3)], unreadable=[(5, 5)], undelivered=[(9, 9)])
    assert one.kind is CheckpointKind.IN_PROGRESS
    info = replace(INFO, deleted=2, lost=Loss(((6, 6),)))
    assert complete(one, info=info, removed=[(12, 12)], deleted=[(12, 12)], unreadable=[(15, 15)])
    assert (one.next_seq, one.is_complete, one.kind, one.undelivered) == (21, True, CheckpointKind.COMPLETED, [])
    assert one.lost == Loss(((6, 6),))
    assert one.removed == [(3, 3), (12, 12)]
    assert one.deleted == [(3, 3), (12, 12)]
    assert one.unreadable == [(5, 5), (15, 15)]


def test_a_pass_that_ended_early_is_not_complete() -> None:
    one = checkpoint()
    assert complete(one, reached=14, unread=[(15, 20)])
    assert (one.next_seq, one.is_complete) == (15, False)


def test_a_pass_without_new_messages_changes_nothing() -> None:
    one = checkpoint(is_complete=True)
    assert not complete(one, reached=10, info=replace(INFO, last_seq=10))
    assert (one.next_seq, one.is_complete) == (11, True)


@pytest.mark.parametrize(
    ("facts", "change"),
    [
        ({"is_complete": True}, {"reached": 11}),
        ({}, {"reached": 10, "info": replace(INFO, last_seq=10)}),
        ({}, {"reached": 10, "removed": [(3, 3)]}),
        ({}, {"reached": 10, "unreadable": [(3, 3)]}),
        ({}, {"reached": 10, "info": replace(INFO, lost=Loss(((3, 3),)))}),
        ({"undelivered": [(3, 3)]}, {"reached": 10}),
        ({"subject_counts": {b"s": SubjectCount(1)}}, {"reached": 10}),
    ],
)
def test_any_new_result_is_a_change(facts: dict[str, object], change: dict[str, object]) -> None:
    assert complete(checkpoint(**facts), **change)  # type: ignore[arg-type]


def test_only_a_full_pass_records_the_messages_that_the_server_lost() -> None:
    one = checkpoint(is_complete=True)
    info = replace(INFO, last_seq=10, lost=Loss(((6, 6),), 3))
    assert not one.complete(RangeAccount(), info=info, mode=Mode.INCREMENTAL, reached=10, subject_counts={})
    assert one.lost == Loss()


def test_completing_a_checkpoint_does_not_change_the_counts_given_as_an_argument() -> None:
    one, counts = checkpoint(), {b"s": SubjectCount(1)}
    one.complete(RangeAccount(), info=INFO, mode=Mode.FULL, reached=20, subject_counts=counts)
    assert (one.subject_counts, one.subject_counts is counts) == ({b"s": SubjectCount(1)}, False)
