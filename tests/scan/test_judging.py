"""A full pass of a replicated stream judges a copy that is whole, and says what is wrong with the others."""

from __future__ import annotations

import asyncio

import pytest

import auditor.core.replicas.digests
import auditor.scan.census
import auditor.scan.checkpoint_writer
import auditor.scan.copy_comparison
from auditor.core.model.findings import Kind
from auditor.core.model.message import NO_LOSS, Loss
from auditor.core.model.passes import Mode, SeqRange, Verdict
from auditor.scan.request import StartFrom
from auditor.scan.run import Yielded
from tests.core.stories import event
from tests.ports.in_memory import InMemoryQuarantine, InMemoryStateStore, ReplicatedSource
from tests.scan.passes import GOOD, ORDER, a_pass, report_of, sums_hold

BAD = (ORDER, b"{")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.copy_comparison, "READ_AGAIN_SECONDS", (0.0, 0.0, 0.0, 0.0))
    monkeypatch.setattr(auditor.scan.census, "BEHIND_SECONDS", 0.02)
    monkeypatch.setattr(auditor.scan.census, "COUNT_AGAIN_SECONDS", (0.0, 0.0))


def summary(stream: ReplicatedSource, **settings: object) -> tuple[Verdict, dict[Kind, int]]:
    report = report_of(stream, **settings)
    assert sums_hold(report)
    return report.verdict, report.findings_total


def test_a_stream_with_equal_copies_is_clean_and_every_copy_was_read() -> None:
    report = report_of(ReplicatedSource(GOOD))
    assert (report.verdict, report.incomplete) == (Verdict.CLEAN, None)
    assert (report.replicas.expected, report.replicas.read, report.replicas.leader) == (3, 3, "n1")
    counts = [(each.name, each.first_seq, each.last_seq, each.count, each.verdict) for each in report.replicas.copies]
    assert counts == [(name, 1, 7, 7, Verdict.CLEAN) for name in ("n1", "n2", "n3")]


def test_damage_of_a_follower_is_the_only_finding() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].unreadable.add(3)
    assert summary(stream) == (Verdict.CORRUPT, {Kind.REPLICA_UNREADABLE: 1})


@pytest.mark.parametrize("damage", ["unreadable", "deleted", "first", "swapped"])
def test_if_the_copy_of_the_leader_is_damaged_another_one_is_judged_and_nothing_else_is_found(damage: str) -> None:
    stream = ReplicatedSource(GOOD)
    led = stream.copies["n1"]
    if damage == "unreadable":
        led.unreadable.add(3)
    elif damage == "swapped":
        led.swap(3, b"{")
    else:
        led.delete(*(range(1, 4) if damage == "first" else [3, 4]))
    verdict, found = summary(stream)
    kinds = {"unreadable": Kind.REPLICA_UNREADABLE, "swapped": Kind.REPLICA_DIFFERS}
    assert (verdict, found) == (Verdict.CORRUPT, {kinds.get(damage, Kind.REPLICA_MISSING): 1})
    report = report_of(stream)
    assert (report.findings[0].replica, report.findings[0].leader) == ("n1", True)
    assert report.actors.broken == 0


def test_if_every_copy_is_damaged_the_damage_of_the_judged_one_is_found_once() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n1"].unreadable.add(3)
    stream.copies["n2"].unreadable.add(4)
    stream.copies["n3"].delete(5)
    assert summary(stream) == (Verdict.CORRUPT, {Kind.REPLICA_UNREADABLE: 2, Kind.REPLICA_MISSING: 1})


def test_a_message_that_no_copy_delivers_is_one_finding_of_the_stream() -> None:
    stream = ReplicatedSource(GOOD)
    for copy in stream.copies.values():
        copy.unreadable.add(5)
    verdict, found = summary(stream)
    assert verdict is Verdict.CORRUPT
    assert found == {Kind.UNREADABLE_MESSAGE: 1, Kind.VERSION_GAP: 1}


