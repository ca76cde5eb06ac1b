"""A damaged replica looks whole in stream info: what the auditor has to find is not what the server reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.live.cluster import NAMES
from tests.live.replicas.block_file import flip_bit, stream_blocks
from tests.live.replicas.laboratory import MEDIUM_BLOCKS, ReplicaLaboratory

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

LAST_SEQ = 300
SIZE = 30_000
"""Bytes of payload with which the stream has three blocks."""


async def is_readable(lab: ReplicaLaboratory, stream: str, seq: int) -> bool:
    """Whether the leader delivers the message."""
    answer = await lab.client.request(f"$JS.API.STREAM.MSG.GET.{stream}", b'{"seq":%d}' % seq)
    return b'"error"' not in answer.data


async def filled(lab: ReplicaLaboratory, stream: str) -> tuple[str, str]:
    """Create a stream in three blocks and return its leader and a follower."""
    await lab.create(stream, max_bytes=MEDIUM_BLOCKS)
    await lab.store(stream, 1, LAST_SEQ, SIZE)
    leader = await lab.leader(stream)
    return leader, next(name for name in NAMES if name != leader)


async def test_every_server_can_be_made_the_leader(lab: ReplicaLaboratory) -> None:
    await lab.create("LEAD")
    for server in (*NAMES, NAMES[0]):
        await lab.lead("LEAD", server)
        assert await lab.leader("LEAD") == server


async def test_stream_info_does_not_show_a_flipped_bit_and_the_damaged_leader_does_not_deliver_it(
    lab: ReplicaLaboratory,
) -> None:
    _, follower = await filled(lab, "FLIP")
    before = await lab.state("FLIP")
    async with lab.stopped(follower):
        flip_bit(lab.folder(follower, "FLIP"), 17)
    await lab.leader("FLIP")  # all replicas are called current
    assert await lab.state("FLIP") == before
    assert await is_readable(lab, "FLIP", 17)
    await lab.lead("FLIP", follower)
    assert not await is_readable(lab, "FLIP", 17)
    assert await is_readable(lab, "FLIP", 18)


def without_first_block(folder: Path) -> None:
    first, _, _ = stream_blocks(folder)
    first.unlink()


def without_middle_block(folder: Path) -> None:
    _, middle, _ = stream_blocks(folder)
    middle.unlink()


@pytest.mark.parametrize("damage", [without_first_block, without_middle_block], ids=lambda damage: damage.__name__)
async def test_a_replica_without_a_block_is_called_current(lab: ReplicaLaboratory, damage: Any) -> None:
    stream = damage.__name__.upper()
    _, follower = await filled(lab, stream)
    before = await lab.state(stream)
    async with lab.stopped(follower):
        damage(lab.folder(follower, stream))
    await lab.leader(stream)
    assert await lab.state(stream) == before
