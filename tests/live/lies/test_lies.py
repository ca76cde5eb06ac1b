"""No lie between the auditor and the server makes a pass clean, or fail in a way that is not explained."""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from auditor.app import App
from auditor.config import AuditConfig, Config, NatsConfig, QuarantineConfig
from auditor.core.model.passes import Verdict
from auditor.embedded_server import EmbeddedServer
from auditor.errors import AuditorError, StreamNotFoundError
from auditor.jetstream.connection.client import connect
from auditor.jetstream.quarantine.reader import list_records
from auditor.jetstream.quarantine.record import RecordOrigin
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.scan.request import PassRequest, StartFrom
from tests.core.stories import event
from tests.live.lies.proxy import Honest, LiarProxy
from tests.live.lies.table import LIES, Scenario
from tests.live.raw import Publication, publish
from tests.live.streams import api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.core.report.pass_report import PassReport
    from tests.live.lies.proxy import Lie
    from tests.live.lies.table import Row

TIME_LIMIT_SECONDS = 2.5
"""After which a pass that waits for what does not come is interrupted, as `auditor scan --timeout` does."""
MAX_SECONDS = 45.0
"""For one pass, while the others run on a busy machine."""
MAX_MIB = 300
"""By which the memory of the process grows during all passes together."""
MAX_CONCURRENT = 24
"""Passes at the same time."""
RECORDS = 20
"""Bad messages of the damaged stream."""

NOTES = (*range(1, 6), *range(61, 71))
"""The sequences of messages that are no events."""
DELETED = (63, 64, 66)
LAST_SEQ = 130
ACTORS = 10


def message_at(seq: int) -> Publication:
    """Return a message of a stream in which each actor has all its versions."""
    if seq in NOTES:
        return Publication(b"S.note", b"note")
    number = sum(each not in NOTES for each in range(1, seq))
    actor, version = f"order-{number % ACTORS}", number // ACTORS + 1
    headers = b"NATS/1.0\r\nNats-Msg-Id: %d\r\n\r\n" % seq if seq % 2 == 0 else None
    return Publication(b"S.events.order.%b" % actor.encode(), event(actor, version, f"note {seq}"), headers)


def auditing(scenario: Scenario, name: str) -> AuditConfig:
    stream = "D" if scenario is Scenario.RECORDS else "S"
    actors = ("order-1", "order-2") if scenario is Scenario.NAMED else ()
    return AuditConfig(name=name, stream=stream, actors=actors)


def records_of(name: str) -> QuarantineConfig:
    """Return a quarantine stream for one pass alone."""
    return QuarantineConfig(stream=f"RECORDS-{name}", subject_prefix=f"records.{name}")


@asynccontextmanager
async def auditor(url: str, audit: AuditConfig) -> AsyncIterator[App]:
    nats = NatsConfig(servers=(url,))
    config = Config(audits=(audit,), nats=nats, quarantine=records_of(audit.name))
    client = await connect(config.nats)
    try:
        yield App(config, client)
    finally:
        await client.close()


@pytest.fixture
async def lying_about(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServer]:
    """A server with a clean stream S and a damaged one D."""
    monkeypatch.setattr("auditor.jetstream.connection.connection.RECONNECT_WAIT", 0.05)
    monkeypatch.setattr("auditor.jetstream.api.SLOW_TIMEOUT", 5.0)
    monkeypatch.setattr("auditor.jetstream.granted.TIMEOUT", 1.0)
    monkeypatch.setattr("auditor.jetstream.quarantine.writer.GIVE_UP_SECONDS", 2.0)
    async with EmbeddedServer() as server:
        client = await connect(NatsConfig(servers=(server.url,)))
        for name in ("S", "D"):
            await api(client, f"STREAM.CREATE.{name}", name=name, subjects=[f"{name}.>"])
        await publish(server.port, [message_at(seq) for seq in range(1, LAST_SEQ + 1)])
        await publish(
            server.port, [Publication(b"D.events.order.order-1", b"{%d" % number) for number in range(RECORDS)]
        )
        for seq in DELETED:
            await api(client, "STREAM.MSG.DELETE.S", seq=seq)
        await api(client, "STREAM.PURGE.S", seq=6)
        async with auditor(server.url, auditing(Scenario.FIRST, "first")) as app:
            await app.ensure_own_streams()
        await client.close()
        yield server
        server.kill()


