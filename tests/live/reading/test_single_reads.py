"""One subject is read by single requests if it has few messages, and as a walk does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from auditor.errors import StreamNotFoundError, StreamRecreatedError, WalkIncompleteError
from auditor.jetstream.reading import single_reads as module
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.connecting import connected
from tests.live.hostile import hostile_set
from tests.live.proxy import Proxy
from tests.live.raw import publish
from tests.live.streams import STREAM, api, create, fill, walked

ONE = "S.events.order.order-3"


async def test_single_reads_and_a_walk_give_the_same_messages(server, client, monkeypatch):
    source = await create(client)
    await publish(server.port, hostile_set(b"S."))
    await fill(server, 100)
    for seq in (10, 50, 60):
        await api(client, "STREAM.MSG.DELETE.S", seq=seq)
    pinned = await source.info()
    for subject in ("S.ordinary.ordinary-1", ONE, "S.events.nobody.nobody-1"):
        for first, last in ((1, pinned.last_seq), (40, pinned.last_seq - 30), (5, 4)):
            by_request = await walked(source, pinned, first_seq=first, last_seq=last, subjects=[subject])
            with monkeypatch.context() as patch:
                patch.setattr(module, "MAX_SINGLE_READS", -1)
                by_walk = await walked(source, pinned, first_seq=first, last_seq=last, subjects=[subject])
            assert by_request == by_walk


async def test_the_pinned_end_holds_for_single_reads_too(server, client):
    source = await create(client)
    await fill(server, 100)
    pinned = await source.info()
    await fill(server, 100, first=101)
    assert [message.seq for message in await walked(source, pinned, subjects=[ONE])] == list(range(3, 101, 10))


async def test_a_stream_that_is_gone_or_another_one_is_noticed_by_single_reads(server, client):
    source = await create(client)
    await fill(server, 100)
    pinned = await source.info()
    reading = source.read(pinned, first_seq=1, last_seq=100, subjects=[ONE])
    await anext(reading)
    await api(client, "STREAM.DELETE.S")
    with pytest.raises(StreamNotFoundError):
        await walked(source, pinned, subjects=[ONE])
    await create(client)
    await fill(server, 100)
    with pytest.raises(StreamRecreatedError):
        await walked(source, pinned, subjects=[ONE])
    with pytest.raises(StreamRecreatedError):
        async for _ in reading:
            pass


async def test_a_stream_that_ends_earlier_is_noticed_by_single_reads(server, client):
    source = await create(client)
    await fill(server, 100)
    pinned = await source.info()
    with pytest.raises(WalkIncompleteError):
        await walked(source, replace(pinned, last_seq=200), subjects=[ONE])


async def test_a_connection_that_is_lost_between_single_reads_costs_no_message(server, client):
    await create(client)
    await fill(server, 500)
    async with Proxy(server) as proxy, connected(proxy) as connection:
        source = StreamSource(connection, STREAM)
        pinned, got = await source.info(), []
        async with asyncio.timeout(20):
            async for batch in source.read(pinned, first_seq=1, last_seq=500, subjects=[ONE]):
                got += [message.seq for message in batch]
                if len(got) == 20:
                    proxy.cut()
    assert got == list(range(3, 501, 10))
