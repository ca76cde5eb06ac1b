"""The writer of the demo stores events until it is cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import auditor.demo.stream
from auditor.config import NatsConfig
from auditor.demo.sample import STREAM
from auditor.demo.stream import fill_stream, write_forever
from auditor.jetstream.connection.client import connect
from auditor.jetstream.reading.stream_source import StreamSource

if TYPE_CHECKING:
    import pytest

    from auditor.embedded_server import EmbeddedServer


async def test_events_keep_coming_and_now_and_then_one_is_damaged(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor.demo.stream, "EVENTS_A_SECOND", 500)
    client = await connect(NatsConfig(servers=(server.url,)))
    source = StreamSource(client, STREAM)
    await fill_stream(client)
    seeded_seq = (await source.info()).last_seq
    writer = asyncio.create_task(write_forever(client))
    async with asyncio.timeout(20):
        while (await source.info()).last_seq < seeded_seq + 120:
            await asyncio.sleep(0.02)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    assert writer.cancelled()
    pinned = await source.info()
    batches = [batch async for batch in source.read(pinned, first_seq=seeded_seq + 1, last_seq=pinned.last_seq)]
    bodies = [message.data for batch in batches for message in batch]
    assert next(at for at, body in enumerate(bodies, 1) if not body.endswith(b"}")) == 100
    await client.close()
