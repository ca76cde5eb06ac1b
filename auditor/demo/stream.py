"""Fills the demo's stream: ordinary actors, every damage once, and then a few events a second for ever."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

from auditor.demo.damage import every_damage
from auditor.demo.sample import STREAM, Story, ordinary_stories, weave
from auditor.errors import ConnectionFailedError

if TYPE_CHECKING:
    from auditor.demo.damage import Planted
    from auditor.demo.publish import RawPublisher
    from auditor.jetstream.client import Client

PATIENCE = 30.0
EVENTS_A_SECOND = 5
EVENTS_BETWEEN_DAMAGES = 100
LIVE_ACTORS = 20


async def plant(client: Client, publisher: RawPublisher) -> tuple[Planted, ...]:
    """Create the stream and store the sample; what was damaged."""
    settings = {"name": STREAM, "subjects": [f"{STREAM}.events.>", f"{STREAM}.snapshots.>"], "storage": "file"}
    await _ask(client, f"STREAM.CREATE.{STREAM}", settings)
    chance = random.Random(20260101)  # noqa: S311 - the same sample in every run
    planted = every_damage()
    first = weave([*ordinary_stories(chance), *(damage.story for damage in planted if not _deletes(damage))], chance)
    # A deleted sequence explains every gap around it, so these come after everything else.
    last = [message for damage in planted if _deletes(damage) for message in damage.story.messages]
    stored = [*first, *last]
    await publisher.publish(stored)
    for seq in (seq for seq, message in enumerate(stored, 1) if message.deleted):
        await _ask(client, f"STREAM.MSG.DELETE.{STREAM}", {"seq": seq})
    return planted


async def keep_writing(publisher: RawPublisher) -> None:
    """A few events a second, and a corrupt one now and then. Ends by being cancelled."""
    stories = [Story(f"order-{number}") for number in range(5000, 5000 + LIVE_ACTORS)]
    written = 0
    while True:
        story = stories[written % LIVE_ACTORS]
        message = story.event(written // LIVE_ACTORS + 1)
        written += 1
        if written % EVENTS_BETWEEN_DAMAGES == 0:
            message.data = message.data[: len(message.data) // 2]
        await publisher.publish([message])
        await asyncio.sleep(1 / EVENTS_A_SECOND)


def _deletes(damage: Planted) -> bool:
    return any(message.deleted for message in damage.story.messages)


async def _ask(client: Client, request: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await client.request(f"$JS.API.{request}", json.dumps(body).encode(), timeout=PATIENCE)
    answer: dict[str, Any] = json.loads(reply.data)
    if "error" in answer:
        raise ConnectionFailedError(f"the embedded server refused {request}: {answer['error']['description']}")
    return answer
