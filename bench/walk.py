"""Measures the speed of a full pass, compared with what the server can send and with other readers.

python bench/walk.py [messages]

A full pass runs in a process of its own, once with the compiled twins and once with those in Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from auditor.aether import Event, encode_event
from auditor.app import App
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.core.model.passes import Verdict
from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.api import create_consumer
from auditor.jetstream.connection.client import connect
from auditor.jetstream.connection.connection import BUFFER_SIZE, READ_SIZE
from auditor.jetstream.reading.pull_consumer import BATCH, PULL_BYTES
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.scan.request import PassRequest, StartFrom
from tests.interop.program import build, missing
from tests.live.raw import Publication, publish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STREAM = "BENCH"
BODY = 350
"""Bytes of the body of each event."""
ACTORS = 20_000
ROUNDS = 5
"""The medians are shown. Ratios are between readers of one round, as other load of the machine changes from round to round."""
CPU_MICROSECONDS: dict[str, list[float]] = {}
"""By value of AUDITOR_SPEEDUPS: CPU of each full pass for a message."""
REPLY = b" $JS.ACK."
"""Occurs once in each delivered message, in its reply subject."""
FETCHED = 100_000
"""The number of messages for `fetch`, which is slow."""


def event(number: int) -> Publication:
    """Build one event as Aether's Go code publishes it."""
    actor, version = number % ACTORS, number // ACTORS + 1
    name = f"{number:08x}-95be-4a0a-8a79-2f1d9b8b8a01"
    bare = Event(id=name, event_type="ItemAdded", actor_id=f"order-{actor}", version=version, data={"note": ""})
    data = {"note": "x" * (BODY - len(encode_event(bare)))}
    whole = Event(id=name, event_type="ItemAdded", actor_id=f"order-{actor}", version=version, data=data)
    headers = b"NATS/1.0\r\nNats-Msg-Id: %b\r\n\r\n" % name.encode()
    return Publication(b"%b.events.order.order-%d" % (STREAM.encode(), actor), encode_event(whole), headers)


async def fetch(url: str, _: int) -> float:
    """Read with `fetch` of nats-py."""
    client = await nats.connect(url)
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, mem_storage=True)
    subscription = await client.jetstream().pull_subscribe(f"{STREAM}.>", stream=STREAM, config=config)
    started, received = time.perf_counter(), 0
    while received < FETCHED:
        received += len(await subscription.fetch(1000))
    rate = received / (time.perf_counter() - started)
    await client.close()
    return rate


async def walk(url: str, count: int) -> float:
    """Read every message, and judge none."""
    client = await connect(NatsConfig(servers=(url,)))
    source = StreamSource(client, STREAM)
    started = time.perf_counter()
    pinned = await source.info()
    received = 0
    async for messages in source.read(pinned, first_seq=1, last_seq=pinned.last_seq):
        received += len(messages)
    assert received == count
    rate = count / (time.perf_counter() - started)
    await client.close()
    return rate


def full_pass_with(speedups: str) -> Callable[[str, int], Awaitable[float]]:
    """Build a reader that runs `full_pass` in another process, with this value of AUDITOR_SPEEDUPS."""

    async def run(url: str, count: int) -> float:
        command = (sys.executable, __file__, "--full-pass", url, str(count))
        environment = {**os.environ, "AUDITOR_SPEEDUPS": speedups, "PYTHONPATH": str(Path(__file__).parent.parent)}
        ended = await asyncio.to_thread(
            subprocess.run, command, check=True, capture_output=True, text=True, env=environment
        )
        rate, cpu = map(float, ended.stdout.split())
        CPU_MICROSECONDS.setdefault(speedups, []).append(cpu)
        return rate

    return run


async def print_full_pass(url: str, count: int) -> None:
    """Run a full pass; print its messages a second, and the microseconds of CPU of this process for a message."""
    before = time.process_time()
    rate = await full_pass(url, count)
    print(rate, (time.process_time() - before) / count * 1_000_000)


async def full_pass(url: str, count: int) -> float:
    """Run a full pass as `auditor scan --full` does, with all checks, quarantine and saved state."""
    audit = AuditConfig(name="bench", stream=STREAM)
    config = Config(audits=(audit,), nats=NatsConfig(servers=(url,)))
    client = await connect(config.nats)
    auditor = App(config, client)
    await auditor.ensure_own_streams()
    started = time.perf_counter()
    report = await auditor.run_to_end(PassRequest(audit, StartFrom.BEGINNING))
    rate = count / (time.perf_counter() - started)
    assert (report.verdict, report.events.ok) == (Verdict.CLEAN, count)
    await client.close()
    return rate


