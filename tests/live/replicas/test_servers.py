"""A server that is down, slow or restarted: a full pass reads what it can, names the server, and never calls a race damage."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from auditor.core.model.passes import Mode, Verdict
from auditor.scan.request import PassRequest, StartFrom
from tests.live.cluster import NAMES
from tests.live.replicas.accused import Accused, accused, all_but, others, verdicts
from tests.live.replicas.block_file import flip_bit
from tests.live.replicas.laboratory import event_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.core.report.pass_report import PassReport
    from tests.live.replicas.laboratory import ReplicaLaboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONE, TWO, THREE = NAMES
LAST_SEQ = 20_000
RATE = 10_000
"""Messages a second, so that reading one copy takes two seconds."""


async def filled(lab: ReplicaLaboratory, stream: str, last: int = 2_000) -> None:
    await lab.create(stream)
    await lab.store(stream, 1, last)
    await lab.lead(stream, ONE)


@asynccontextmanager
async def reading(lab: ReplicaLaboratory, stream: str, seq: int) -> AsyncIterator[asyncio.Task[PassReport]]:
    """Begin a slow full pass, and run the block when the pass has judged message `seq`."""
    audit = lab.audit(stream, max_rate=RATE)
    async with lab.auditor(audit) as auditor:
        request = PassRequest(audit, StartFrom.BEGINNING)
        task = asyncio.create_task(auditor.run_to_end(request))
        while request.progress.seq < seq:
            assert not task.done()
            await asyncio.sleep(0.01)
        yield task


def is_clean(report: PassReport) -> bool:
    return (report.verdict, report.findings, report.replicas.read, report.messages.unjudged) == (
        Verdict.CLEAN,
        (),
        3,
        0,
    ) and report.messages.examined == LAST_SEQ


async def test_a_server_that_was_stopped_is_named_at_once_and_an_incremental_pass_only_notes_it(
    lab: ReplicaLaboratory,
) -> None:
    await filled(lab, "STOPPED")
    assert (await lab.audited("STOPPED")).verdict is Verdict.CLEAN
    async with lab.stopped(TWO):
        await lab.publish(event_at("STOPPED", seq) for seq in range(2_001, 2_101))
        later = await lab.audited("STOPPED", StartFrom.AUTO)
        async with asyncio.timeout(10):
            full = await lab.audited("STOPPED")
    assert (later.mode, later.verdict, accused(later)) == (Mode.INCREMENTAL, Verdict.CLEAN, [])
    assert any(TWO in note for note in later.notes)
    assert (full.verdict, accused(full)) == (Verdict.INCONCLUSIVE, [Accused("replica_absent", TWO)])
    assert verdicts(full) == all_but(NAMES, TWO, "inconclusive")
    assert others(full) == []
    assert full.messages.unjudged == 0
    await lab.leader("STOPPED")
    again = await lab.audited("STOPPED")
    assert (again.verdict, accused(again)) == (Verdict.CLEAN, [])


async def test_damage_in_one_copy_is_found_while_another_one_is_down_and_weighs_more(lab: ReplicaLaboratory) -> None:
    await filled(lab, "BOTH")
    async with lab.stopped(THREE):
        flip_bit(lab.folder(THREE, "BOTH"), 17)
    await lab.leader("BOTH")
    async with lab.stopped(TWO):
        report = await lab.audited("BOTH")
    assert report.verdict is Verdict.CORRUPT
    assert accused(report) == [
        Accused("replica_absent", TWO),
        Accused("replica_unreadable", THREE, ((17, 17),)),
    ]


async def test_a_pass_whose_stream_changes_its_leader_is_clean(lab: ReplicaLaboratory) -> None:
    await filled(lab, "STEPS", LAST_SEQ)
    async with reading(lab, "STEPS", LAST_SEQ // 4) as task:
        await lab.lead("STEPS", TWO)
        report = await task
    assert is_clean(report), (report.incomplete, report.findings, report.replicas, report.messages)


@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.soak)])
async def test_a_pass_whose_server_restarts_goes_on_with_the_same_copy(lab: ReplicaLaboratory, killed: bool) -> None:
    stream = f"RESTARTS-{killed}"
    await filled(lab, stream, LAST_SEQ)
    async with reading(lab, stream, LAST_SEQ // 4) as task:
        async with lab.stopped(ONE, killed=killed):  # it leads, so its copy is the one that is judged
            pass
        report = await task
    assert is_clean(report), (report.incomplete, report.findings, report.replicas, report.messages)


@pytest.mark.soak
@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_a_server_that_does_not_answer_is_absent_within_30_seconds(lab: ReplicaLaboratory, how: str) -> None:
    stream = f"SILENT-{how}"
    await filled(lab, stream)
    async with lab.stopped(TWO, killed=True) if how == "killed" else lab.paused(TWO):
        async with asyncio.timeout(40):
            report = await lab.audited(stream)
    assert (report.verdict, accused(report)) == (Verdict.INCONCLUSIVE, [Accused("replica_absent", TWO)])
    assert verdicts(report) == all_but(NAMES, TWO, "inconclusive")
    assert others(report) == []
    await lab.leader(stream)
    assert (await lab.audited(stream)).verdict is Verdict.CLEAN


@pytest.mark.soak
async def test_a_server_that_runs_a_fifth_of_the_time_is_waited_for(lab: ReplicaLaboratory) -> None:
    await filled(lab, "SLOW", LAST_SEQ)

    async def slow_down() -> None:
        while True:
            async with lab.paused(TWO):
                await asyncio.sleep(0.04)
            await asyncio.sleep(0.01)

    slow = asyncio.create_task(slow_down())
    try:
        for _ in range(5):
            report = await lab.audited("SLOW")
            assert accused(report) == []
            assert report.verdict is Verdict.CLEAN
    finally:
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


@pytest.mark.soak
async def test_where_others_use_all_consumers_a_pass_is_inconclusive(lab: ReplicaLaboratory) -> None:
    await lab.create("FULL", max_consumers=3)
    await lab.store("FULL", 1, 2_000)
    for number in range(3):
        config = {"durable_name": f"other-{number}", "ack_policy": "explicit"}
        await lab.cluster.api(
            lab.client, f"CONSUMER.DURABLE.CREATE.FULL.other-{number}", stream_name="FULL", config=config
        )
    report = await lab.audited("FULL")
    assert report.verdict is Verdict.INCONCLUSIVE
    assert {each.kind for each in accused(report)} == {"replica_absent"}
    assert all("max_consumers" in str(each.detail) for each in report.findings if each.kind == "replica_absent")


@pytest.mark.soak
async def test_few_places_for_consumers_make_a_pass_slow_and_not_inconclusive(lab: ReplicaLaboratory) -> None:
    await lab.create("FEW", max_consumers=4)
    await lab.store("FEW", 1, 2_000)
    report = await lab.audited("FEW")
    assert (report.verdict, accused(report)) == (Verdict.CLEAN, [])
