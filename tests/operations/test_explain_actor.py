"""The explanation of one actor: what is stored, what is missing and why, which snapshot is required, and what to do."""

from __future__ import annotations

import pytest

from auditor.core.model.findings import Cause, Kind
from auditor.core.model.range_account import SubjectCount
from auditor.operations.explain_actor import CAUSE_TEXT, LastSnapshot, StepTopic, explain_actor
from tests.core.findings import acceptance_by_rule
from tests.core.reports import report
from tests.core.stories import event, snapshot

ORDER, SNAPSHOTS = "S.events.order.order-1", "S.snapshots.order.order-1"


def stored(*versions: int) -> list[tuple[str, bytes]]:
    return [(ORDER, event("order-1", version)) for version in versions]


def texts(
    versions: list[int], snapshot_: LastSnapshot | None, *messages: tuple[str, bytes]
) -> dict[StepTopic, list[str]]:
    steps = explain_actor(versions, snapshot_, report(*messages))
    assert [step.about for step in steps] == sorted((step.about for step in steps), key=list(StepTopic).index)
    return {about: [step.text for step in steps if step.about is about] for about in StepTopic}


def test_a_healthy_actor_has_no_step_about_what_to_do() -> None:
    steps = texts([1, 2, 3], None, *stored(1, 2, 3))
    assert steps[StepTopic.THERE] == ["3 events that replay applies, in this order: version 1 to 3"]
    assert steps[StepTopic.SNAPSHOT] == ["no snapshot is stored"]
    assert steps[StepTopic.REPLAY] == ["replayable from its first version"]
    assert not steps[StepTopic.MISSING] + steps[StepTopic.WRONG] + steps[StepTopic.DO]


def test_for_a_broken_actor_the_required_snapshot_and_the_commands_are_named() -> None:
    messages = [*stored(1, 2), (ORDER, b"{"), *stored(4)]
    steps = explain_actor([1, 2, 4], None, report(*messages))
    lines = [step.text for step in steps]
    assert "3 events that replay applies, in this order: version 1 to 2, 4" in lines
    assert f"version 3 is missing between sequences 2 and 4: {CAUSE_TEXT[Cause.MALFORMED]}" in lines
    assert "broken: no snapshot covers the damage; a snapshot of version 3 or later would" in lines
    commands = [step.command for step in steps if step.command]
    assert commands[0].startswith("auditor quarantine show aether.quarantine.S.0.3.")
    assert commands[1:] == [
        'auditor accept --audit orders --kind malformed_event --up-to-seq 3 --reason "…"',
        'auditor accept --audit orders --kind version_gap --up-to-seq 4 --reason "…"',
    ]


def test_damage_at_the_end_requires_a_snapshot_stored_after_it() -> None:
    steps = texts([1], None, *stored(1), (ORDER, b"{"))
    assert steps[StepTopic.REPLAY] == [
        "broken: no snapshot covers the damage; a snapshot stored after sequence 2 would"
    ]


def test_the_command_that_accepts_unreadable_events_covers_all_that_is_unreadable_now() -> None:
    counts = {ORDER.encode(): SubjectCount(stored=3, unreadable=1, detected_seq=2)}
    steps = explain_actor([1, 2], None, report(*stored(1, 2), subject_counts=counts))
    commands = [step.command for step in steps if step.command]
    assert 'auditor accept --audit orders --kind unreadable_message --up-to-seq 2 --reason "…"' in commands
    accepted = acceptance_by_rule(Kind.UNREADABLE_MESSAGE, 2)
    after = report(*stored(1, 2), subject_counts=counts, accepted={accepted.kind: accepted})
    assert (after.findings_total, after.accepted_total) == ({}, {Kind.UNREADABLE_MESSAGE: 1})


def test_replay_continues_after_a_snapshot_that_covers_the_damage() -> None:
    messages = [*stored(1), (SNAPSHOTS, snapshot("order-1", 3)), *stored(4)]
    steps = texts([1, 4], LastSnapshot(3), *messages)
    assert steps[StepTopic.SNAPSHOT] == ["the last snapshot is of version 3"]
    assert "continues after version 3" in steps[StepTopic.REPLAY][0]


@pytest.mark.parametrize("problem", ["it does not decode", "it belongs to another actor"])
def test_a_snapshot_that_replay_cannot_use_is_named_with_the_reason(problem: str) -> None:
    steps = texts([1], LastSnapshot(None, problem), *stored(1))
    assert steps[StepTopic.SNAPSHOT] == [f"replay cannot use the last snapshot: {problem}"]


def test_no_snapshot_helps_if_actors_share_a_subject() -> None:
    colliding = ("S.events.order.order-a_b", event("order-a.b", 1)), ("S.events.order.order-a_b", event("order-a_b", 1))
    steps = texts([1, 1], None, *colliding)
    assert "no snapshot helps" in steps[StepTopic.REPLAY][0]
    assert "map to different subjects" in steps[StepTopic.DO][0]


def test_an_actor_with_only_a_snapshot_has_nothing_to_replay() -> None:
    steps = texts([], LastSnapshot(3))
    assert steps[StepTopic.THERE] == ["no event that replay applies"]
    assert steps[StepTopic.REPLAY] == ["nothing to replay: it has no events"]


def test_a_long_list_of_versions_is_cut() -> None:
    steps = texts(list(range(1, 60, 2)), None)
    assert steps[StepTopic.THERE][0].endswith("15, 17, 19, …")


def test_every_cause_of_missing_versions_has_a_text() -> None:
    assert set(CAUSE_TEXT) == set(Cause) - {Cause.SAME_PAYLOAD, Cause.DIFFERENT_PAYLOAD}
