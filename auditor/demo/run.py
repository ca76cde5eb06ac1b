"""Runs a nats-server with a damaged stream, and returns the configuration to audit it."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.config import AuditConfig, Config, HttpConfig, LogConfig, NatsConfig, ScheduleConfig
from auditor.config.values import Duration, Listen
from auditor.demo.sample import STREAM
from auditor.demo.stream import fill_stream, write_forever
from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.connection.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.canary.damage import Damage

PASS_EVERY_NS = 5_000_000_000
"""Short, so that a user who watches the metrics sees them change."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running server with the damaged stream, and the configuration to audit it."""

    config: Config
    damage: tuple[Damage, ...]


@asynccontextmanager
async def running_demo(listen: Listen, *, writing: bool) -> AsyncIterator[Demo]:
    """Run the demo until the block ends. `writing`: also store new events. Raises AuditorError."""
    async with EmbeddedServer() as server:
        nats = NatsConfig(servers=(server.url,))
        client = await connect(nats)
        try:
            damage = await fill_stream(client)
            writer = asyncio.create_task(write_forever(client), name="demo writer") if writing else None
            try:
                yield Demo(_config(nats, listen), damage)
            finally:
                if writer is not None:
                    writer.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await writer
        finally:
            await client.close()


def _config(nats: NatsConfig, listen: Listen) -> Config:
    schedule = ScheduleConfig(every=Duration(PASS_EVERY_NS))
    return Config(
        nats=nats,
        audits=(AuditConfig(name="orders", stream=STREAM, schedule=schedule),),
        http=HttpConfig(listen=listen),
        log=LogConfig(level="warning", format="console"),
    )
