"""Fills the stream of the demo with healthy and damaged actors, and then stores events until it is cancelled."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from auditor.aether.stream_layout import StreamLayout
from auditor.canary.actor_messages import ActorMessages
from auditor.canary.damage import all_damage
from auditor.demo.sample import STREAM, healthy_actors, interleave
from auditor.jetstream.seed import create_and_fill, publish_raw

if TYPE_CHECKING:
    from auditor.canary.damage import Damage
    from auditor.jetstream.connection.client import Client

EVENTS_A_SECOND = 5
EVENTS_BETWEEN_DAMAGES = 100
LIVE_ACTORS = 20


async def fill_stream(client: Client) -> tuple[Damage, ...]:
    """Create the stream, store the sample, and return the damage in it. Raises AuditorError."""
    settings = {"name": STREAM, "subjects": list(StreamLayout(STREAM).subjects), "storage": "file"}
    chance = random.Random(20260101)  # noqa: S311 - the same sample in every run
    damage = all_damage(STREAM)
    first = interleave([*healthy_actors(chance), *(each.actor for each in damage if not each.deletes)], chance)
    # A deleted sequence explains every version gap around it, so no other gap may be near.
    last = [message for each in damage if each.deletes for message in each.actor.messages]
    stored = [*first, *last]
    deleted = [seq for seq, message in enumerate(stored, 1) if message.deleted]
    await create_and_fill(client, settings, [message.raw for message in stored], deleted)
    return damage


async def write_forever(client: Client) -> None:
    """Store `EVENTS_A_SECOND`, every `EVENTS_BETWEEN_DAMAGES`th of them malformed, until cancelled."""
    actors = [ActorMessages(STREAM, f"order-{number}") for number in range(5000, 5000 + LIVE_ACTORS)]
    written = 0
    while True:
        actor = actors[written % LIVE_ACTORS]
        message = actor.event(written // LIVE_ACTORS + 1)
        written += 1
        if written % EVENTS_BETWEEN_DAMAGES == 0:
            message.data = message.data[: len(message.data) // 2]
        await publish_raw(client, [message.raw])
        await asyncio.sleep(1 / EVENTS_A_SECOND)
