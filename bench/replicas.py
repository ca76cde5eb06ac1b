"""Measures what it costs to read every copy of a replicated stream.

python bench/replicas.py [messages]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from auditor.app import App
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.core.model.passes import Verdict
from auditor.core.replicas.digests import CHUNK_SIZE, ENTRY_SIZE, ChunkDigester, CopyDigests
from auditor.jetstream.reading import copy_consumers
from auditor.scan.request import PassRequest, StartFrom
from tests.core.stories import event
from tests.live.cluster import Cluster
from tests.live.raw import Publication, publish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from auditor.jetstream.connection.client import Client

MESSAGES = 200_000
ACTORS = 5_000
BODY = 350
"""Bytes of the body of each event."""
ROUNDS = 3
"""The best round is shown, as slower ones measure other load of the machine."""


class Creations:
    """Counts the consumers that are created to reach copies."""

    def __init__(self) -> None:
        self.count = 0
        self._create = copy_consumers.api.create_consumer
        copy_consumers.api.create_consumer = self._counted  # type: ignore[assignment]

    async def _counted(self, *args: Any, **options: Any) -> Any:
        self.count += 1
        return await self._create(*args, **options)

    def take(self) -> int:
        count, self.count = self.count, 0
        return count


async def fill(cluster: Cluster, client: Client, stream: str, replicas: int, messages: int) -> None:
    settings = {"name": stream, "subjects": [f"{stream}.>"], "num_replicas": replicas}
    await cluster.api(client, f"STREAM.CREATE.{stream}", **settings)
    port = next(iter(cluster.servers.values())).port
    for begin in range(0, messages, 20_000):
        numbers = range(begin, min(begin + 20_000, messages))
        await publish(port, [event_of(stream, number) for number in numbers])
    await cluster.leader(client, stream)


def event_of(stream: str, number: int) -> Publication:
    actor, version = f"order-{number % ACTORS}", number // ACTORS + 1
    bare = len(event(actor, version))
    return Publication(f"{stream}.events.order.{actor}".encode(), event(actor, version, "x" * (BODY - bare)))


class Cost(NamedTuple):
    """Of one round."""

    seconds: float
    cpu_seconds: float
    """Of the auditor. Other load of the machine changes it less than the time."""


async def cost(action: Callable[[], Awaitable[object]]) -> Cost:
    """The best time and the least CPU time of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begin, cpu = time.perf_counter(), time.process_time()
        await action()
        rounds.append(Cost(time.perf_counter() - begin, time.process_time() - cpu))
    return Cost(min(each.seconds for each in rounds), min(each.cpu_seconds for each in rounds))


async def run(app: App, audit: AuditConfig, start: StartFrom) -> None:
    report = await app.run_to_end(PassRequest(audit, start))
    assert report.verdict is Verdict.CLEAN, report.incomplete


async def read_one(app: App, audit: AuditConfig, messages: int) -> None:
    """Read one copy and compute its digests."""
    source = app.source(audit)
    info = await source.info()
    digester = ChunkDigester(CopyDigests(1, 1))
    async for batch in source.of_copy(info.leader).read(info, first_seq=1, last_seq=messages):
        digester.add(batch)
    digester.finish(messages)


async def main(messages: int) -> None:
    creations = Creations()
    with tempfile.TemporaryDirectory() as folder:
        async with Cluster(Path(folder)) as cluster:
            client = await cluster.connect()
            for stream, replicas in (("R1", 1), ("R3", 3)):
                await fill(cluster, client, stream, replicas, messages)
            one, three = (AuditConfig(name=name.lower(), stream=name) for name in ("R1", "R3"))
            app = App(Config(audits=(one, three), nats=NatsConfig(servers=cluster.urls)), client)
            await app.ensure_own_streams()
            single = await cost(partial(run, app, one, StartFrom.BEGINNING))
            whole = await cost(partial(run, app, three, StartFrom.BEGINNING))
            copy = await cost(partial(read_one, app, three, messages))
            creations.take()
            await run(app, three, StartFrom.BEGINNING)
            in_full = creations.take()
            await run(app, three, StartFrom.INCREMENTAL)
            in_incremental = creations.take()
            incremental = await cost(partial(run, app, three, StartFrom.INCREMENTAL))
            incremental_of_one = await cost(partial(run, app, one, StartFrom.INCREMENTAL))
            await client.close()
    print(f"{messages:,} events of {BODY} bytes of {ACTORS:,} actors, a cluster of three servers\n")
    print("| | s | messages/s | CPU s of the auditor | ÷ R1 |\n|---|---:|---:|---:|---:|")
    for name, each in (("full pass of R1", single), ("full pass of R3", whole), ("one copy read and digested", copy)):
        rate, ratio = messages / each.seconds, each.cpu_seconds / single.cpu_seconds
        print(f"| {name} | {each.seconds:.2f} | {rate:,.0f} | {each.cpu_seconds:.2f} | {ratio:.2f} |")
    print(
        f"\nincremental pass without new messages: R1 {incremental_of_one.seconds:.2f} s, R3 {incremental.seconds:.2f} s"
    )
    print(
        f"consumers created to reach copies: {in_full} in a full pass, {in_incremental} in an incremental one, none for R1"
    )
    print(f"digests: {1_000_000 / CHUNK_SIZE * ENTRY_SIZE / 1000:.1f} kB a million sequences and copy")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES))
