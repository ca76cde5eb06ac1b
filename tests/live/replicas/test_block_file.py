"""The damage tools do to a stopped server's files what their names say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.laboratory import Laboratory
from tests.live.replicas.block_file import (
    checksum,
    cut_block,
    find_record,
    flip_bit,
    records,
    remove_index,
    replace_text,
    stream_blocks,
)
from tests.live.streams import STREAM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LAST_SEQ = 40


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Laboratory]:
    """A stream whose server is stopped. Its messages have 40 sizes, so that the hash has every length of remainder."""
    async with Laboratory(tmp_path) as lab:
        await lab.create()
        for seq in range(1, LAST_SEQ + 1):
            await lab.store(seq, seq, 100 + seq)
        await lab.server.stop()
        yield lab


async def readable(lab: Laboratory) -> list[int]:
    await lab.server.start()
    async with lab.client() as client:
        answers = [await client.request(f"$JS.API.STREAM.MSG.GET.{STREAM}", b'{"seq":%d}' % n) for n in range(1, 41)]
    return [seq for seq, answer in enumerate(answers, 1) if b'"error"' not in answer.data]


async def test_the_checksum_of_every_record_is_the_one_that_the_server_wrote(lab: Laboratory) -> None:
    seqs = []
    for block in stream_blocks(lab.stream_folder):
        data = block.read_bytes()
        for record in records(data):
            stored = data[record.at : record.at + record.size]
            assert checksum(STREAM, block, stored) == stored[-8:]
            seqs.append(record.seq)
    assert seqs == list(range(1, LAST_SEQ + 1))


async def test_the_server_does_not_deliver_a_message_with_a_flipped_bit(lab: Laboratory) -> None:
    flip_bit(lab.stream_folder, 17)
    assert await readable(lab) == [seq for seq in range(1, 41) if seq != 17]


async def test_the_server_delivers_replaced_bytes_whose_checksum_fits(lab: Laboratory) -> None:
    replace_text(lab.stream_folder, 17, b"payload-0017", b"payload-9017")
    assert len(await readable(lab)) == LAST_SEQ
    async with lab.client() as client:
        answer = await client.request(f"$JS.API.STREAM.MSG.GET.{STREAM}", b'{"seq":17}')
    assert b"error" not in answer.data
    await lab.server.stop()
    block, record = find_record(lab.stream_folder, 17)
    assert b"payload-9017" in block.read_bytes()[record.at : record.at + record.size]


async def test_a_cut_block_has_the_messages_before_the_cut(lab: Laboratory) -> None:
    (block,) = stream_blocks(lab.stream_folder)
    cut_block(block, 4)
    assert [record.seq for record in records(block.read_bytes())] == [1, 2, 3]
    remove_index(lab.stream_folder)
    assert await readable(lab) == [1, 2, 3]
