"""A stream on a real server, and the app that audits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.app import App
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.jetstream.connection.client import connect
from tests.core.stories import event
from tests.live.raw import Publication, publish
from tests.live.streams import STREAM, create

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

BAD = b'{"version": 4'
AUDIT = AuditConfig(name="orders", stream=STREAM)


@pytest.fixture
async def client(server: EmbeddedServer) -> AsyncIterator[Client]:
    """A connection to `server` without any restriction."""
    connected = await connect(NatsConfig(servers=(server.url,)))
    yield connected
    await connected.close()


@pytest.fixture
async def app(server: EmbeddedServer, client: Client) -> App:
    """Audits a stream with three good events and, at sequences 4 and 5, two malformed ones. No pass has run."""
    await create(client)
    bodies = [*(event("order-1", version) for version in (1, 2, 3)), BAD, BAD]
    await publish(server.port, [Publication(b"S.events.order.order-1", body) for body in bodies])
    app = App(Config(audits=(AUDIT,), nats=NatsConfig(servers=(server.url,))), client)
    await app.ensure_own_streams()
    return app
