"""The sample stream: a few thousand events of some 200 actors of three types, most of them as they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.canary.actor_messages import EVENT_TYPES, ActorMessages

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from auditor.canary.actor_messages import SeedMessage

STREAM = "ORDERS"


def healthy_actors(chance: random.Random, actors: int = 180) -> list[ActorMessages]:
    """Actors with nothing wrong, every fifth with a snapshot half-way."""
    stories = []
    for number in range(actors):
        story = ActorMessages(STREAM, f"{list(EVENT_TYPES)[number % 3]}-{number + 1000}")
        last = chance.randint(5, 30)
        story.events(*range(1, last + 1))
        if number % 5 == 0:
            middle = last // 2
            story.messages.insert(middle, story.snapshot(middle))
        stories.append(story)
    return stories


def interleave(stories: Iterable[ActorMessages], chance: random.Random) -> list[SeedMessage]:
    """All messages as concurrent actors would store them: mixed, but each actor's own order kept."""
    left = [list(reversed(story.messages)) for story in stories]
    woven: list[SeedMessage] = []
    while left := [messages for messages in left if messages]:
        woven.append(chance.choice(left).pop())
    return woven
