from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from auditor.embedded_server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# How long an example takes depends on what else the machine does. Time is measured in bench/.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    """A fresh nats-server with JetStream; it is there in a few milliseconds, so each test has its own."""
    async with EmbeddedServer() as running:
        yield running
        running.kill()  # quicker than a stop, and its streams are not needed
