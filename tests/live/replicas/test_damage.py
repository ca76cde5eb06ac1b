"""Each damage to the files of one server is found by a full pass, with the right kind, server and sequences, and nothing else is.

All streams are damaged while one server is stopped, once. Stream info does not show any of it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from auditor.core.model.passes import Verdict
from tests.live.cluster import NAMES
from tests.live.replicas.accused import Accused, accused, all_but, others, verdicts
from tests.live.replicas.block_file import cut_block, flip_bit, records, remove_index, replace_text, stream_blocks
from tests.live.replicas.laboratory import MEDIUM_BLOCKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditor.core.report.pass_report import PassReport
    from tests.live.replicas.laboratory import ReplicaLaboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD, BAD, _ = NAMES
"""A server that is never damaged, and the one whose files are."""
MANY = 20_000
LARGE = 30_000
"""Bytes of payload with which 300 messages have three blocks."""
LAST_LARGE = 300

Ranges = tuple[tuple[int, int], ...]


def block_range(block: Path) -> tuple[int, int]:
    seqs = [record.seq for record in records(block.read_bytes())]
    return seqs[0], seqs[-1]


def flip(folder: Path) -> Ranges:
    flip_bit(folder, 1234)
    return ((1234, 1234),)


def flip_some(folder: Path) -> Ranges:
    """Flip bits at both ends of the stream and at both sides of the edge of a chunk."""
    for seq in (1, 4096, 4097, MANY):
        flip_bit(folder, seq)
    return ((1, 1), (4096, 4097), (MANY, MANY))


def swap(folder: Path) -> Ranges:
    replace_text(folder, 17, b"payload-0017", b"payload-9017")
    return ((17, 17),)


def lose_first_block(folder: Path) -> Ranges:
    first, _, _ = stream_blocks(folder)
    lost = block_range(first)
    first.unlink()
    return (lost,)


def lose_middle_block(folder: Path) -> Ranges:
    _, middle, _ = stream_blocks(folder)
    lost = block_range(middle)
    middle.unlink()
    return (lost,)


def cut_first_block(folder: Path) -> Ranges:
    first, _, _ = stream_blocks(folder)
    _, last = block_range(first)
    cut_block(first, 50)
    return ((50, last),)


def cut_last_block(folder: Path) -> Ranges:
    """The server gets these messages again from the log of the raft group. A nats-server 2.11 does not."""
    *_, last = stream_blocks(folder)
    first, end = block_range(last)
    cut_block(last, (first + end) // 2)
    return (((first + end) // 2, end),)


def flip_without_index(folder: Path) -> Ranges:
    """As after `kill -9`: the server reads its blocks at the start, and cuts one off where it is damaged."""
    first, _, _ = stream_blocks(folder)
    _, last = block_range(first)
    flip_bit(folder, 17)
    remove_index(folder)
    return ((17, last),)


@dataclass(frozen=True)
class Row:
    """One damage, and what must be found."""

    damage: Callable[[Path], Ranges]
    """Damages the folder of a stream, and returns the sequences that must be found."""
    kind: str
    leads: bool = False
    """Whether the damaged server leads the stream when it is audited."""
    large: bool = False
    """Whether the stream is in three blocks."""


ROWS = {
    "FLIP": Row(flip, "replica_unreadable"),
    "FLIPS": Row(flip_some, "replica_unreadable"),
    "FLIP_LEADER": Row(flip, "replica_unreadable", leads=True),
    "SWAP": Row(swap, "replica_differs"),
    "SWAP_LEADER": Row(swap, "replica_differs", leads=True),
    "FIRST_BLOCK": Row(lose_first_block, "replica_missing", large=True),
    "MIDDLE_BLOCK": Row(lose_middle_block, "replica_missing", large=True),
    "CUT_BLOCK": Row(cut_first_block, "replica_missing", large=True),
    "LAST_BLOCK": Row(cut_last_block, "", large=True),
    "KILLED": Row(flip_without_index, "replica_missing", large=True),
}


@dataclass(frozen=True)
class Damaged:
    """What was damaged, and what was found."""

    ranges: dict[str, Ranges]
    """By stream: the sequences that must be found."""
    reports: dict[str, PassReport]
    """By stream: the report of a full pass. The passes run at the same time, because each of them waits for most of its time."""


async def damage_and_audit(lab: ReplicaLaboratory) -> Damaged:
    """Create the streams of all rows, damage the copies of one server, and run a full pass over each stream."""
    for stream, row in ROWS.items():
        await lab.create(stream, max_bytes=MEDIUM_BLOCKS)
        if row.large:
            await lab.store(stream, 1, LAST_LARGE, LARGE)
        else:
            await lab.store(stream, 1, MANY if row.damage is flip_some else 2_000)
        await lab.lead(stream, BAD if row.leads else GOOD)
    before = {stream: await lab.state(stream) for stream in ROWS}
    async with lab.stopped(BAD):
        ranges = {stream: row.damage(lab.folder(BAD, stream)) for stream, row in ROWS.items()}
    for stream in ROWS:
        await lab.leader(stream)  # every replica is called current
        assert await lab.state(stream) == before[stream]
    await asyncio.gather(*(lab.lead(stream, BAD) for stream, row in ROWS.items() if row.leads))
    reports = await asyncio.gather(*map(lab.audited, ROWS))
    return Damaged(ranges, dict(zip(ROWS, reports, strict=True)))


async def test_every_damaged_copy_is_found_on_its_server_at_its_sequences_and_nothing_else_is(
    lab: ReplicaLaboratory,
) -> None:
    damaged = await damage_and_audit(lab)
    for stream in ROWS:
        check_row(damaged, stream)


def check_row(damaged: Damaged, stream: str, *, row: Row | None = None) -> None:
    """Check that a full pass found the damage of one row, or of this one, and nothing else."""
    row, ranges, report = row or ROWS[stream], damaged.ranges[stream], damaged.reports[stream]
    assert accused(report) == ([Accused(row.kind, BAD, ranges)] if row.kind else [])
    assert others(report) == []
    assert verdicts(report) == (all_but(NAMES, BAD, "corrupt") if row.kind else dict.fromkeys(NAMES, "clean"))
    assert report.verdict is (Verdict.CORRUPT if row.kind else Verdict.CLEAN)
    assert (report.replicas.expected, report.replicas.read, report.incomplete) == (3, 3, None)
    assert report.replicas.leader == (BAD if row.leads else GOOD)
    for finding in report.findings:
        assert finding.leader is row.leads
        assert finding.count == sum(last - first + 1 for first, last in ranges)
