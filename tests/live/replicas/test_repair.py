"""The procedure of docs/findings.md, "Replace a damaged copy", repairs every damage, also while a writer goes on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from auditor.core.model.passes import Verdict
from auditor.scan.request import StartFrom
from tests.live.cluster import NAMES
from tests.live.replicas.accused import accused
from tests.live.replicas.block_file import flip_bit
from tests.live.replicas.laboratory import MEDIUM_BLOCKS
from tests.live.replicas.test_damage import LARGE, LAST_LARGE, cut_first_block, lose_middle_block, swap
from tests.live.replicas.test_races import append

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditor.core.report.pass_report import PassReport
    from tests.live.replicas.laboratory import ReplicaLaboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD, BAD, _ = NAMES


def flip(folder: Path) -> None:
    flip_bit(folder, 17)


async def replace(lab: ReplicaLaboratory, stream: str, bad: str, moved: Path) -> None:
    """Steps 2 to 6 of the procedure."""
    await lab.lead(stream, GOOD)
    group = await lab.raft_group(stream)
    async with lab.stopped(bad):
        moved.mkdir()
        lab.folder(bad, stream).rename(moved / "stream")
        lab.raft_folder(bad, group).rename(moved / "raft")


async def until_clean(lab: ReplicaLaboratory, stream: str) -> PassReport:
    """Step 7: `current` comes before the copy is whole, so only a clean pass says that it is."""
    async with asyncio.timeout(60):
        while (report := await lab.audited(stream)).verdict is Verdict.INCONCLUSIVE:
            assert {each.kind for each in accused(report)} <= {"replica_absent", "replica_behind"}
    return report


async def damage_and_replace(
    lab: ReplicaLaboratory, stream: str, damage: Callable[[Path], object], moved: Path, *, leads: bool
) -> None:
    await lab.create(stream, max_bytes=MEDIUM_BLOCKS)
    await lab.store(stream, 1, LAST_LARGE, LARGE)
    await lab.lead(stream, GOOD)
    assert (await lab.audited(stream)).verdict is Verdict.CLEAN
    async with lab.stopped(BAD):
        damage(lab.folder(BAD, stream))
    await lab.leader(stream)
    if leads:
        await lab.lead(stream, BAD)
    found = await lab.audited(stream)
    assert found.verdict is Verdict.CORRUPT
    assert [each.replica for each in accused(found)] == [BAD]
    assert (await lab.audited(stream, StartFrom.AUTO)).verdict is Verdict.CORRUPT  # until the copy was read again
    await replace(lab, stream, BAD, moved)
    assert (await until_clean(lab, stream)).findings == ()
    assert (await lab.audited(stream, StartFrom.AUTO)).findings == ()  # nothing about the stream stays behind


async def test_a_replaced_copy_is_clean_and_leaves_no_finding_behind(lab: ReplicaLaboratory, tmp_path: Path) -> None:
    await damage_and_replace(lab, "REPAIR-LEADER", flip, tmp_path / "moved", leads=True)


@pytest.mark.soak
@pytest.mark.parametrize("damage", [flip, swap, lose_middle_block, cut_first_block], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("leads", [False, True])
async def test_every_damage_is_repaired(lab: ReplicaLaboratory, tmp_path: Path, damage, leads: bool) -> None:
    stream = f"REPAIR-{damage.__name__}-{leads}".replace("_", "-")
    await damage_and_replace(lab, stream, damage, tmp_path / "moved", leads=leads)


@pytest.mark.soak
async def test_a_copy_can_be_replaced_while_a_writer_goes_on(lab: ReplicaLaboratory, tmp_path: Path) -> None:
    stream = "REPAIR-WRITER"
    await lab.create(stream)
    await lab.store(stream, 1, 10_000)
    await lab.lead(stream, GOOD)
    async with lab.stopped(BAD):
        flip(lab.folder(BAD, stream))
    await lab.leader(stream)
    writer = asyncio.create_task(append(lab, stream, 2_500))
    try:
        assert [each.replica for each in accused(await lab.audited(stream))] == [BAD]
        await replace(lab, stream, BAD, tmp_path / "moved")
        assert accused(await until_clean(lab, stream)) == []
        assert not writer.done()
    finally:
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer


@pytest.mark.soak
async def test_what_the_documentation_calls_no_repair_leaves_the_copy_damaged(
    lab: ReplicaLaboratory, tmp_path: Path
) -> None:
    stream = "NO-REPAIR"
    await lab.create(stream)
    await lab.store(stream, 1, 2_000)
    await lab.lead(stream, GOOD)
    async with lab.stopped(BAD):
        flip(lab.folder(BAD, stream))
    async with lab.stopped(BAD):
        pass
    answer = await lab.client.request(f"$JS.API.STREAM.PEER.REMOVE.{stream}", b'{"peer":"%b"}' % BAD.encode())
    assert b"peer remap failed" in answer.data
    group = await lab.raft_group(stream)
    async with lab.stopped(BAD):
        lab.raft_folder(BAD, group).rename(tmp_path / "raft")
    await lab.leader(stream)
    assert [each.replica for each in accused(await lab.audited(stream))] == [BAD]
