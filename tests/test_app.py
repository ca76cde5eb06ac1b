"""The app and the own streams of the auditor, on a real server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from auditor.app import App, open_app
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.core.model.passes import Verdict
from auditor.embedded_server import EmbeddedServer
from auditor.errors import ConnectionFailedError, QuarantineStreamError
from auditor.jetstream.connection.client import Client, connect
from auditor.scan.request import PassRequest, StartFrom
from tests.live.raw import Publication, publish
from tests.live.streams import STREAM, api, create

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

AUDIT = AuditConfig(name="orders", stream=STREAM)
OWN = ("AETHER_QUARANTINE", "AETHER_AUDIT")
READ_ONLY = """
accounts { APP { jetstream: enabled, users: [
  { user: administrator, password: first }
  { user: reader, password: second, permissions: { publish: { deny: [
      "aether.quarantine.>", "aether.audit.>", "$JS.API.STREAM.CREATE.>"
  ] } } }
] } }
no_auth_user: administrator
"""


def configured(server: EmbeddedServer, *audits: AuditConfig, **login: str) -> Config:
    return Config(audits=audits, nats=NatsConfig(servers=(server.url,), **login))


@asynccontextmanager
async def connected(server: EmbeddedServer) -> AsyncIterator[Client]:
    client = await connect(NatsConfig(servers=(server.url,)))
    try:
        yield client
    finally:
        await client.close()


async def streams(client: Client) -> set[str]:
    return set((await api(client, "STREAM.NAMES"))["streams"] or ())


async def stored(client: Client) -> dict[str, int]:
    """The number of messages in each stream of the auditor's own."""
    return {name: (await api(client, f"STREAM.INFO.{name}"))["state"]["messages"] for name in OWN}


@pytest.mark.parametrize("ensure", [True, False])
async def test_own_streams_are_created_only_if_the_caller_asks_for_them(server: EmbeddedServer, ensure: bool) -> None:
    async with open_app(configured(server, AUDIT), ensure_own_streams=ensure) as app:
        assert await streams(app.client) == (set(OWN) if ensure else set())


async def test_the_connection_is_closed_at_the_end_also_after_an_error(server: EmbeddedServer) -> None:
    async with open_app(configured(server, AUDIT), ensure_own_streams=False) as app:
        assert app.client.is_connected
    assert app.client.is_closed
    wrong = configured(server, AuditConfig(name="orders", stream=OWN[0]))
    with pytest.raises(QuarantineStreamError, match=r"quarantine\.stream is the audited stream"):
        async with open_app(wrong, ensure_own_streams=True):
            pass
    server.kill()
    with pytest.raises(ConnectionFailedError):
        async with open_app(configured(server, AUDIT), ensure_own_streams=False):
            pass


async def test_each_own_stream_is_checked_once_however_many_audits_there_are(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    audits = [
        AuditConfig(name=f"{name.lower()}-{number}", stream=name) for name in ("A", "B", "C") for number in (1, 2)
    ]
    async with connected(server) as client:
        for name in ("A", "B", "C"):
            await api(client, f"STREAM.CREATE.{name}", name=name, subjects=[f"{name}.>"])
        app = App(configured(server, *audits), client)
        await app.ensure_own_streams()
        requests: list[str] = []
        request = Client.request

        async def recorded(self: Client, subject: str, *args: object, **kwargs: object) -> object:
            requests.append(subject)
            return await request(self, subject, *args, **kwargs)

        monkeypatch.setattr(Client, "request", recorded)
        await app.ensure_own_streams()
    assert [requests.count(f"$JS.API.STREAM.INFO.{name}") for name in OWN] == [1, 1]
    # Each own stream is kept apart from every audited one.
    assert [requests.count(f"$JS.API.STREAM.INFO.{name}") for name in ("A", "B", "C")] == [2, 2, 2]


@pytest.mark.parametrize("overlapping", ["A", "B"])
async def test_an_own_stream_that_overlaps_any_audited_stream_is_refused(
    server: EmbeddedServer, overlapping: str
) -> None:
    async with connected(server) as client:
        for name in ("A", "B"):
            subjects = ["aether.*.old"] if name == overlapping else [f"{name}.>"]
            await api(client, f"STREAM.CREATE.{name}", name=name, subjects=subjects)
        audits = [AuditConfig(name=name.lower(), stream=name) for name in ("A", "B")]
        with pytest.raises(QuarantineStreamError, match=f"of the audited stream {overlapping}: choose another prefix"):
            await App(configured(server, *audits), client).ensure_own_streams()
        assert await streams(client) == {"A", "B"}


async def test_each_pass_says_by_itself_whether_it_stores_records_and_state(server: EmbeddedServer) -> None:
    async with connected(server) as client:
        await create(client)
        await publish(server.port, [Publication(b"S.events.order.order-1", b"{")])
        app = App(configured(server, AUDIT), client)
        await app.ensure_own_streams()
        reading = await app.run_to_end(PassRequest(AUDIT), store=False)
        assert (reading.verdict, reading.quarantine_pending) == (Verdict.CORRUPT, 0)
        assert await stored(client) == {OWN[0]: 0, OWN[1]: 0}
        await app.run_to_end(PassRequest(AUDIT), store=True)
        after = await stored(client)
        assert after[OWN[0]] == 1
        assert after[OWN[1]] > 0
        again = await app.run_to_end(PassRequest(AUDIT, StartFrom.BEGINNING), store=False)
        assert again.findings_total == reading.findings_total
        assert await stored(client) == after


async def test_a_pass_that_stores_nothing_tries_no_publish(tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path, config=READ_ONLY) as server, connected(server) as client:
        await create(client)
        await publish(server.port, [Publication(b"S.events.order.order-1", b"{")])
        await App(configured(server, AUDIT), client).ensure_own_streams()

        def refused() -> bool:
            return "Publish Violation" in (tmp_path / "nats-server.log").read_text()

        config = configured(server, AUDIT, user="reader", password="second")
        async with open_app(config, ensure_own_streams=False) as app:
            for _ in range(2):
                report = await app.run_to_end(PassRequest(AUDIT), store=False)
                assert (report.verdict, report.incomplete) == (Verdict.CORRUPT, None)
            assert not refused()
            report = await app.run_to_end(PassRequest(AUDIT), store=True)
            assert (report.verdict, report.quarantine_pending) == (Verdict.CORRUPT, 1)
            assert refused()
        assert await stored(client) == {OWN[0]: 0, OWN[1]: 0}
        server.kill()
