"""Many processes write to one actor at once, while its server is killed and restarted."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import TYPE_CHECKING

import pytest

from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.eventstore.store import JetStreamEventStore
from tests.live.connecting import connected
from tests.live.streams import STREAM

if TYPE_CHECKING:
    from auditor.aether import Event

WRITERS = 8


async def race(server: EmbeddedServer, last_version: int, kills: int) -> tuple[list[Event], list[dict[str, list[str]]]]:
    """Return what is stored in the end, and what each writer reported."""
    async with connected(server) as client:
        await JetStreamEventStore.open(client, STREAM)
    writers = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.live.racing_writer", server.url, f"writer-{number}", str(last_version)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(WRITERS)
    ]
    try:
        for writer in writers:
            assert await writer.stdout.readline() == b"ready\n"
        outputs = asyncio.gather(*(writer.communicate(b"go\n") for writer in writers))
        for kill in range(1, kills + 1):
            await reached(server, last_version * kill // (kills + 1))
            await asyncio.sleep(random.uniform(0, 0.05))  # to be in the middle of a save
            server.kill()
            await asyncio.sleep(random.uniform(0, 0.3))
            await server.start()
        outcomes = [json.loads(stdout) for stdout, _ in await outputs]
    finally:
        for writer in writers:
            if writer.returncode is None:
                writer.kill()
    async with connected(server) as client:
        return await JetStreamEventStore(client, STREAM).get_events("order-1"), outcomes


async def reached(server: EmbeddedServer, version: int) -> None:
    async with connected(server) as client:
        store = JetStreamEventStore(client, STREAM)
        while await store.get_latest_version("order-1") < version:
            await asyncio.sleep(0.02)


def check(events: list[Event], outcomes: list[dict[str, list[str]]], last_version: int) -> None:
    assert [event.version for event in events] == [*range(1, last_version + 1)]
    ids = [event.id for event in events]
    stored = [each for outcome in outcomes for each in outcome.pop("stored", [])]
    unknown = [each for outcome in outcomes for each in outcome.pop("unknown", [])]
    refused = [each for outcome in outcomes for event_ids in outcome.values() for each in event_ids]
    assert len(stored) == len(set(stored))
    assert set(stored) <= set(ids) <= set(stored) | set(unknown)
    assert set(refused).isdisjoint(ids)


async def test_every_version_is_stored_exactly_once_and_every_writer_knows_by_which_writer() -> None:
    async with EmbeddedServer() as server:
        events, outcomes = await race(server, 400, kills=5)
    assert sum(bool(outcome.get("stored")) for outcome in outcomes) > 1  # it was a race
    assert sum(len(outcome.get("VersionConflictError", ())) for outcome in outcomes) > 0
    check(events, outcomes, 400)


@pytest.mark.soak
async def test_every_version_is_stored_exactly_once_over_many_kills() -> None:
    async with EmbeddedServer() as server:
        events, outcomes = await race(server, 20_000, kills=100)
    check(events, outcomes, 20_000)
