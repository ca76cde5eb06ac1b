"""Fills the demo's stream: ordinary actors, every damage once, and then a few events a second for ever."""

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


async def fill(client: Client) -> tuple[Damage, ...]:
    """Create the stream and store the sample; what was damaged. Raises AuditorError."""
    settings = {"name": STREAM, "subjects": list(StreamLayout(STREAM).subjects), "storage": "file"}
    chance = random.Random(20260101)  # noqa: S311 - the same sample in every run
    planted = all_damage(STREAM)
    first = interleave([*healthy_actors(chance), *(damage.story for damage in planted if not damage.deletes)], chance)
    # A deleted sequence explains every gap around it, so these come after everything else.
    last = [message for damage in planted if damage.deletes for message in damage.story.messages]
    stored = [*first, *last]
    deleted = [seq for seq, message in enumerate(stored, 1) if message.deleted]
    await create_and_fill(client, settings, [message.raw for message in stored], deleted)
    return planted


async def write_forever(client: Client) -> None:
    """A few events a second, and a corrupt one now and then. Ends by being cancelled."""
    stories = [ActorMessages(STREAM, f"order-{number}") for number in range(5000, 5000 + LIVE_ACTORS)]
    written = 0
    while True:
        story = stories[written % LIVE_ACTORS]
        message = story.event(written // LIVE_ACTORS + 1)
        written += 1
        if written % EVENTS_BETWEEN_DAMAGES == 0:
            message.data = message.data[: len(message.data) // 2]
        await publish_raw(client, [message.raw])
        await asyncio.sleep(1 / EVENTS_A_SECOND)
