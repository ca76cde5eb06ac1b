"""A pass over single subjects compares what it read with the server's count of messages on each subject."""

from __future__ import annotations

import asyncio

import pytest

from auditor.core.model.findings import Cause, Kind
from auditor.core.model.passes import Mode, Verdict
from auditor.core.model.range_account import SubjectCount
from auditor.core.report.pass_report import BrokenActor
from auditor.scan.request import StartFrom
from auditor.scan.subject_counts import MAX_ATTEMPTS, count_subjects
from tests.core.stories import event, snapshot
from tests.ports.in_memory import FaultySource, GoneError, InMemorySource, InMemoryStateStore
from tests.scan.passes import a_pass, sums_hold

ONE, OTHER = "S.events.order.order-1", "S.events.order.order-2"
MIXED = [(subject, event(subject[-7:], version)) for version in range(1, 6) for subject in (ONE, OTHER)]
"""Versions 1 to 5 of order-1 at odd sequences, of order-2 at even ones."""


def one_actor(stream: InMemorySource, state: InMemoryStateStore | None = None, **settings: object):
    return a_pass(stream, state=state, actors=("order-1",), **settings)


async def test_an_unreadable_event_is_found_on_its_subject_and_explains_the_gap() -> None:
    stream = InMemorySource(MIXED)
    stream.unreadable = {3, 5}
    report = await one_actor(stream).run()
    assert report.verdict is Verdict.CORRUPT
    assert report.findings_total == {Kind.UNREADABLE_MESSAGE: 2, Kind.VERSION_GAP: 1}
    found = {finding.kind: finding for finding in report.findings}
    unreadable = found[Kind.UNREADABLE_MESSAGE]
    assert (unreadable.subject, unreadable.actor, unreadable.count) == (ONE, "order-1", 2)
    assert (unreadable.first_seq, unreadable.last_seq) == (1, 10)
    assert found[Kind.VERSION_GAP].cause is Cause.UNREADABLE
    assert (report.actors.broken, report.broken_list) == (1, (BrokenActor("order-1", 5, 3, 0),))
    assert (report.messages.examined, report.messages.unreadable, report.messages.skipped) == (3, 2, 5)
    assert (report.coverage, sums_hold(report)) == (1.0, True)


@pytest.mark.parametrize("snapshot_version", [0, 4, 5])
async def test_an_unreadable_end_breaks_an_actor_unless_its_last_snapshot_covers_it(snapshot_version: int) -> None:
    more = [("S.snapshots.order.order-1", snapshot("order-1", snapshot_version))] if snapshot_version else []
    stream = InMemorySource([*MIXED, *more])
    stream.unreadable = {9}
    report = await one_actor(stream).run()
    assert report.findings_total == {Kind.UNREADABLE_MESSAGE: 1}
    assert (report.actors.replayable_from_snapshot, report.actors.broken) == (
        (1, 0) if snapshot_version == 5 else (0, 1)
    )


async def test_an_unreadable_snapshot_is_found_too() -> None:
    stream = InMemorySource([*MIXED, ("S.snapshots.order.order-1", snapshot("order-1", 5))])
    stream.unreadable = {11}
    report = await one_actor(stream).run()
    (finding,) = report.findings
    assert (finding.kind, finding.subject, finding.actor) == (
        Kind.UNREADABLE_MESSAGE,
        "S.snapshots.order.order-1",
        "order-1",
    )
    assert report.actors.replayable == 1


async def test_unreadable_messages_of_other_subjects_and_deleted_messages_are_not_counted_as_unreadable() -> None:
    stream = InMemorySource(MIXED)
    stream.unreadable = {2, 4}
    stream.delete(5, 6)
    report = await one_actor(stream).run()
    assert report.findings_total == {Kind.VERSION_GAP: 1, Kind.DELETED_MESSAGES: 2}
    assert report.findings[0].cause is Cause.DELETED
    assert sums_hold(report)


async def test_an_incremental_pass_finds_new_unreadable_messages_and_keeps_known_ones() -> None:
    stream, state = InMemorySource(MIXED), InMemoryStateStore()
    stream.unreadable = {3}
    assert (await one_actor(stream, state).run()).findings_total[Kind.UNREADABLE_MESSAGE] == 1
    stream.append((ONE, event("order-1", 6)), (ONE, event("order-1", 7)), (ONE, event("order-1", 8)))
    stream.unreadable |= {12}
    later = await one_actor(stream, state).run()
    assert (later.mode, later.findings_total[Kind.UNREADABLE_MESSAGE]) == (Mode.INCREMENTAL, 2)
    stream.unreadable -= {3, 12}
    stream.delete(3)
    stream.append((ONE, event("order-1", 9)))
    gone = await one_actor(stream, state).run()
    assert Kind.UNREADABLE_MESSAGE not in gone.findings_total
    again = one_actor(stream, state)
    again.start_from = StartFrom.BEGINNING
    assert Kind.UNREADABLE_MESSAGE not in (await again.run()).findings_total