async def pass_over(
    server: EmbeddedServer, scenario: Scenario, lie: Lie, name: str, *, limit: float | None = None
) -> PassReport | AuditorError:
    """Run the pass of a scenario through a proxy with this lie; its report, or the error that ended it."""
    audit = auditing(scenario, name)
    if scenario is Scenario.AGAIN:
        async with auditor(server.url, audit) as app:
            before = await app.run_to_end(PassRequest(audit))
            assert before.verdict is Verdict.CLEAN, before
    interrupt = asyncio.Event()
    if limit is not None:
        asyncio.get_running_loop().call_later(limit, interrupt.set)
    request = PassRequest(audit, StartFrom.AUTO, interrupt=interrupt)
    async with LiarProxy(server, lie) as proxy:
        try:
            async with auditor(proxy.url, audit) as app:
                return await app.run_to_end(request, store=scenario in (Scenario.AGAIN, Scenario.RECORDS))
        except AuditorError as error:
            return error


async def records_stored(server: EmbeddedServer, name: str) -> int:
    """Return how many records the quarantine stream of a pass holds."""
    async with auditor(server.url, auditing(Scenario.RECORDS, name)) as app:
        source = StreamSource(app.client, records_of(name).stream)
        try:
            return len({record.key async for record in list_records(source) if isinstance(record, RecordOrigin)})
        except StreamNotFoundError:
            return 0


async def judged(server: EmbeddedServer, row: Row, number: int) -> str | None:
    """Return what is wrong with the pass with a lie; None if nothing is."""
    started, name = time.monotonic(), f"lie-{number}"
    try:
        limit = TIME_LIMIT_SECONDS if row.waits else None
        result = await asyncio.wait_for(pass_over(server, row.scenario, row.make(), name, limit=limit), 60)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is an internal error
        return f"{row}: internal error {type(error).__name__}: {error}"
    took = time.monotonic() - started
    if took > MAX_SECONDS:
        return f"{row}: {took:.1f} s ({result if isinstance(result, AuditorError) else result.incomplete})"
    if isinstance(result, AuditorError):
        return None if "\n" not in str(result) and not row.is_harmless else f"{row}: {result}"
    if result.messages.unjudged and result.incomplete is None:
        return f"{row}: messages were not judged"
    if row.scenario is Scenario.RECORDS:
        is_stored = await records_stored(server, name) == RECORDS
        return None if result.quarantine_pending or is_stored else f"{row}: records count as stored that are not"
    if row.is_harmless:
        return None if result.verdict is Verdict.CLEAN and result.coverage == 1 else f"{row}: {result.incomplete}"
    return None if result.verdict is not Verdict.CLEAN else f"{row}: clean"


@pytest.mark.parametrize("scenario", Scenario)
async def test_through_an_honest_proxy_the_stream_is_what_it_is(
    lying_about: EmbeddedServer, scenario: Scenario
) -> None:
    report = await pass_over(lying_about, scenario, Honest(), "honest")
    assert not isinstance(report, AuditorError), report
    assert (report.incomplete, report.quarantine_pending) == (None, 0)
    assert report.verdict is (Verdict.CORRUPT if scenario is Scenario.RECORDS else Verdict.CLEAN)


async def test_with_no_lie_is_a_pass_clean_and_every_pass_ends_with_an_explanation(lying_about: EmbeddedServer) -> None:
    assert len({str(row) for row in LIES}) == len(LIES)
    places = asyncio.Semaphore(MAX_CONCURRENT)

    async def judged_in_turn(row: Row, number: int) -> str | None:
        async with places:
            return await judged(lying_about, row, number)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with capture_logs() as logs:
        found = await asyncio.gather(*(judged_in_turn(row, number) for number, row in enumerate(LIES)))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert [problem for problem in found if problem] == []
    assert [line for line in logs if line["event"] == "message not judged"] == []
    assert grown < MAX_MIB
