"""Damage in more than one copy, damage that has spread to new copies, and a copy that has stopped storing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from auditor.core.model.passes import Verdict
from tests.live.cluster import NAMES
from tests.live.replicas.accused import Accused, accused, all_but, others, verdicts
from tests.live.replicas.block_file import flip_bit
from tests.live.replicas.laboratory import MEDIUM_BLOCKS, event_at
from tests.live.replicas.test_damage import LARGE, LAST_LARGE, flip_without_index

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport
    from tests.live.replicas.laboratory import ReplicaLaboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONE, TWO, THREE = NAMES
LAST_SEQ = 2_000
STREAMS = ("ALL", "MAJORITY", "SCALED", "HALTED")


async def damage_and_audit(lab: ReplicaLaboratory) -> dict[str, PassReport]:
    """Stop each server once, damage its copies, and return the reports of full passes by stream."""
    await lab.create("ALL")
    await lab.create("MAJORITY", max_bytes=MEDIUM_BLOCKS)
    await lab.create("SCALED", num_replicas=1)
    await lab.create("HALTED", max_msgs=LAST_SEQ)
    for stream in ("ALL", "SCALED", "HALTED"):
        await lab.store(stream, 1, LAST_SEQ)
    await lab.store("MAJORITY", 1, LAST_LARGE, LARGE)
    source = await lab.leader("SCALED")
    for server in NAMES:
        async with lab.stopped(server):
            flip_bit(lab.folder(server, "ALL"), 77)
            if server != THREE:
                flip_without_index(lab.folder(server, "MAJORITY"))
            if server == TWO:
                flip_bit(lab.folder(server, "HALTED"), 500)
            if server == source:
                flip_bit(lab.folder(server, "SCALED"), 500)
        for stream in STREAMS:
            await lab.leader(stream)
    await lab.update("SCALED", num_replicas=3)
    await asyncio.gather(*(lab.lead(stream, ONE) for stream in ("MAJORITY", "HALTED")))
    await lab.publish(event_at("HALTED", seq) for seq in range(LAST_SEQ + 1, 3 * LAST_SEQ + 1))
    found = await asyncio.gather(*map(lab.audited, STREAMS))
    while any(each.count is None for each in found[STREAMS.index("SCALED")].replicas.copies):
        # A new copy is absent until its server gives consumers to it.
        found[STREAMS.index("SCALED")] = await lab.audited("SCALED")
    assert await lab.leader("SCALED") == source
    return dict(zip(STREAMS, found, strict=True))


@pytest.mark.soak
async def test_a_pass_names_the_damaged_copies_also_if_more_than_one_is_damaged(lab: ReplicaLaboratory) -> None:
    reports = await damage_and_audit(lab)
    check_unreadable_everywhere(reports["ALL"])
    check_only_good_copy(reports["MAJORITY"])
    check_new_copies(reports["SCALED"])
    check_halted_copy(reports["HALTED"])


def check_unreadable_everywhere(report: PassReport) -> None:
    """A message that no copy delivers is an unreadable message of the stream. The copies do not differ: only the count of each copy shows it."""
    assert others(report) == ["unreadable_message", "version_gap"]
    assert report.messages.unreadable == 1
    assert {each.kind for each in accused(report)} <= {"replica_unreadable"}
    assert report.verdict is Verdict.CORRUPT


def check_only_good_copy(report: PassReport) -> None:
    """A copy that holds what the others lost is named, undecided: it may be the only good one."""
    (only,) = accused(report)
    assert only.ranges is not None
    (lost,) = only.ranges
    assert only == Accused("replica_differs", THREE, (lost,), undecided=True)
    assert lost[0] == 17
    assert 17 < lost[1] < LAST_LARGE  # the end of the first block
    assert report.verdict is Verdict.CORRUPT


def check_new_copies(report: PassReport) -> None:
    """New replicas of a stream with a bad bit end before it, and are called up to date. Sometimes the server skips only the message."""
    new = [each for each in report.replicas.copies if each.name != report.replicas.leader]
    assert {(each.last_seq, each.count) for each in new} <= {(499, 499), (LAST_SEQ, LAST_SEQ - 1)}
    assert [each for each in accused(report) if each.kind == "replica_missing"] == [
        Accused("replica_missing", each.name, ((500, LAST_SEQ),)) for each in new if each.last_seq == 499
    ]
    assert report.messages.unreadable == 1
    assert report.verdict is Verdict.CORRUPT


def check_halted_copy(report: PassReport) -> None:
    """A copy stopped storing at an unreadable message. A limit reaches the message, which the server cannot remove. No error shows after that."""
    (behind,) = accused(report)
    assert (behind.kind, behind.replica) == ("replica_behind", TWO)
    assert behind.ranges is not None
    assert behind.ranges[-1][1] == 3 * LAST_SEQ
    assert set(others(report)) == {"missing_head"}  # a notice: the limit removed the first events
    assert verdicts(report) == all_but(NAMES, TWO, "inconclusive")
    assert report.verdict is Verdict.INCONCLUSIVE
