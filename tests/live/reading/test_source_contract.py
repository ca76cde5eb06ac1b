"""The contract of a source, on a real stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live.raw import Publication, publish
from tests.live.streams import STREAM, api, create
from tests.ports.source_contract import Laboratory, SourceContract

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client
    from auditor.jetstream.reading.stream_source import StreamSource


class RealStream:
    """The `Laboratory` over a stream of `server`."""

    def __init__(self, server: EmbeddedServer, client: Client) -> None:
        self._server = server
        self._client = client

    async def store(self, *subjects: str) -> None:
        last = (await api(self._client, f"STREAM.INFO.{STREAM}"))["state"]["last_seq"]
        await publish(
            self._server.port,
            [Publication(subject.encode(), b"%d" % seq) for seq, subject in enumerate(subjects, last + 1)],
        )

    async def delete(self, *seqs: int) -> None:
        for seq in seqs:
            await api(self._client, f"STREAM.MSG.DELETE.{STREAM}", seq=seq)

    async def purge(self, up_to: int) -> None:
        await api(self._client, f"STREAM.PURGE.{STREAM}", seq=up_to + 1)

    async def remove(self) -> None:
        await api(self._client, f"STREAM.DELETE.{STREAM}")

    async def recreate(self) -> None:
        await self.remove()
        await create(self._client)


class TestStreamSource(SourceContract):
    @pytest.fixture
    async def source(self, client: Client) -> StreamSource:
        return await create(client)

    @pytest.fixture
    def laboratory(self, server: EmbeddedServer, client: Client) -> Laboratory:
        return RealStream(server, client)
