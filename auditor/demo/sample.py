"""Builds the healthy part of the sample stream: some 3,000 events of 180 actors of three types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.canary.actor_messages import EVENT_TYPES, ActorMessages

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from auditor.canary.actor_messages import SeedMessage

STREAM = "ORDERS"


def healthy_actors(chance: random.Random, count: int = 180) -> list[ActorMessages]:
    """Build actors without damage. Every fifth has a snapshot after half of its events."""
    actors = []
    for number in range(count):
        actor = ActorMessages(STREAM, f"{list(EVENT_TYPES)[number % 3]}-{number + 1000}")
        last = chance.randint(5, 30)
        actor.events(*range(1, last + 1))
        if number % 5 == 0:
            middle = last // 2
            actor.messages.insert(middle, actor.snapshot(middle))
        actors.append(actor)
    return actors


def interleave(actors: Iterable[ActorMessages], chance: random.Random) -> list[SeedMessage]:
    """Mix the messages of all actors at random, and keep the order of each actor."""
    remaining = [list(reversed(actor.messages)) for actor in actors]
    interleaved: list[SeedMessage] = []
    while remaining := [messages for messages in remaining if messages]:
        interleaved.append(chance.choice(remaining).pop())
    return interleaved