def test_if_the_leader_has_deleted_what_the_others_count_and_do_not_deliver_they_are_found_by_their_counts() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n1"].delete(7)
    for name in ("n2", "n3"):
        stream.copies[name].unreadable.add(7)
    assert summary(stream)[1][Kind.REPLICA_UNREADABLE] == 2


def test_an_absent_copy_makes_a_full_pass_inconclusive_and_damage_of_the_others_is_found() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n3"].absent = "its server is offline"
    assert summary(stream) == (Verdict.INCONCLUSIVE, {Kind.REPLICA_ABSENT: 1})
    stream.copies["n2"].delete(3)
    assert summary(stream) == (Verdict.CORRUPT, {Kind.REPLICA_ABSENT: 1, Kind.REPLICA_MISSING: 1})


def test_if_the_copy_of_the_leader_is_lost_while_it_is_judged_another_one_is_judged() -> None:
    stream = ReplicatedSource(GOOD)
    led = stream.copies["n1"]
    led.on_batch = lambda: setattr(led, "absent", "no answer for 20 s")
    assert summary(stream) == (Verdict.INCONCLUSIVE, {Kind.REPLICA_ABSENT: 1})
    report = report_of(stream)
    assert [each.verdict for each in report.replicas.copies] == [Verdict.INCONCLUSIVE, Verdict.CLEAN, Verdict.CLEAN]
    assert report.messages.examined == 7


def test_a_copy_that_is_behind_makes_a_pass_inconclusive() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n3"].roll_back(5)
    stream.not_current = {"n3"}
    assert summary(stream) == (Verdict.INCONCLUSIVE, {Kind.REPLICA_BEHIND: 1})


def test_a_copy_that_has_lost_its_end_is_damaged() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n3"].roll_back(5)
    assert summary(stream) == (Verdict.CORRUPT, {Kind.REPLICA_MISSING: 1})


def test_with_replicas_leader_one_copy_is_read_and_the_report_says_so() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].delete(3)
    report = report_of(stream, replicas="leader")
    assert (report.verdict, report.replicas.expected, report.replicas.read) == (Verdict.CLEAN, 3, 1)
    assert {copy.reads for copy in stream.copies.values()} == {0}


async def audited(
    stream: ReplicatedSource, state: InMemoryStateStore, start: StartFrom = StartFrom.AUTO
) -> tuple[Mode, Verdict, dict[Kind, int]]:
    one = a_pass(stream, InMemoryQuarantine(), state)
    one.start_from = start
    report = await one.run()
    return report.mode, report.verdict, report.findings_total


async def test_a_finding_of_a_copy_is_open_until_a_full_pass_has_read_that_copy_again() -> None:
    stream, state = ReplicatedSource(GOOD), InMemoryStateStore()
    bad = stream.copies["n2"]
    good = dict(bad.messages)
    bad.swap(3, b"{")
    found = (Verdict.CORRUPT, {Kind.REPLICA_DIFFERS: 1})
    assert await audited(stream, state) == (Mode.FULL, *found)
    bad.messages = good
    assert await audited(stream, state) == (Mode.INCREMENTAL, *found)
    bad.absent = "its server is offline"
    both = {Kind.REPLICA_DIFFERS: 1, Kind.REPLICA_ABSENT: 1}
    assert await audited(stream, state, StartFrom.BEGINNING) == (Mode.FULL, Verdict.CORRUPT, both)
    bad.absent = None
    assert await audited(stream, state) == (Mode.FULL, Verdict.CLEAN, {})


async def test_a_damaged_leader_leaves_nothing_behind_when_it_is_repaired() -> None:
    stream, state = ReplicatedSource(GOOD), InMemoryStateStore()
    assert await audited(stream, state) == (Mode.FULL, Verdict.CLEAN, {})
    led = stream.copies["n1"]
    good, first_seq = dict(led.messages), led.first_seq
    led.delete(1, 2, 5)
    assert await audited(stream, state) == (Mode.FULL, Verdict.CORRUPT, {Kind.REPLICA_MISSING: 1})
    led.messages, led.first_seq = good, first_seq
    assert await audited(stream, state, StartFrom.BEGINNING) == (Mode.FULL, Verdict.CLEAN, {})


