from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config import NatsConfig
from auditor.embedded_server import reserved_port
from auditor.jetstream.connection.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[Client]:
    """A connection to `server` without any restriction."""
    connected = await connect(NatsConfig(servers=(server.url,)))
    yield connected
    await connected.close()


@pytest.fixture
def unused_url() -> Iterator[str]:
    """A URL at which no server listens."""
    with reserved_port() as port:
        yield f"nats://127.0.0.1:{port}"
