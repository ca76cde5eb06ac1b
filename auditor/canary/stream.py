"""Defines the messages of the canary stream, and recognises a canary by its description."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from auditor.aether.stream_layout import StreamLayout
from auditor.canary.actor_messages import ActorMessages
from auditor.canary.damage import all_damage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.canary.actor_messages import SeedMessage
    from auditor.canary.damage import Damage

CANARY = "AETHER_CANARY"
"""The name of the stream, which is reserved: the self-test expects only the seeded damage in it."""
MAX_BYTES = 1 << 20
HEALTHY_ACTORS = 5
CANARY_FORMAT = 1
"""Format of the fingerprint. It must change when the fingerprint is computed from other values."""
EARLIER_FINGERPRINTS = {"6ad069a6f111": "77954c95ee3b"}
"""For a fingerprint, the one that the same contents had before fingerprints had a format."""


@dataclass(frozen=True, slots=True)
class Contents:
    """All messages of the canary. The message at index n has sequence n + 1."""

    damage: tuple[Damage, ...]
    messages: tuple[SeedMessage, ...]

    @property
    def deleted(self) -> tuple[int, ...]:
        """Sequences that are deleted after all messages are stored."""
        return tuple(seq for seq, message in enumerate(self.messages, 1) if message.deleted)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that identify these contents."""
        digest = hashlib.sha256(b"%d" % CANARY_FORMAT)
        for message in self.messages:
            for value in (message.subject, message.headers or b"", message.data, b"%d" % message.deleted):
                digest.update(b" %d " % len(value) + value)
        return digest.hexdigest()[:12]

    @property
    def description(self) -> str:
        """The description that the stream has in its settings."""
        return _description(self.fingerprint)

    def is_described_by(self, description: str) -> bool:
        """Return whether a canary stream with `description` holds these contents."""
        earlier = EARLIER_FINGERPRINTS.get(self.fingerprint)
        return description in {self.description, earlier and _description(earlier)}


def _description(fingerprint: str) -> str:
    return f"Planted by aether-auditor to prove that it still sees, contents {fingerprint}"


@cache
def contents() -> Contents:
    """The contents of the canary that this version of the auditor creates."""
    healthy = [ActorMessages(CANARY, f"order-{number}") for number in range(100, 100 + HEALTHY_ACTORS)]
    for actor in healthy:
        actor.events(*range(1, 6))
        actor.messages.append(actor.snapshot(5))
    damage = all_damage(CANARY)
    return Contents(damage, tuple(in_order(healthy, damage)))


def in_order(healthy: Iterable[ActorMessages], damage: Iterable[Damage]) -> Iterable[SeedMessage]:
    """Yield all messages, one actor after the other. Actors with deleted messages come last."""
    for actor in healthy:
        yield from actor.messages
    # A deleted sequence explains every version gap around it, so no other gap may be near.
    for damaged in sorted(damage, key=lambda each: each.deletes):
        yield from damaged.actor.messages


def settings(replicas: int) -> dict[str, Any]:
    """The settings with which the stream is created."""
    return {
        "name": CANARY,
        "subjects": list(StreamLayout(CANARY).subjects),
        "description": contents().description,
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_bytes": MAX_BYTES,
        "num_replicas": replicas,
    }