async def test_rewritten_messages_on_the_leader_alone_are_not_the_history_of_the_stream() -> None:
    stream, state = ReplicatedSource(GOOD), InMemoryStateStore()
    assert await audited(stream, state) == (Mode.FULL, Verdict.CLEAN, {})
    good = stream.copies["n1"].messages[7]
    stream.copies["n1"].swap(7, b"{")
    assert await audited(stream, state) == (Mode.FULL, Verdict.CORRUPT, {Kind.REPLICA_DIFFERS: 1})
    stream.copies["n1"].swap(7, good.data)
    assert await audited(stream, state, StartFrom.BEGINNING) == (Mode.FULL, Verdict.CLEAN, {})


@pytest.mark.parametrize("names", [("n1",), ("n1", "n2", "n3")])
async def test_what_the_leader_reports_as_lost_is_lost_only_if_no_copy_delivers_it(names: tuple[str, ...]) -> None:
    stream, state = ReplicatedSource(GOOD), InMemoryStateStore()
    stream.lost = Loss(((3, 4),), 200)
    for name in names:
        stream.copies[name].delete(3, 4)
    _, verdict, found = await audited(stream, state)
    assert verdict is Verdict.CORRUPT
    if len(names) == 1:
        assert found == {Kind.REPLICA_MISSING: 1}
        stream.lost = NO_LOSS
        stream.copies["n1"].messages = dict(stream.copies["n2"].messages)
        assert await audited(stream, state, StartFrom.BEGINNING) == (Mode.FULL, Verdict.CLEAN, {})
    else:
        assert found[Kind.LOST_MESSAGES] == 2


async def test_a_message_that_only_the_judged_copy_has_is_no_sample_of_the_stream() -> None:
    stream, state = ReplicatedSource(GOOD[:5]), InMemoryStateStore()
    await audited(stream, state)
    stream.append(*GOOD[5:])
    good = stream.copies["n1"].messages[7]
    stream.copies["n1"].swap(7, event("order-1", 7, "other"))
    assert await audited(stream, state) == (Mode.INCREMENTAL, Verdict.CLEAN, {})
    stream.copies["n1"].swap(7, good.data)
    assert await audited(stream, state, StartFrom.BEGINNING) == (Mode.FULL, Verdict.CLEAN, {})
    samples = (await state.load_history()).history.identity.samples
    assert samples.digests[-1].seq == 7


async def test_an_incremental_pass_is_clean_while_a_server_is_down_whose_copy_was_read_recently() -> None:
    stream, state = ReplicatedSource(GOOD), InMemoryStateStore()
    await audited(stream, state)
    stream.copies["n2"].absent = "its server is offline"
    one = a_pass(stream, InMemoryQuarantine(), state)
    report = await one.run()
    assert (report.mode, report.verdict, report.findings_total) == (Mode.INCREMENTAL, Verdict.CLEAN, {})
    assert report.notes[0].startswith(
        "the copy on n2: it was not read: its server is offline; it was last read whole at"
    )


async def test_a_pass_that_yields_while_the_copies_are_read_goes_on_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_INTERVAL_NS", 0)
    monkeypatch.setattr(auditor.core.replicas.digests, "CHUNK_SIZE", 4)
    stream, state = ReplicatedSource([*GOOD, BAD]), InMemoryStateStore()
    stream.copies["n3"].delete(6)
    results, quarantine = [], InMemoryQuarantine()
    for _ in range(50):
        one = a_pass(stream, quarantine, state)
        one.should_yield = lambda: True
        results.append(await one.advance())
        if not isinstance(results[-1], Yielded):
            break
        await asyncio.sleep(0)
    report = results[-1]
    assert len(results) > 4
    assert not isinstance(report, Yielded)
    assert report.findings_total == {Kind.MALFORMED_EVENT: 1, Kind.REPLICA_MISSING: 1}
    assert (report.mode, report.read) == (Mode.FULL, SeqRange(1, 8))
    assert (await one.last()) is not None
