"""The auditor works with a million actors, and with ten million malformed messages."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import pytest

from auditor.speedups import compiled
from tests.acceptance.conftest import configured
from tests.acceptance.test_run import LISTEN, Running, completed, daemon, until
from tests.live.raw import Publication, publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

pytestmark = pytest.mark.soak

MILLION = 1_000_000
BATCH = 100_000
MIB = 1 << 20
TIMEOUT_SECONDS = 600.0


def event(number: int) -> Publication:
    """The only event of its actor, with an id as long as a UUID."""
    name = f"{number * 0x9E3779B97F4A7C15 % (1 << 128):032x}"
    body = (
        f'{{"id":"{name}","eventType":"ItemAdded","actorId":"order-{name}","version":1,'
        f'"data":{{"note":"{"x" * 150}"}},"timestamp":"2026-01-01T00:00:00Z"}}'
    )
    return Publication(f"ORDERS.events.order.order-{name}".encode(), body.encode())


def malformed(number: int) -> Publication:
    return Publication(b"ORDERS.events.order.order-%d" % (number % 1000), b'{"version": "1"}')


async def fill(server: EmbeddedServer, admin: Client, count: int, one: Callable[[int], Publication]) -> None:
    settings = {"name": "ORDERS", "subjects": ["ORDERS.>"]}
    await admin.request("$JS.API.STREAM.CREATE.ORDERS", json.dumps(settings).encode())
    for first in range(0, count, BATCH):
        await publish(server.port, [one(number) for number in range(first, first + BATCH)])


async def max_wait(running: Running) -> float:
    """The longest time of a request to /livez in seconds, until the first pass has completed."""
    longest = 0.0
    while True:
        begun = time.monotonic()
        assert (await running.http.get("/livez")).status == 200
        longest = max(longest, time.monotonic() - begun)
        if await completed(running):
            return longest
        await asyncio.sleep(0.02)


def peak_bytes(running: Running) -> int:
    """The most memory that the process has had."""
    with open(f"/proc/{running.process.pid}/status") as status:
        (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(peak) * 1024


async def test_a_million_actors_fit_and_nothing_stalls(server: EmbeddedServer, admin: Client, tmp_path: Path) -> None:
    await fill(server, admin, MILLION, event)
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 5s}", LISTEN)) as running:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert await max_wait(running) < 1
        assert await running.metric("messages_examined_total", outcome="ok") == MILLION
        await publish(server.port, [malformed(1)])

        async def found() -> bool:
            return await running.metric("findings", kind="malformed_event") == 1

        await until(found, TIMEOUT_SECONDS)
        assert await running.metric("passes_total", mode="full") == 1
        assert peak_bytes(running) < (512 if compiled is None else 256) * MIB
        assert await running.stop() < 10
    state = json.loads((await admin.request("$JS.API.STREAM.INFO.AETHER_AUDIT")).data)["state"]
    assert state["bytes"] < 64e6


async def test_ten_million_malformed_messages_do_not_fill_memory(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await fill(server, admin, 10 * MILLION, malformed)
    bounded = LISTEN + "quarantine: {max_bytes: 100000000}\n"
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 1h}", bounded)) as running:
        await until(lambda: completed(running), 3 * TIMEOUT_SECONDS)
        assert await running.metric("findings", kind="malformed_event") == 10 * MILLION
        assert await running.metric("malformed_events") == 10 * MILLION
        assert peak_bytes(running) < 512 * MIB
        assert await running.stop() < 10
