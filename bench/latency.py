"""Measures the latency of publishes by another client, without an audit and during full passes.

python bench/latency.py [messages]
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import quantiles
from typing import TYPE_CHECKING

import nats

from auditor.app import App
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.connection.client import connect
from auditor.scan.request import PassRequest, StartFrom
from bench.walk import STREAM, event
from tests.live.raw import publish

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

PROBES = 3_000
"""The number of publishes for each row."""
BETWEEN = 0.002
"""Seconds between two publishes. The rate is so low that publishes wait only for the audit."""
RATES = {"alone": None, "during a full pass": 0, "at max_rate 50000": 50_000, "at max_rate 20000": 20_000}
"""The audit's `max_rate` for each row; None without an audit."""


async def audit_until(url: str, max_rate: int, done: Event) -> None:
    """Run full passes, one after the other, until `done` is set."""
    audit = AuditConfig(name="bench", stream=STREAM, max_rate=max_rate)
    config = Config(audits=(audit,), nats=NatsConfig(servers=(url,)))
    client = await connect(config.nats)
    auditor = App(config, client)
    await auditor.ensure_own_streams()
    while not done.is_set():
        request = PassRequest(audit, StartFrom.BEGINNING)
        running = asyncio.create_task(auditor.run_to_end(request))
        while not running.done() and not done.is_set():
            await asyncio.sleep(0.05)
        request.interrupt.set()
        await running
    await client.close()


def audit_in_a_process(url: str, max_rate: int, done: Event) -> None:
    """Run `audit_until` in a process, as the daemon does."""
    asyncio.run(audit_until(url, max_rate, done))


async def publish_times(url: str) -> list[float]:
    """Return the seconds from each publish to its acknowledgement."""
    client = await nats.connect(url)
    stream = client.jetstream()
    times = []
    for number in range(PROBES):
        probe = event(number)
        begun = time.perf_counter()
        await stream.publish("PROBE.x", probe.data)
        times.append(time.perf_counter() - begun)
        await asyncio.sleep(BETWEEN)
    await client.close()
    return times


async def main(count: int) -> None:
    from multiprocessing import get_context

    context = get_context("spawn")
    async with EmbeddedServer() as server:
        client = await connect(NatsConfig(servers=(server.url,)))
        for stream in (STREAM, "PROBE"):
            settings = {"name": stream, "subjects": [f"{stream}.>"]}
            await client.request(f"$JS.API.STREAM.CREATE.{stream}", json.dumps(settings).encode())
        await client.close()
        await publish(server.port, [event(number) for number in range(count)])
        await publish_times(server.url)  # the first ones warm the server
        print(f"{PROBES} publishes of one client, during passes over {count} events")
        print(f"{'':22}{'p50 ms':>10}{'p99 ms':>10}")
        for name, max_rate in RATES.items():
            done = context.Event()
            process = None
            if max_rate is not None:
                process = context.Process(target=audit_in_a_process, args=(server.url, max_rate, done))
                process.start()
                await asyncio.sleep(2)
            cuts = quantiles(await publish_times(server.url), n=100)
            done.set()
            if process is not None:
                await asyncio.to_thread(process.join)
            print(f"{name:22}{cuts[49] * 1e3:10.2f}{cuts[98] * 1e3:10.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
