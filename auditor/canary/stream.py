"""The canary stream: what it holds, message by message, and how it is recognised."""

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
"""Its name. It is no other's to have: whatever is wrong in it was planted."""
MOST_BYTES = 1 << 20
HEALTHY_ACTORS = 5
CANARY_FORMAT = 1
"""Format of the fingerprint: it changes with what the fingerprint is computed from."""
EARLIER_FINGERPRINTS = {"6ad069a6f111": "77954c95ee3b"}
"""By fingerprint: the one that the same contents had before fingerprints had a format."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything in it; the message at sequence n is number n - 1."""

    planted: tuple[Damage, ...]
    messages: tuple[SeedMessage, ...]

    @property
    def deleted(self) -> tuple[int, ...]:
        """Sequences that are deleted again once everything is stored."""
        return tuple(seq for seq, message in enumerate(self.messages, 1) if message.deleted)

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits that tell these contents from those of another version."""
        digest = hashlib.sha256(b"%d" % CANARY_FORMAT)
        for message in self.messages:
            for value in (message.subject, message.headers or b"", message.data, b"%d" % message.deleted):
                digest.update(b" %d " % len(value) + value)
        return digest.hexdigest()[:12]

    @property
    def description(self) -> str:
        """Of the stream that holds them."""
        return _description(self.fingerprint)

    def is_described_by(self, description: str) -> bool:
        """Whether a canary stream with this description holds these contents."""
        earlier = EARLIER_FINGERPRINTS.get(self.fingerprint)
        return description in {self.description, earlier and _description(earlier)}


def _description(fingerprint: str) -> str:
    return f"Planted by aether-auditor to prove that it still sees, contents {fingerprint}"


@cache
def contents() -> Contents:
    """Of the canary as this version of the auditor plants it."""
    healthy = [ActorMessages(CANARY, f"order-{number}") for number in range(100, 100 + HEALTHY_ACTORS)]
    for story in healthy:
        story.events(*range(1, 6))
        story.messages.append(story.snapshot(5))
    planted = all_damage(CANARY)
    return Contents(planted, tuple(in_order(healthy, planted)))


def in_order(healthy: Iterable[ActorMessages], planted: Iterable[Damage]) -> Iterable[SeedMessage]:
    """All messages, one actor after the other."""
    for story in healthy:
        yield from story.messages
    # A deleted sequence explains every gap around it, so these come last.
    for damage in sorted(planted, key=lambda damage: damage.deletes):
        yield from damage.story.messages


def settings(replicas: int) -> dict[str, Any]:
    """The stream as it is created."""
    return {
        "name": CANARY,
        "subjects": list(StreamLayout(CANARY).subjects),
        "description": contents().description,
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_bytes": MOST_BYTES,
        "num_replicas": replicas,
    }
