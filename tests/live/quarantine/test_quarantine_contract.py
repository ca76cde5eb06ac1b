"""The contract of a quarantine, on a real quarantine stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.config import QuarantineConfig
from auditor.jetstream.quarantine.stream_settings import quarantine_stream
from auditor.jetstream.quarantine.writer import QuarantineWriter
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.connecting import connected
from tests.live.streams import api
from tests.ports.quarantine_contract import QuarantineContract, QuarantineStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

CONFIG = QuarantineConfig()
DAY_NS = 86_400_000_000_000


class RealQuarantineStream:
    """The `QuarantineStream` on a server: with an age limit it is unsafe, so that nothing is written."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def refuse(self) -> None:
        await self._update(max_age=DAY_NS)

    async def admit(self) -> None:
        await self._update(max_age=0)

    async def keys(self) -> set[str]:
        info = await api(self._client, f"STREAM.INFO.{CONFIG.stream}", subjects_filter=">")
        counts: dict[str, int] = info["state"].get("subjects") or {}
        assert set(counts.values()) <= {1}
        return {subject.removeprefix(f"{CONFIG.subject_prefix}.") for subject in counts}

    async def _update(self, **settings: object) -> None:
        await api(
            self._client, f"STREAM.UPDATE.{CONFIG.stream}", **{**quarantine_stream(CONFIG).settings(), **settings}
        )


class TestQuarantineStream(QuarantineContract):
    @pytest.fixture
    def quarantine(self, client: Client) -> QuarantineWriter:
        return QuarantineWriter(client, CONFIG, StreamSource(client, "ORDERS"))

    @pytest.fixture
    async def another(self, server: EmbeddedServer) -> AsyncIterator[QuarantineWriter]:
        async with connected(server) as other:
            yield QuarantineWriter(other, CONFIG, StreamSource(other, "ORDERS"))

    @pytest.fixture
    def quarantine_stream(self, client: Client) -> QuarantineStream:
        return RealQuarantineStream(client)
