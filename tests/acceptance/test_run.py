"""The daemon as a process, seen by Kubernetes, Prometheus and an operator."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from auditor.canary.actor_messages import SeedMessage
from tests.acceptance.conftest import Ended, begin, configured
from tests.acceptance.test_scan import HOSTILE, good, store
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

LISTEN = "http: {listen: '127.0.0.1:0'}\n"
POLL_SECONDS = 0.05


class Served:
    """The HTTP interface of a daemon."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def ready(self) -> tuple[int, str]:
        answer = await self.http.get("/readyz")
        return answer.status, await answer.text()

    async def metric(self, name: str, **labels: str) -> float | None:
        """The sum of the samples that have these labels; None if there are none."""
        families = text_string_to_metric_families(await (await self.http.get("/metrics")).text())
        samples = [
            sample for family in families for sample in family.samples if sample.name == f"aether_auditor_{name}"
        ]
        found = [sample.value for sample in samples if labels.items() <= sample.labels.items()]
        return sum(found) if found else None

    async def audit(self) -> dict:
        return json.loads(await (await self.http.get("/api/status")).text())["audits"][0]


class Running(Served):
    """A daemon that serves."""

    def __init__(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession, log: list[dict]) -> None:
        super().__init__(http)
        self.process = process
        self.log = log
        self.ended: Ended | None = None

    @property
    def address(self) -> str:
        """Host and port, as Prometheus wants them."""
        return str(self.log[0]["address"]).partition("://")[2]

    async def stop(self) -> float:
        """SIGTERM; the seconds until it had ended."""
        begun = asyncio.get_running_loop().time()
        self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 20)
        return asyncio.get_running_loop().time() - begun


async def until(holds: Callable[[], object], patience: float = 20.0) -> None:
    """Wait until the awaited answer is true."""
    async with asyncio.timeout(patience):
        while not await holds():  # type: ignore[misc]
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def daemon(config: str) -> AsyncIterator[Running]:
    process = await begin("run", "--config", config)
    log: list[dict] = []
    assert process.stderr is not None
    serving = asyncio.Event()

    async def read() -> None:
        async for line in process.stderr:  # type: ignore[union-attr]
            log.append(json.loads(line))
            if log[-1]["event"] == "serving":
                serving.set()

    reading = asyncio.create_task(read())
    try:
        await asyncio.wait_for(serving.wait(), 20)
        async with aiohttp.ClientSession(log[0]["address"]) as http:
            yield Running(process, http, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await asyncio.wait_for(reading, 5)


async def completed(running: Served) -> bool:
    return (await running.audit())["verdict"] is not None


async def all_stored(running: Served) -> bool:
    return (await running.audit())["quarantine_pending"] == 0


async def enlarge_quarantine(admin: Client) -> None:
    """Give a quarantine stream that is full room for every record."""
    settings = json.loads((await admin.request("$JS.API.STREAM.INFO.AETHER_QUARANTINE")).data)["config"]
    settings["max_bytes"] = 1 << 30
    update = await admin.request("$JS.API.STREAM.UPDATE.AETHER_QUARANTINE", json.dumps(settings).encode())
    assert b'"error"' not in update.data


@pytest.mark.usefixtures("seeded")
async def test_the_first_pass_begins_at_once_and_its_findings_are_served(
    server: EmbeddedServer, tmp_path: Path
) -> None:
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 1h}", LISTEN)) as running:
        await until(lambda: completed(running))
        audit = await running.audit()
        assert audit["verdict"] == "corrupt"
        for kind, count in audit["findings_total"].items():
            assert await running.metric("findings", kind=kind) == count
        assert await running.metric("malformed_events") == audit["findings_total"]["malformed_event"]
        assert await running.metric("missing_versions") == audit["missing_versions"]
        assert (
            3600
            < (await running.metric("pass_due_timestamp_seconds", mode="incremental") or 0) - time.time()
            < 3600 + 70
        )
        assert (await running.ready())[0] == 200
        assert "corrupt" in await (await running.http.get("/")).text()
        assert await running.stop() < 10
    assert running.process.returncode == 0


async def test_it_audits_again_and_again_and_the_metrics_move(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5))
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 500ms}", LISTEN)) as running:
        await until(lambda: completed(running))
        assert (await running.audit())["verdict"] == "clean"
        async with RawPublisher(server.port) as publisher:
            await publisher.publish([SeedMessage(b"ORDERS.events.order.order-1", b"{")])

        async def corrupt() -> bool:
            return (await running.audit())["verdict"] == "corrupt"

        await until(corrupt)
        assert (await running.metric("newest_finding_timestamp_seconds", kind="malformed_event") or 0) > 0
        assert await running.stop() < 10
    assert running.process.returncode == 0


async def test_a_pass_longer_than_its_interval_is_followed_by_the_next_at_once(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(10))
    config = configured(tmp_path, server.url, "max_rate: 10, schedule: {every: 500ms}", LISTEN)
    async with daemon(config) as running:

        async def twice() -> bool:
            return (await running.metric("passes_total", verdict="clean") or 0) >= 2

        await until(twice)
        assert await running.stop() < 10
    assert {event["level"] for event in running.log} == {"info"}


