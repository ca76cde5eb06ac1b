"""How fast a stream is read: nats-py's fetch(1000), the walk, and reading the same deliveries to throw them away.

python bench/walk.py [messages]
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from auditor.aether import Event, encode_event
from auditor.config import NatsConfig
from auditor.demo.server import EmbeddedServer
from auditor.jetstream.api import create_consumer
from auditor.jetstream.client import connect
from auditor.jetstream.source import StreamSource
from tests.live.raw import Publication, publish

STREAM = "BENCH"
BODY = 350
"""Bytes of an ordinary event."""
ROUNDS = 3
"""The best of these is shown; what is slower was the machine."""


def event(number: int) -> Publication:
    """One event as Aether's Go code publishes it."""
    actor, version = number % 5000, number // 5000 + 1
    name = f"{number:08x}-95be-4a0a-8a79-2f1d9b8b8a01"
    bare = Event(id=name, event_type="ItemAdded", actor_id=f"order-{actor}", version=version, data={"note": ""})
    data = {"note": "x" * (BODY - len(encode_event(bare)))}
    whole = Event(id=name, event_type="ItemAdded", actor_id=f"order-{actor}", version=version, data=data)
    headers = b"NATS/1.0\r\nNats-Msg-Id: %b\r\n\r\n" % name.encode()
    return Publication(b"%b.events.order.order-%d" % (STREAM.encode(), actor), encode_event(whole), headers)


async def fetch(url: str, count: int) -> None:
    """nats-py as it comes."""
    client = await nats.connect(url)
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, mem_storage=True)
    subscription = await client.jetstream().pull_subscribe(f"{STREAM}.>", stream=STREAM, config=config)
    received = 0
    while received < count:
        received += len(await subscription.fetch(1000))
    await client.close()


async def walk(url: str, count: int) -> None:
    client = await connect(NatsConfig(servers=(url,)))
    source = StreamSource(client, STREAM)
    pinned = await source.pin()
    received = 0
    async for messages in source.walk(pinned, first_seq=1, last_seq=pinned.last_seq):
        received += len(messages)
    assert received == count
    await client.close()


async def null_sink(url: str, count: int) -> None:
    """What the server can send and the kernel can hand over, with nobody who looks at it."""
    client = await connect(NatsConfig(servers=(url,)))
    await create_consumer(client, STREAM, "null", start_seq=1)
    pull = json.dumps({"batch": count, "expires": 60_000_000_000}).encode()
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as server:
        server.sendall(b'CONNECT {"headers":true}\r\nSUB sink 1\r\n')
        server.sendall(b"PUB $JS.API.CONSUMER.MSG.NEXT.%b.null sink %d\r\n%b\r\n" % (STREAM.encode(), len(pull), pull))
        buffer = bytearray(1 << 20)
        while read := server.recv_into(buffer):
            if buffer.find(b".0 ", max(0, read - 2 * BODY), read) >= 0:  # nothing is pending after the last message
                break
    await client.request(f"$JS.API.CONSUMER.DELETE.{STREAM}.null")
    await client.close()


async def main(count: int) -> None:
    async with EmbeddedServer() as server:
        client = await connect(NatsConfig(servers=(server.url,)))
        settings = {"name": STREAM, "subjects": [f"{STREAM}.>"]}
        await client.request(f"$JS.API.STREAM.CREATE.{STREAM}", json.dumps(settings).encode())
        await client.close()
        await publish(server.port, [event(number) for number in range(count)])
        print(f"{count} events of {BODY} bytes, best of {ROUNDS}")
        rates: dict[str, float] = {}
        for name, read, rounds in (("fetch(1000)", fetch, 1), ("walk", walk, ROUNDS), ("null sink", null_sink, ROUNDS)):
            best = float("inf")
            for _ in range(rounds):
                started = time.perf_counter()
                await read(server.url, count)
                best = min(best, time.perf_counter() - started)
            rates[name] = count / best
            print(f"{name:12} {rates[name]:10,.0f} messages/s {rates[name] / rates['fetch(1000)']:6.1f} x fetch")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000))
