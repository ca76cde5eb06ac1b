"""Publishing by the helper of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.canary.actor_messages import SeedMessage
from auditor.config import NatsConfig
from auditor.errors import ConnectionFailedError
from auditor.jetstream.connection.client import connect
from auditor.jetstream.reading.stream_source import StreamSource
from tests.publishing import WINDOW, RawPublisher

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer


async def test_every_message_is_stored_in_order_when_it_returns(server: EmbeddedServer) -> None:
    client = await connect(NatsConfig(servers=(server.url,)))
    await client.request("$JS.API.STREAM.CREATE.S", b'{"name":"S","subjects":["S.>"],"storage":"memory"}')
    async with RawPublisher(server.port) as publisher:
        await publisher.publish([SeedMessage(b"S.\xff", b"%d" % n, b"odd") for n in range(2 * WINDOW + 1)])
        await publisher.publish([])
    source = StreamSource(client, "S")
    pinned = await source.info()
    assert pinned.last_seq == 2 * WINDOW + 1
    batches = [batch async for batch in source.read(pinned, first_seq=1, last_seq=pinned.last_seq)]
    assert [message.data for batch in batches for message in batch] == [b"%d" % n for n in range(2 * WINDOW + 1)]
    await client.close()


async def test_an_error_of_the_server_is_raised(server: EmbeddedServer) -> None:
    async with RawPublisher(server.port) as publisher:
        with pytest.raises(ConnectionFailedError, match="refused"):
            await publisher.publish([SeedMessage(b"S.x", b"x" * (2 << 20))])
