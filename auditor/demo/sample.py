"""The sample stream: a few thousand events of some 200 actors of three types, most of them as they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.canary.actor_messages import EVENT_TYPES, Story

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from auditor.canary.actor_messages import Outgoing

STREAM = "ORDERS"


def ordinary_stories(chance: random.Random, actors: int = 180) -> list[Story]:
    """Actors with nothing wrong, every fifth with a snapshot half-way."""
    stories = []
    for number in range(actors):
        story = Story(STREAM, f"{list(EVENT_TYPES)[number % 3]}-{number + 1000}")
        last = chance.randint(5, 30)
        story.events(*range(1, last + 1))
        if number % 5 == 0:
            middle = last // 2
            story.messages.insert(middle, story.snapshot(middle))
        stories.append(story)
    return stories


def weave(stories: Iterable[Story], chance: random.Random) -> list[Outgoing]:
    """All messages as concurrent actors would store them: mixed, but each actor's own order kept."""
    left = [list(reversed(story.messages)) for story in stories]
    woven: list[Outgoing] = []
    while left := [messages for messages in left if messages]:
        woven.append(chance.choice(left).pop())
    return woven
