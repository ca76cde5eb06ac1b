"""Measures how fast the Python store and a Go program like Aether save and replay events, on one server.

python bench/store.py [events]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from auditor.aether import decode_event
from auditor.config import NatsConfig
from auditor.embedded_server import EmbeddedServer
from auditor.jetstream import JetStreamEventStore
from auditor.jetstream.connection.client import connect
from tests.interop.program import GoStore, build, missing

STREAM = "S"
ROUNDS = 3
"""The best round is shown, as slower ones measure other load of the machine."""


async def main(count: int) -> None:
    if what := missing():
        print(f"the Go program cannot be built ({what}): nothing to compare with")
        return
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        async with EmbeddedServer() as server:
            client = await connect(NatsConfig(servers=(server.url,)))
            store = await JetStreamEventStore.open(client, STREAM)
            async with GoStore(program, server.url, STREAM) as go:
                await go.ask("open")
                await compare(store, go, count)
            await client.close()


async def compare(store: JetStreamEventStore, go: GoStore, count: int) -> None:
    await go.ask("bench_save", actor_id="order-1", count=count)
    event = decode_event((await go.get_events("order-1"))[-1])
    print(f"{f'{count} events of one actor':38}{'Go':>12}{'Python':>12}{'Python ÷ Go':>14}")
    saved = []
    for round_ in range(ROUNDS):
        theirs = (await go.ask("bench_save", actor_id=f"order-go-{round_}", count=1_000))["seconds"]
        started = time.perf_counter()
        for version in range(1, 1_001):
            mine = replace(event, actor_id=f"order-py-{round_}", id=f"{round_}-{version}", version=version)
            await store.save_event(mine)
        saved.append((theirs, time.perf_counter() - started))
    show("saved, one after the other, events/s", 1_000, saved)
    # Go requests 100 at a time, and after an exact multiple of 100 waits a second for no message.
    for name, more in (("replayed, events/s", 0), ("replayed with 1 more, events/s", 1)):
        if more:
            await go.ask("bench_save", actor_id="order-1", count=more)
        replayed = []
        for _ in range(ROUNDS):
            theirs = (await go.ask("bench_replay", actor_id="order-1"))["seconds"]
            started = time.perf_counter()
            result = await store.get_events_with_errors("order-1")
            replayed.append((theirs, time.perf_counter() - started))
            assert len(result.events) == count + more
        show(name, count + more, replayed)


def show(name: str, events: int, rounds: list[tuple[float, float]]) -> None:
    theirs, mine = (events / min(seconds) for seconds in zip(*rounds, strict=True))
    print(f"{name:38}{theirs:12,.0f}{mine:12,.0f}{mine / theirs:14.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
