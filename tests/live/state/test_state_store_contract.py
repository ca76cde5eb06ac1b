"""The contract of a state store, on a real state stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config import StateConfig
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.state.acceptances import Acceptances
from auditor.jetstream.state.part_store import PartContent, PartStore
from auditor.jetstream.state.state_store import FORMATS, JetStreamStateStore
from auditor.jetstream.state.stream_settings import state_stream
from tests.live.streams import api
from tests.ports.state_store_contract import StateStoreContract, Storage

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client

CONFIG = StateConfig()
AUDIT = "orders"
DAY_NS = 86_400_000_000_000


class RealStorage:
    """The `Storage` on a server: with a limit of age the state stream is unsafe, and nothing is saved in it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def store(self) -> JetStreamStateStore:
        return JetStreamStateStore(
            AUDIT,
            self._checkpoints(),
            Acceptances(self._client, CONFIG, StreamSource(self._client, "S"), AUDIT, "1.0"),
            lambda: 99,
        )

    async def refuse(self) -> None:
        await self._update(max_age=DAY_NS)

    async def admit(self) -> None:
        await self._update(max_age=0)

    async def save_newer(self, part: str) -> None:
        checkpoints = self._checkpoints()
        await checkpoints.load_manifest()
        await checkpoints.save({part: PartContent(b"", {}, FORMATS[part] + 1)}, 100)

    async def remove(self) -> None:
        await api(self._client, f"STREAM.DELETE.{CONFIG.stream}")

    def _checkpoints(self) -> PartStore:
        return PartStore(self._client, CONFIG, StreamSource(self._client, "S"), AUDIT, "1.2.3")

    async def _update(self, **settings: object) -> None:
        await api(self._client, f"STREAM.UPDATE.{CONFIG.stream}", **{**state_stream(CONFIG).settings(), **settings})


class TestJetStreamStateStore(StateStoreContract):
    @pytest.fixture
    def storage(self, client: Client) -> Storage:
        return RealStorage(client)
