"""Connections for tests."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from auditor.config import NatsConfig
from auditor.jetstream.connection.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client
    from tests.live.proxy import Proxy

AT_ONCE = 1.0
"""Seconds, far below every timeout of the client."""


@asynccontextmanager
async def connected(server: EmbeddedServer | Proxy, **settings: object) -> AsyncIterator[Client]:
    client = await connect(config(server.url, **settings))
    try:
        yield client
    finally:
        await client.close()


@contextmanager
def at_once() -> Iterator[None]:
    """Fail if the block takes a noticeable time."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < AT_ONCE


def config(url: str, **settings: object) -> NatsConfig:
    return NatsConfig(servers=(url,), **settings)