async def test_the_last_report_is_made_from_the_saved_counts() -> None:
    stream, state = InMemorySource(MIXED), InMemoryStateStore()
    stream.unreadable = {3}
    report = await one_actor(stream, state).run()
    last_report = await one_actor(stream, state).last()
    assert last_report is not None
    assert (last_report.findings, last_report.messages) == (report.findings, report.messages)


async def test_an_idle_pass_counts_nothing() -> None:
    stream, state = FaultySource(MIXED), InMemoryStateStore()
    await one_actor(stream, state).run()
    stream.silent["count"] = GoneError("asked")
    assert (await one_actor(stream, state).run()).verdict is Verdict.CLEAN


async def test_a_count_that_fails_makes_the_pass_inconclusive_and_nothing_is_saved() -> None:
    stream, state = FaultySource(MIXED), InMemoryStateStore()
    stream.silent["count"] = GoneError("not allowed to ask")
    report = await one_actor(stream, state).run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, "not allowed to ask")
    stream.silent.clear()
    assert (await one_actor(stream, state).run()).mode is Mode.FULL


@pytest.mark.parametrize("changes", [1, MAX_ATTEMPTS])
async def test_a_subject_that_changes_while_it_is_counted_is_counted_again_or_reported_as_uncountable(
    changes: int,
) -> None:
    """With a limit per subject, a stream removes the oldest message for each new one: the count stays the same."""
    stream = InMemorySource(MIXED)
    stream.unreadable = {3}
    walks, walk = 0, stream.read

    def moving(*arguments, **settings):
        nonlocal walks
        walks += 1
        if 1 < walks <= 1 + changes:  # the first walk is the pass itself
            stream.delete(
                min(seq for seq, message in stream.messages.items() if seq != 3 and message.subject == ONE.encode())
            )
            stream.append((ONE, event("order-1", 5 + walks)))
        return walk(*arguments, **settings)

    stream.read = moving  # type: ignore[method-assign]
    report = await one_actor(stream).run()
    if changes == MAX_ATTEMPTS:
        assert Kind.UNREADABLE_MESSAGE not in report.findings_total
        assert "faster than it can be counted" in str(report.incomplete)
    else:
        assert report.findings_total[Kind.UNREADABLE_MESSAGE] == 1


async def test_a_pass_that_is_interrupted_while_it_counts_is_inconclusive() -> None:
    stream = InMemorySource(MIXED)
    stream.unreadable = {3}
    this_pass = one_actor(stream)
    count = stream.count

    async def interrupting(subject: str) -> int:
        this_pass.interrupt.set()
        return await count(subject)

    stream.count = interrupting  # type: ignore[method-assign]
    report = await asyncio.wait_for(this_pass.run(), 5)
    assert report.incomplete == "interrupted while the messages on a subject were counted"


async def test_if_the_server_cannot_filter_the_whole_stream_is_read_and_each_sequence_accounted_for() -> None:
    stream = InMemorySource(MIXED)
    stream.unreadable = {3}
    report = await a_pass(stream, actors=("order-1", "a\x7fb")).run()
    (unreadable,) = (each for each in report.findings if each.kind is Kind.UNREADABLE_MESSAGE)
    assert (unreadable.first_seq, unreadable.last_seq, unreadable.count) == (3, 3, 1)
    assert (report.messages.examined, report.messages.skipped, sums_hold(report)) == (4, 5, True)


async def test_the_counts_given_as_an_argument_are_not_changed() -> None:
    stream = FaultySource(MIXED)
    stream.unreadable = {3}
    known, request = {ONE.encode(): SubjectCount(stored=4)}, one_actor(stream).request
    result = await count_subjects(stream, await stream.info(), known, request)
    assert result.error is None
    assert result.counts[ONE.encode()] == SubjectCount(stored=5, unreadable=1, detected_seq=10)
    assert known == {ONE.encode(): SubjectCount(stored=4)}


async def test_if_a_count_fails_the_result_holds_the_error() -> None:
    stream = FaultySource(MIXED)
    stream.silent["count"] = GoneError("no answer")
    result = await count_subjects(stream, await stream.info(), {}, one_actor(stream).request)
    assert (dict(result.counts), result.error) == ({}, "no answer")


async def test_a_purge_between_two_requests_makes_no_stored_message_unreadable() -> None:
    """A message comes after the stream info and is counted; the subject is purged just before it is asked for newer ones."""
    stream = InMemorySource([*MIXED, (ONE, event("order-1", 6))])
    known, request = {ONE.encode(): SubjectCount(stored=5)}, one_actor(stream).request
    info = await stream.info()
    count, first_on, counts = stream.count, stream.first_on, 0

    async def arriving(subject: str) -> int:
        nonlocal counts
        counts += subject == ONE
        if counts == 2:  # the first one only decides that the subject is read again
            stream.append((ONE, event("order-1", 7)))
        return await count(subject)

    async def purging(subject: str, seq: int) -> object:
        if counts == 3:
            stream.delete(*[each for each, message in stream.messages.items() if message.subject == ONE.encode()])
        return await first_on(subject, seq)

    stream.count, stream.first_on = arriving, purging  # type: ignore[assignment,method-assign]
    result = await count_subjects(stream, info, known, request)
    assert result.error is None
    assert result.counts[ONE.encode()].unreadable == 0
