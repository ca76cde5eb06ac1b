"""The cached version compared with a full replay, while messages are stored and removed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from auditor.aether import encode_event
from auditor.jetstream.eventstore.store import JetStreamEventStore
from auditor.jetstream.eventstore.version_cache import VersionCache
from tests.aether.event_store_contract import event
from tests.live.streams import STREAM, api, create

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client

SUBJECT = "S.events.order.order-1"


@pytest.mark.parametrize("seed", range(8))
async def test_the_cached_version_never_differs_from_a_replay(client: Client, seed: int) -> None:
    """Store valid, malformed and foreign messages, delete, purge and recreate the stream, in any order."""
    random_ = random.Random(seed)
    source = await create(client)
    cache = VersionCache(client, STREAM, source)
    for step in range(60):
        seqs = (await api(client, f"STREAM.INFO.{STREAM}"))["state"]
        match random_.choices(["event", "bad", "other", "delete", "purge", "recreate"], [6, 2, 2, 3, 1, 0.3])[0]:
            case "event":
                version = random_.randint(-1, 9)
                await client.request(SUBJECT, encode_event(replace(event(version), id=f"{step}")))
            case "bad":
                await client.request(SUBJECT, b"{")
            case "other":
                await client.request("S.events.order.order-2", encode_event(event(20, "order-2")))
            case "delete" if seqs["messages"]:
                seq = random_.randint(seqs["first_seq"], seqs["last_seq"])
                await client.request(f"$JS.API.STREAM.MSG.DELETE.{STREAM}", b'{"seq":%d}' % seq)
            case "purge":
                await api(client, f"STREAM.PURGE.{STREAM}", filter=SUBJECT, keep=random_.randint(0, 2))
            case "recreate":
                await api(client, f"STREAM.DELETE.{STREAM}")
                await create(client)
        if random_.random() < 0.7:
            replayed = await JetStreamEventStore(client, STREAM).get_events("order-1")
            assert (await cache.fetch(SUBJECT)).version == max((each.version for each in replayed), default=0)
