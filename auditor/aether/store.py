"""Defines the event store of Aether's Go code: its protocols, results and errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from auditor.aether.subjects import unreadable_id_reason, unstorable_id_reason

if TYPE_CHECKING:
    from auditor.aether.event import ActorSnapshot, Event, Malformed


_MAX_SHOWN = 80
"""The largest number of characters of an id that an error shows."""


@dataclass(frozen=True, slots=True)
class ReplayError:
    """One stored message of the actor that does not decode."""

    sequence_number: int
    """Its sequence in the stream."""
    raw_data: bytes
    """Its payload, byte for byte."""
    error: Malformed


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a replay: the events that Aether applies and the messages that it skips, in stream order."""

    events: list[Event] = field(default_factory=list)
    errors: list[ReplayError] = field(default_factory=list)


class VersionConflictError(Exception):
    """An event's version is not greater than the actor's latest."""

    def __init__(self, actor_id: str, attempted_version: int, current_version: int) -> None:
        self.actor_id = actor_id
        self.attempted_version = attempted_version
        self.current_version = current_version
        super().__init__(f"actor {actor_id!r}: version {attempted_version} is not above the current {current_version}")


class DuplicateEventError(Exception):
    """The stream already has an event with this id, so the server did not store this one."""

    def __init__(self, event_id: str, sequence_number: int) -> None:
        self.event_id = event_id
        self.sequence_number = sequence_number
        """The sequence of the message that the server has stored with this id."""
        super().__init__(f"event {event_id!r}: not stored, the message with this id is at sequence {sequence_number}")


class UnstorableActorError(Exception):
    """No server can store a message of this actor, or a server cannot find it again."""

    def __init__(self, actor_id: str, reason: str) -> None:
        self.actor_id = actor_id
        self.reason = reason
        super().__init__(f"actor {actor_id[:_MAX_SHOWN]!r} cannot have messages in a stream: {reason}")


class NotStoredError(Exception):
    """An event or snapshot was certainly not stored."""

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"{what}: not stored: {reason}")


class UnknownOutcomeError(Exception):
    """It is not known in time whether an event or snapshot was stored. It was stored at most once.

    To find out, save the same event again: VersionConflictError means that it was stored.
    """

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"{what}: it is not known whether it was stored: {reason}")


class SnapshotNotFoundError(Exception):
    """No snapshot is stored for the actor."""

    def __init__(self, actor_id: str) -> None:
        self.actor_id = actor_id
        super().__init__(f"actor {actor_id!r}: no snapshot is stored")


class MalformedSnapshotError(Exception):
    """The actor's last snapshot does not decode, and Aether reads no other."""

    def __init__(self, actor_id: str, replay_error: ReplayError) -> None:
        self.actor_id = actor_id
        self.replay_error = replay_error
        super().__init__(
            f"actor {actor_id!r}: the last snapshot, at sequence {replay_error.sequence_number}, does not decode"
            f" ({replay_error.error.reason}): {replay_error.error.detail}"
        )


class EventStore(Protocol):
    """Aether's EventStore. Every method raises UnstorableActorError for an actor that no server can store."""

    async def save_event(self, event: Event) -> None:
        """Store `event`, whose version is above the actor's latest.

        Raises VersionConflictError, DuplicateEventError, EncodeError, NotStoredError, UnknownOutcomeError.
        """

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """Return the actor's events with a version above `from_version`, in stream order.

        Messages that do not decode are omitted.
        """

    async def get_latest_version(self, actor_id: str) -> int:
        """Return the highest version of a full replay; 0 if there are no events."""

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """Store `snapshot`, which becomes the actor's last. Raises EncodeError, NotStoredError, UnknownOutcomeError."""

    async def get_latest_snapshot(self, actor_id: str, *, strict: bool = True) -> ActorSnapshot:
        """Return the actor's last snapshot; if not `strict`, the last one that decodes.

        Raises SnapshotNotFoundError, or MalformedSnapshotError with the last snapshot.
        """


class EventStoreWithErrors(EventStore, Protocol):
    """An event store that also returns the messages that replay skips."""

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """Return the events of `get_events`, and every message that does not decode."""


def check_readable_id(actor_id: str) -> str:
    """Return `actor_id` if messages of it can be read. Raises UnstorableActorError."""
    if reason := unreadable_id_reason(actor_id):
        raise UnstorableActorError(actor_id, reason)
    return actor_id


def check_storable_id(actor_id: str) -> str:
    """Return `actor_id` if messages of it can be stored. Raises UnstorableActorError."""
    if reason := unstorable_id_reason(actor_id):
        raise UnstorableActorError(actor_id, reason)
    return actor_id
