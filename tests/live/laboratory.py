"""A stream with known content, whose server and files a test can damage."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from auditor.app import App
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.connection.client import connect
from auditor.scan.request import PassRequest, StartFrom
from tests.core.stories import event, snapshot
from tests.live.raw import Publication, publish
from tests.live.streams import STREAM, api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from auditor.core.report.pass_report import PassReport

ACTORS = 10
VERSIONS = 40
"""Events of each actor. The actors take turns: the sequence is 10 × (version − 1) + number of the actor, from 1."""
LAST_SEQ = ACTORS * VERSIONS
LARGE = 60_000
"""Bytes of payload with which the stream has three blocks of 8 MiB each."""
AUDIT = AuditConfig(name="lab", stream=STREAM)


def actor_at(seq: int) -> str:
    """Return the actor whose event is stored at `seq`."""
    return f"order-{(seq - 1) % ACTORS + 1}"


def version_at(seq: int) -> int:
    return (seq - 1) // ACTORS + 1


def mark(seq: int) -> bytes:
    """Return a text that only the payload at `seq` has."""
    return b"payload-%04d" % seq


def event_at(seq: int, size: int = 80, text: bytes | None = None) -> Publication:
    actor, version = actor_at(seq), version_at(seq)
    body = event(actor, version, (text or mark(seq)).decode() + "." * size)
    return Publication(
        b"S.events.order.%b" % actor.encode(), body, b"NATS/1.0\r\nNats-Msg-Id: header-%04d\r\n\r\n" % seq
    )


def snapshot_of(actor: str, version: int) -> Publication:
    return Publication(b"S.snapshots.order.%b" % actor.encode(), snapshot(actor, version))


class Laboratory:
    """Runs while `async with` lasts."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedServer(folder)
        self._folder = folder

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.kill()

    @property
    def stream_folder(self) -> Path:
        return self._folder / "jetstream" / "$G" / "streams" / STREAM

    @property
    def blocks(self) -> list[Path]:
        """Return the files with the messages of the stream, in order."""
        return sorted((self.stream_folder / "msgs").glob("*.blk"), key=lambda block: int(block.stem))

    async def create(self, **settings: Any) -> None:
        async with self.client() as client:
            await api(client, f"STREAM.CREATE.{STREAM}", **{"name": STREAM, "subjects": ["S.>"], **settings})

    async def store(self, first: int = 1, last: int = LAST_SEQ, size: int = 80) -> None:
        """Return the events for these sequences."""
        await publish(self.server.port, [event_at(seq, size) for seq in range(first, last + 1)])

    async def publish(self, *publications: Publication) -> None:
        await publish(self.server.port, publications)

    async def api(self, subject: str, **body: Any) -> dict[str, Any]:
        async with self.client() as client:
            return await api(client, subject, **body)

    async def state(self) -> dict[str, Any]:
        """Return the stream info."""
        return dict((await self.api(f"STREAM.INFO.{STREAM}"))["state"])

    def copy(self, name: str, *, whole: bool = False) -> None:
        """Copy the files of the stream, or of the whole server."""
        source = self._folder / "jetstream" if whole else self.stream_folder
        shutil.copytree(source, self._folder / name)

    def restore(self, name: str, *, whole: bool = False) -> None:
        target = self._folder / "jetstream" if whole else self.stream_folder
        shutil.rmtree(target)
        shutil.copytree(self._folder / name, target)

    def flip(self, text: bytes, *, start: int = 0) -> None:
        """Flip one bit of the stored `text`."""
        for block in self.blocks:
            data = bytearray(block.read_bytes())
            at = data.find(text, start)
            if at >= 0:
                data[at + len(text) - 1] ^= 1
                block.write_bytes(data)
                return
        raise AssertionError(f"{text!r} is in no block")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        client = await connect(NatsConfig(servers=(self.server.url,)))
        try:
            yield client
        finally:
            await client.close()

    @asynccontextmanager
    async def auditor(self, audit: AuditConfig = AUDIT) -> AsyncIterator[App]:
        """Return an auditor that has just been started."""
        async with self.client() as client:
            auditor = App(Config(audits=(audit,), nats=NatsConfig(servers=(self.server.url,))), client)
            await auditor.ensure_own_streams()
            yield auditor

    async def audited(self, reading: StartFrom = StartFrom.AUTO, audit: AuditConfig = AUDIT) -> PassReport:
        """Return the report of one pass of an auditor that has just been started."""
        async with self.auditor(audit) as auditor:
            return await auditor.run_to_end(PassRequest(audit, reading))