async def null_sink(url: str, count: int) -> float:
    """Send the requests of a walk, and only count the messages by their reply subjects."""
    client = await connect(NatsConfig(servers=(url,)))
    await create_consumer(client, STREAM, "null", start=1)
    pull = json.dumps({"batch": BATCH, "max_bytes": PULL_BYTES, "expires": 30_000_000_000}).encode()
    ask = b"PUB $JS.API.CONSUMER.MSG.NEXT.%b.null sink %d\r\n%b\r\n" % (STREAM.encode(), len(pull), pull)
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=BUFFER_SIZE)
    writer.write(b'CONNECT {"headers":true}\r\nSUB sink 1\r\n')
    received = requested = 0
    rest = b""
    while received < count:
        while requested - received <= BATCH:
            writer.write(ask)
            requested += BATCH
        data = rest + await reader.read(READ_SIZE)
        received += data.count(REPLY)
        rest = data[-len(REPLY) + 1 :]
    rate = count / (time.perf_counter() - started)
    writer.close()
    await client.request(f"$JS.API.CONSUMER.DELETE.{STREAM}.null")
    await client.close()
    return rate


async def blocking_sink(url: str, count: int) -> float:
    """Send one request on a blocking socket, and parse nothing."""
    client = await connect(NatsConfig(servers=(url,)))
    await create_consumer(client, STREAM, "blocking", start=1)
    pull = json.dumps({"batch": count, "expires": 60_000_000_000}).encode()
    ask = b"PUB $JS.API.CONSUMER.MSG.NEXT.%b.blocking sink %d\r\n%b\r\n" % (STREAM.encode(), len(pull), pull)
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as server:
        server.sendall(b'CONNECT {"headers":true}\r\nSUB sink 1\r\n' + ask)
        buffer = bytearray(1 << 20)
        while read := server.recv_into(buffer):
            if buffer.find(b".0 ", max(0, read - 2 * BODY), read) >= 0:  # nothing is pending after the last message
                break
    rate = count / (time.perf_counter() - started)
    await client.request(f"$JS.API.CONSUMER.DELETE.{STREAM}.blocking")
    await client.close()
    return rate


def go_pass(program: Path) -> Callable[[str, int], Awaitable[float]]:
    """Build a reader that runs the Go program in `bench/scan`."""

    async def run(url: str, count: int) -> float:
        command = (program, "-url", url, "-stream", STREAM)
        ended = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
        read, malformed, gaps, seconds = ended.stdout.split()
        assert (int(read), malformed, gaps) == (count, "0", "0")
        return count / float(seconds)

    return run


async def main(count: int) -> None:
    readers = {
        "null sink": null_sink,
        "walk": walk,
        "full pass, compiled": full_pass_with("require"),
        "full pass, Python": full_pass_with("no"),
        "nats-py fetch(1000)": fetch,
        "blocking socket": blocking_sink,
    }
    with tempfile.TemporaryDirectory() as folder:
        if what := missing():
            print(f"the Go program cannot be built ({what}): nothing to compare with")
        else:
            readers["Go pass"] = go_pass(build(Path(folder), Path(__file__).with_name("scan")))
        async with EmbeddedServer() as server:
            client = await connect(NatsConfig(servers=(server.url,)))
            settings = {"name": STREAM, "subjects": [f"{STREAM}.>"]}
            await client.request(f"$JS.API.STREAM.CREATE.{STREAM}", json.dumps(settings).encode())
            await client.close()
            await publish(server.port, [event(number) for number in range(count)])
            rates: dict[str, list[float]] = {name: [] for name in readers}
            for _ in range(ROUNDS):  # in turns, so that other load affects all readers alike
                for name, read in readers.items():
                    rates[name].append(await read(server.url, count))
    show(rates, count)


def show(rates: dict[str, list[float]], count: int) -> None:
    """Print each rate, and its ratio to the null sink and to Go."""
    print(f"{count} events of {BODY} bytes of {ACTORS} actors, medians of {ROUNDS}")
    print(f"{'':22}{'messages/s':>12}{'÷ null sink':>14}{'÷ Go pass':>12}")
    for name, each in rates.items():
        ratios = (f"{ratio(each, rates[other]):.2f}" if other in rates else "" for other in ("null sink", "Go pass"))
        print(f"{name:22}{median(each):12,.0f}{next(ratios):>14}{next(ratios):>12}")
    for speedups, cpu in CPU_MICROSECONDS.items():
        print(f"CPU of a full pass with AUDITOR_SPEEDUPS={speedups}: {median(cpu):.2f} microseconds a message")


def ratio(rates: list[float], others: list[float]) -> float:
    """Compute the median of the ratios within each round."""
    return median(rate / other for rate, other in zip(rates, others, strict=True))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--full-pass"]:
        asyncio.run(print_full_pass(sys.argv[2], int(sys.argv[3])))
    else:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
