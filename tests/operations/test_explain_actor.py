"""The reasoning about one actor says what is there, what is missing and why, what would bridge it, and what to do."""

from __future__ import annotations

import pytest

from auditor.core.model.findings import Cause, Kind
from auditor.core.model.range_account import SubjectCount
from auditor.core.state.acceptance import Acceptance
from auditor.operations.explain_actor import WHY, About, LastSnapshot, reasoning
from tests.core.reports import report
from tests.core.stories import event, snapshot

ORDER, SNAPSHOTS = "S.events.order.order-1", "S.snapshots.order.order-1"


def stored(*versions: int) -> list[tuple[str, bytes]]:
    return [(ORDER, event("order-1", version)) for version in versions]


def said(versions: list[int], snapshot_: LastSnapshot | None, *messages: tuple[str, bytes]) -> dict[About, list[str]]:
    steps = reasoning(versions, snapshot_, report(*messages))
    assert [step.about for step in steps] == sorted((step.about for step in steps), key=list(About).index)
    return {about: [step.text for step in steps if step.about is about] for about in About}


def test_an_actor_with_nothing_wrong_needs_nothing_to_be_done() -> None:
    steps = said([1, 2, 3], None, *stored(1, 2, 3))
    assert steps[About.THERE] == ["3 events that replay applies, in this order: version 1 to 3"]
    assert steps[About.SNAPSHOT] == ["no snapshot is stored"]
    assert steps[About.REPLAY] == ["replayable from its first version"]
    assert not steps[About.MISSING] + steps[About.WRONG] + steps[About.DO]


def test_a_broken_actor_is_told_which_snapshot_would_bridge_it_and_where_the_bytes_are() -> None:
    messages = [*stored(1, 2), (ORDER, b"{"), *stored(4)]
    steps = reasoning([1, 2, 4], None, report(*messages))
    texts = [step.text for step in steps]
    assert "3 events that replay applies, in this order: version 1 to 2, 4" in texts
    assert f"version 3 is missing between sequences 2 and 4: {WHY[Cause.MALFORMED]}" in texts
    assert "broken: no snapshot covers the damage; a snapshot of version 3 or later would" in texts
    commands = [step.command for step in steps if step.command]
    assert commands[0].startswith("auditor quarantine show aether.quarantine.S.0.3.")
    assert commands[1:] == [
        'auditor accept --audit orders --kind malformed_event --up-to-seq 3 --reason "…"',
        'auditor accept --audit orders --kind version_gap --up-to-seq 4 --reason "…"',
    ]


def test_the_command_that_accepts_unreadable_events_covers_all_that_is_unreadable_now() -> None:
    short = {ORDER.encode(): SubjectCount(stored=3, unreadable=1, detected_seq=2)}
    steps = reasoning([1, 2], None, report(*stored(1, 2), short=short))
    commands = [step.command for step in steps if step.command]
    assert 'auditor accept --audit orders --kind unreadable_message --up-to-seq 2 --reason "…"' in commands
    accepted = Acceptance(
        kind=Kind.UNREADABLE_MESSAGE, up_to_seq=2, reason="known", accepted_ns=1, created_ns=0, count_in_last_segment=0
    )
    assert accepted.covers(short[ORDER.encode()].detected_seq)


def test_damage_at_the_end_needs_a_snapshot_stored_behind_it() -> None:
    steps = said([1], None, *stored(1), (ORDER, b"{"))
    assert steps[About.REPLAY] == ["broken: no snapshot covers the damage; a snapshot stored behind sequence 2 would"]


def test_a_snapshot_that_bridges_is_where_replay_goes_on() -> None:
    messages = [*stored(1), (SNAPSHOTS, snapshot("order-1", 3)), *stored(4)]
    steps = said([1, 4], LastSnapshot(3), *messages)
    assert steps[About.SNAPSHOT] == ["the last snapshot is of version 3"]
    assert "goes on behind version 3" in steps[About.REPLAY][0]


@pytest.mark.parametrize("trouble", ["it does not decode", "it belongs to another actor"])
def test_a_snapshot_that_is_no_use_is_said_to_be(trouble: str) -> None:
    steps = said([1], LastSnapshot(None, trouble), *stored(1))
    assert steps[About.SNAPSHOT] == [f"the last snapshot is no use: {trouble}"]


def test_no_snapshot_helps_where_actors_share_a_subject() -> None:
    colliding = ("S.events.order.order-a_b", event("order-a.b", 1)), ("S.events.order.order-a_b", event("order-a_b", 1))
    steps = said([1, 1], None, *colliding)
    assert "no snapshot helps" in steps[About.REPLAY][0]
    assert "no two map to the same subject" in steps[About.DO][0]


def test_an_actor_of_which_only_a_snapshot_is_left_has_nothing_to_replay() -> None:
    steps = said([], LastSnapshot(3))
    assert steps[About.THERE] == ["no event that replay applies"]
    assert steps[About.REPLAY] == ["nothing to replay: it has no events"]


def test_a_long_list_of_versions_is_cut() -> None:
    steps = said(list(range(1, 60, 2)), None)
    assert steps[About.THERE][0].endswith("15, 17, 19, …")


def test_every_cause_of_a_hole_has_its_words() -> None:
    assert set(WHY) == set(Cause) - {Cause.SAME_PAYLOAD, Cause.DIFFERENT_PAYLOAD}
