"""Builds the messages of one actor, in the order in which they are stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from auditor.aether import ActorSnapshot, Event, encode_event
from auditor.aether.event import Timestamp
from auditor.aether.gojson.decode import encode_snapshot
from auditor.aether.stream_layout import event_subject, snapshot_subject
from auditor.units import NANOSECONDS

BEGIN_NS = 1_767_225_600 * NANOSECONDS
"""2026-01-01T00:00:00Z, as nanoseconds since 1970. A fixed time makes the bytes the same in every run."""

EVENT_TYPES = {
    "order": ("OrderPlaced", "OrderPaid", "OrderPacked", "OrderShipped", "OrderDelivered"),
    "cart": ("ItemAdded", "ItemRemoved", "CouponApplied", "CartViewed"),
    "user": ("UserRegistered", "EmailConfirmed", "AddressChanged", "LoggedIn"),
}


@dataclass(slots=True)
class SeedMessage:
    """One message to store, byte for byte."""

    subject: bytes
    data: bytes
    headers: bytes | None = None
    deleted: bool = False
    """Whether it is deleted after all messages are stored."""

    @property
    def raw(self) -> tuple[bytes, bytes | None, bytes]:
        """Subject, header block and body."""
        return self.subject, self.headers, self.data


@dataclass(slots=True)
class ActorMessages:
    """The messages of one actor in one stream."""

    stream: str
    actor_id: str
    messages: list[SeedMessage] = field(default_factory=list)

    def event(self, version: int, *, note: str = "") -> SeedMessage:
        """Build a well-formed event of this actor. `note` is appended to its id and command id."""
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
            metadata={"source": "canary", "trace": f"{version:016x}"},
            timestamp=Timestamp.from_unix_ns(BEGIN_NS + version * 61 * NANOSECONDS + version),
        )
        return SeedMessage(event_subject(self.stream, self.actor_id).encode(), encode_event(event))

    def snapshot(self, version: int) -> SeedMessage:
        """Build a well-formed snapshot of this actor."""
        timestamp = Timestamp.from_unix_ns(BEGIN_NS + version * 61 * NANOSECONDS)
        snapshot = ActorSnapshot(self.actor_id, version, {"total": 12.5 * version, "open": True}, timestamp)
        return SeedMessage(snapshot_subject(self.stream, self.actor_id).encode(), encode_snapshot(snapshot))

    def events(self, *versions: int) -> None:
        """Add well-formed events of these versions, in this order."""
        self.messages += [self.event(version) for version in versions]