async def test_without_nats_it_is_alive_and_not_ready_and_logs_the_reason_once(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5))
    await server.stop()
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 1h}", LISTEN)) as running:
        assert (await running.http.get("/livez")).status == 200

        async def reported() -> bool:
            return "cannot connect" in (await running.ready())[1]

        await until(reported)
        assert (await running.ready())[0] == 503
        assert await running.metric("nats_connected") == 0
        await asyncio.sleep(2.5)  # long enough for two further attempts, which must not be logged again
        assert [event["event"] for event in running.log].count("not connected, retrying") == 1
        await server.start()
        await until(lambda: completed(running), 30)
        assert (await running.audit())["verdict"] == "clean"
        assert (await running.ready())[0] == 200
        assert await running.stop() < 10
    assert running.process.returncode == 0


async def test_after_a_crash_of_the_server_the_pass_continues_and_loses_nothing(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5))
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 1s}", LISTEN)) as running:
        await until(lambda: completed(running))
        server.kill()

        async def lost() -> bool:
            return (await running.ready())[0] == 503

        await until(lost)
        assert (await running.http.get("/livez")).status == 200
        passes = (await running.audit())["completed_at"]
        await server.start()

        async def later() -> bool:
            return (await running.audit())["completed_at"] > passes and (await running.ready())[0] == 200

        await until(later, 30)
        assert (await running.audit())["verdict"] == "clean"
        assert await running.stop() < 10
    assert running.process.returncode == 0


@pytest.mark.parametrize("state", ["not connected", "walking", "server dead in mid-walk", "server hangs"])
async def test_sigterm_ends_it_within_ten_seconds_in_every_state(
    state: str, server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(300))
    if state == "not connected":
        await server.stop()
    async with daemon(configured(tmp_path, server.url, "max_rate: 10", LISTEN)) as running:
        if state == "not connected":
            await until(lambda: _is(running, 503))
        else:
            await until(lambda: _walking(running))
        if state == "server dead in mid-walk":
            server.kill()
        if state == "server hangs":
            assert server.pid
            os.kill(server.pid, signal.SIGSTOP)
        try:
            assert await running.stop() < 10
        finally:
            if state == "server hangs":
                os.kill(server.pid, signal.SIGCONT)
    assert running.process.returncode == 0
    assert not [event for event in running.log if event["level"] in {"error", "critical"}]


async def _is(running: Running, status: int) -> bool:
    return (await running.ready())[0] == status


async def _walking(running: Running) -> bool:
    return ((await running.audit())["running"] or {}).get("progress", 0) > 0


async def test_a_stream_that_does_not_exist_is_reported_and_requested_again(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 500ms}", LISTEN)) as running:

        async def reported() -> bool:
            return "ORDERS" in (await running.ready())[1]

        await until(reported)

        async def failed() -> bool:
            return (await running.metric("passes_total", verdict="failed") or 0) > 0

        await until(failed)
        assert await running.metric("findings") is None
        await store(server, admin, *good(3))
        await until(lambda: completed(running), 30)
        assert await running.stop() < 10


async def test_no_stored_byte_breaks_the_page_the_metrics_or_the_log(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    messages = [
        SeedMessage(f"ORDERS.events.{text}.{text}-{n}".encode(), b"{hunter2") for text in HOSTILE for n in range(3)
    ]
    messages.append(SeedMessage(b"ORDERS.events.order.\xff\xfe", b"{}"))
    await store(server, admin, *messages)
    async with daemon(configured(tmp_path, server.url, more=LISTEN)) as running:
        await until(lambda: completed(running))
        page = await (await running.http.get("/")).text()
        assert "<script>" not in page
        assert "\x1b" not in page
        assert "&lt;script&gt;" in page
        for line in (await (await running.http.get("/metrics")).text()).splitlines():
            assert re.match(r"# |(aether_auditor|process)_\w+({.*})? \S+$", line), line
        assert "hunter2" not in json.dumps(await running.audit())
        assert await running.stop() < 10
    assert "hunter2" not in json.dumps(running.log)
    assert running.process.returncode == 0


async def test_a_full_quarantine_stream_is_shown_and_stops_no_detection(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    messages = [SeedMessage(b"ORDERS.events.order.order-%d" % n, b"{" + b"x" * 4096) for n in range(100)]
    await store(server, admin, *messages)
    config = configured(tmp_path, server.url, "schedule: {every: 1s}", LISTEN + "quarantine: {max_bytes: 64KiB}\n")
    async with daemon(config) as running:
        await until(lambda: completed(running))
        audit = await running.audit()
        assert (audit["verdict"], audit["findings_total"]["malformed_event"]) == ("corrupt", 100)
        pending = audit["quarantine_pending"]
        assert 0 < pending < 100
        assert await running.metric("quarantine_pending") == pending
        assert [event for event in running.log if "full" in event.get("reason", "")]
        await enlarge_quarantine(admin)
        await until(lambda: all_stored(running))
        state = json.loads((await admin.request("$JS.API.STREAM.INFO.AETHER_QUARANTINE")).data)["state"]
        assert state["messages"] == 100
        assert await running.stop() < 10
