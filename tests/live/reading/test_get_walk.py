"""A stream without a place for a consumer is read by single requests, completely."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from auditor.errors import StreamRecreatedError
from auditor.jetstream.reading.get_walk import WINDOW, get_walk
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.streams import STREAM, api, consumers, create, fill, walked


async def seqs(client, pinned, **options) -> list[int]:
    walk = get_walk(client, pinned, **{"first_seq": 1, "last_seq": pinned.last_seq, **options})
    return [message.seq async for batch in walk for message in batch]


async def test_every_message_is_read_once_in_order_and_as_a_consumer_delivers_it(server, client):
    source = await create(client)
    await fill(server, 3 * WINDOW + 5)
    for seq in (2, WINDOW, *range(WINDOW + 1, 2 * WINDOW + 10)):
        await api(client, f"STREAM.MSG.DELETE.{STREAM}", seq=seq)
    pinned = await source.info()
    walk = get_walk(client, pinned, first_seq=1, last_seq=pinned.last_seq)
    assert [message async for batch in walk for message in batch] == await walked(source, pinned)
    assert await seqs(client, pinned, first_seq=3, last_seq=9) == [3, 4, 5, 6, 7, 8, 9]
    subjects = [f"{STREAM}.events.order.order-7"]
    assert await seqs(client, pinned, subjects=subjects) == [
        message.seq for message in await walked(source, pinned, subjects=subjects)
    ]


async def test_a_stream_that_was_created_again_ends_the_walk(server, client):
    source = await create(client)
    await fill(server, WINDOW + 1)
    pinned = await source.info()
    await api(client, f"STREAM.DELETE.{STREAM}")
    await create(client)
    await fill(server, WINDOW + 1)
    with pytest.raises(StreamRecreatedError):
        await seqs(client, pinned)


@pytest.mark.parametrize("settings", [{"retention": "workqueue"}, {"max_consumers": 1}])
async def test_a_source_without_a_place_for_a_consumer_says_that_it_reads_by_single_requests(server, client, settings):
    source = await create(client, **settings)
    await fill(server, 30)
    pinned = await source.info()
    with capture_logs() as logged:
        assert len(await walked(source, pinned)) == 30
        assert len(await walked(source, pinned)) == 30
    assert [each["event"] for each in logged] == ["no consumer may be created: reading by single requests, slowly"]
    assert [name async for name in consumers(client)] == []
    assert (await source.info()).messages == 30


async def test_a_source_reads_by_single_requests_if_it_is_to(server, client):
    source = StreamSource(client, (await create(client)).name, read_by="get")
    await fill(server, 30)
    assert len(await walked(source, await source.info())) == 30
    assert [name async for name in consumers(client)] == []
