"""The sample stream: a few thousand events of some 200 actors of three types, most of them as they should be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.aether import ActorSnapshot, Event, encode_event
from auditor.aether.event import Timestamp
from auditor.aether.gojson import encode_snapshot
from auditor.aether.subjects import event_subject, snapshot_subject

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

STREAM = "ORDERS"
NANOSECONDS = 1_000_000_000
BEGIN_NS = 1_767_225_600 * NANOSECONDS
"""2026-01-01T00:00:00Z: the sample's bytes are the same in every run."""

EVENT_TYPES = {
    "order": ("OrderPlaced", "OrderPaid", "OrderPacked", "OrderShipped", "OrderDelivered"),
    "cart": ("ItemAdded", "ItemRemoved", "CouponApplied", "CartViewed"),
    "user": ("UserRegistered", "EmailConfirmed", "AddressChanged", "LoggedIn"),
}


@dataclass(slots=True)
class Outgoing:
    """One message to be stored, byte for byte."""

    subject: bytes
    data: bytes
    headers: bytes | None = None
    deleted: bool = False
    """Whether it is deleted again once everything is stored."""


@dataclass(slots=True)
class Story:
    """What is stored for one actor, in order."""

    actor_id: str
    messages: list[Outgoing] = field(default_factory=list)

    def event(self, version: int, *, note: str = "") -> Outgoing:
        """A good event of this actor."""
        actor_type = self.actor_id.partition("-")[0]
        names = EVENT_TYPES.get(actor_type, ("Changed",))
        event = Event(
            id=f"{self.actor_id}/{version}{note}",
            event_type=names[min(version, len(names)) - 1],
            actor_id=self.actor_id,
            command_id=f"command-{version}{note}",
            version=version,
            data={
                "amount": 12.5 * version,
                "currency": "EUR",
                "items": [{"sku": f"A-{version}", "quantity": version % 4}],
            },
            metadata={"source": "demo", "trace": f"{version:016x}"},
            timestamp=Timestamp.from_unix_ns(BEGIN_NS + version * 61 * NANOSECONDS + version),
        )
        return Outgoing(event_subject(STREAM, self.actor_id).encode(), encode_event(event))

    def snapshot(self, version: int) -> Outgoing:
        """A good snapshot of this actor."""
        timestamp = Timestamp.from_unix_ns(BEGIN_NS + version * 61 * NANOSECONDS)
        snapshot = ActorSnapshot(self.actor_id, version, {"total": 12.5 * version, "open": True}, timestamp)
        return Outgoing(snapshot_subject(STREAM, self.actor_id).encode(), encode_snapshot(snapshot))

    def events(self, *versions: int) -> None:
        """Store good events of these versions, in this order."""
        self.messages += [self.event(version) for version in versions]


def ordinary_stories(chance: random.Random, actors: int = 180) -> list[Story]:
    """Actors with nothing wrong, every fifth with a snapshot half-way."""
    stories = []
    for number in range(actors):
        story = Story(f"{list(EVENT_TYPES)[number % 3]}-{number + 1000}")
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
