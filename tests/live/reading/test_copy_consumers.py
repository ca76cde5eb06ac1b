"""A walk reads the copy of one named server, and a census counts the copy of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from auditor.core.replicas.census import CopyCount
from auditor.errors import CopyAbsentError
from auditor.jetstream import api
from auditor.jetstream.reading import copy_consumers
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.cluster import NAMES
from tests.live.replicas.block_file import flip_bit
from tests.live.replicas.conftest import lab

if TYPE_CHECKING:
    from tests.live.replicas.laboratory import ReplicaLaboratory

__all__ = ["lab"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
LAST = 40


async def seqs(source: StreamSource, name: str, first: int = 1, last: int = LAST) -> list[int]:
    info = await source.info()
    batches = source.of_copy(name).read(info, first_seq=first, last_seq=last)
    return [message.seq async for batch in batches for message in batch]


async def follower(lab: ReplicaLaboratory, stream: str) -> str:
    leader = await lab.leader(stream)
    return next(name for name in NAMES if name != leader)


async def test_each_copy_is_read_from_its_own_server(lab: ReplicaLaboratory) -> None:
    await lab.create("A")
    await lab.store("A", 1, LAST)
    bad = await follower(lab, "A")
    async with lab.stopped(bad):
        flip_bit(lab.folder(bad, "A"), 17)
    await lab.leader("A")
    source = StreamSource(lab.client, "A")
    whole = list(range(1, LAST + 1))
    for name in NAMES:
        assert await seqs(source, name) == [seq for seq in whole if name != bad or seq != 17]
    # The server counts what it cannot deliver.
    assert await source.count_copies(NAMES) == dict.fromkeys(NAMES, CopyCount(1, LAST, LAST))


async def test_a_census_says_where_each_copy_begins_and_ends_and_what_it_counts(lab: ReplicaLaboratory) -> None:
    await lab.create("B")
    await lab.store("B", 1, LAST)
    for seq in (1, 2, 5, LAST):
        await lab.cluster.api(lab.client, "STREAM.MSG.DELETE.B", seq=seq)
    await lab.leader("B")
    source = StreamSource(lab.client, "B")
    async with asyncio.timeout(10):
        while len(set((await source.count_copies(NAMES)).values())) > 1:
            await asyncio.sleep(0.1)
    assert await source.count_copies(NAMES) == dict.fromkeys(NAMES, CopyCount(3, LAST, LAST - 4))
    on_one = await source.count_copies(NAMES, "B.events.order.order-1")
    assert {each.count for each in on_one.values() if not isinstance(each, str)} == {LAST // 10 - 1}


async def test_a_server_that_is_stopped_is_absent_at_once_and_read_again_when_it_is_back(
    lab: ReplicaLaboratory,
) -> None:
    await lab.create("C")
    await lab.store("C", 1, LAST)
    down = await follower(lab, "C")
    source = StreamSource(lab.client, "C")
    async with lab.stopped(down):
        async with asyncio.timeout(10):
            counted = await source.count_copies(NAMES)
        assert counted[down] == "its server is offline"
        with pytest.raises(CopyAbsentError, match="its server is offline"):
            await seqs(source, down)
    assert await seqs(source, down) == list(range(1, LAST + 1))


async def test_a_server_that_does_not_answer_is_absent_after_a_bounded_time(
    lab: ReplicaLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_consumers, "ABSENT_SECONDS", 1.0)
    await lab.create("D")
    await lab.store("D", 1, LAST)
    port = lab.client.connected_url.port
    leader = await lab.leader("D")
    paused = next(name for name in NAMES if name != leader and lab.cluster.servers[name].port != port)
    source = StreamSource(lab.client, "D")
    async with lab.paused(paused):
        counted = await source.count_copies([paused])
    assert str(counted[paused]).startswith("no answer for 1 s:")


async def test_the_last_places_for_consumers_are_left_to_others(
    lab: ReplicaLaboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_consumers, "ABSENT_SECONDS", 1.0)
    await lab.create("E", max_consumers=3)
    await lab.store("E", 1, LAST)
    for name in ("one", "two"):
        await api.create_consumer(lab.client, "E", name, start=1, unused_seconds=60)
    counted = await StreamSource(lab.client, "E").count_copies(NAMES)
    reasons = {str(each).partition(": stream E has 2")[0] for each in counted.values()}
    assert reasons == {"no answer for 1 s: max_consumers reached"}
