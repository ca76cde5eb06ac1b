"""The event store as Aether's Go code defines it: its protocols, its results and its errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from auditor.aether.subjects import unreadable_id_reason, unstorable_id_reason

if TYPE_CHECKING:
    from auditor.aether.event import ActorSnapshot, Event, Malformed


_SHOWN = 80
"""Characters of an id that an error shows at most."""


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
    """What replay of one actor gives: the events that Aether would apply, and the messages it would skip, in stream order."""

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
    """The stream already holds an event with this id, and has therefore not stored this one."""

    def __init__(self, event_id: str, sequence_number: int) -> None:
        self.event_id = event_id
        self.sequence_number = sequence_number
        """Of the message that the server says is stored under the id."""
        super().__init__(
            f"event {event_id!r}: not stored, its id is taken by the message at sequence {sequence_number}"
        )


class UnstorableActorError(Exception):
    """No server could hold a message of this actor, or find it again."""

    def __init__(self, actor_id: str, reason: str) -> None:
        self.actor_id = actor_id
        self.reason = reason
        super().__init__(f"actor {actor_id[:_SHOWN]!r} cannot have messages in a stream: {reason}")


class NotStoredError(Exception):
    """An event or snapshot was not stored, for certain."""

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"{what}: not stored: {reason}")


class UnknownOutcomeError(Exception):
    """Whether an event or snapshot was stored could not be found out in time: it was once at most.

    Saving the same event again finds out: VersionConflictError if it was stored.
    """

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(f"{what}: stored or not, nobody can say: {reason}")


class SnapshotNotFoundError(Exception):
    """No snapshot is stored for the actor."""

    def __init__(self, actor_id: str) -> None:
        self.actor_id = actor_id
        super().__init__(f"actor {actor_id!r}: no snapshot is stored")


class MalformedSnapshotError(Exception):
    """The actor's last snapshot does not decode, and Aether asks for no other."""

    def __init__(self, actor_id: str, replay_error: ReplayError) -> None:
        self.actor_id = actor_id
        self.replay_error = replay_error
        super().__init__(
            f"actor {actor_id!r}: the last snapshot, at sequence {replay_error.sequence_number}, does not decode"
            f" ({replay_error.error.reason}): {replay_error.error.detail}"
        )


class EventStore(Protocol):
    """Aether's EventStore. Every method raises UnstorableActorError for an actor that no server could hold."""

    async def save_event(self, event: Event) -> None:
        """Store `event`, whose version is above the actor's latest.

        Raises VersionConflictError, DuplicateEventError, EncodeError, NotStoredError, UnknownOutcomeError.
        """

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """The actor's events with a version above `from_version`, in stream order; what does not decode is left out."""

    async def get_latest_version(self, actor_id: str) -> int:
        """The highest version over a full replay, 0 if there is none."""

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """Store `snapshot`, which becomes the actor's last. Raises EncodeError, NotStoredError, UnknownOutcomeError."""

    async def get_latest_snapshot(self, actor_id: str, *, strict: bool = True) -> ActorSnapshot:
        """The last snapshot stored for the actor; if not `strict`, the last one that decodes.

        Raises SnapshotNotFoundError, MalformedSnapshotError (of the last one, where none will do).
        """


class EventStoreWithErrors(EventStore, Protocol):
    """An event store that also says what replay leaves out."""

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """As `get_events`, together with every message that does not decode."""


def check_readable_id(actor_id: str) -> str:
    """`actor_id` itself. Raises UnstorableActorError."""
    if reason := unreadable_id_reason(actor_id):
        raise UnstorableActorError(actor_id, reason)
    return actor_id


def check_storable_id(actor_id: str) -> str:
    """`actor_id` itself. Raises UnstorableActorError."""
    if reason := unstorable_id_reason(actor_id):
        raise UnstorableActorError(actor_id, reason)
    return actor_id
