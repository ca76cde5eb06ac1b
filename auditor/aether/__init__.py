"""Decodes and encodes events and snapshots as Aether's Go code does, and names their subjects.

No I/O, clock or logging. Nothing here knows of audits, findings or NATS connections.
"""

from auditor.aether.event import ActorSnapshot, EncodeError, Event, Malformed, Reason, Timestamp
from auditor.aether.gojson.decode import (
    Facts,
    decode_event,
    decode_snapshot,
    encode_event,
    encode_snapshot,
    judge_event,
    judge_snapshot,
    version_given,
)
from auditor.aether.in_memory import InMemoryEventStore
from auditor.aether.store import (
    DuplicateEventError,
    EventStore,
    EventStoreWithErrors,
    MalformedSnapshotError,
    NotStoredError,
    ReplayError,
    ReplayResult,
    SnapshotNotFoundError,
    UnknownOutcomeError,
    UnstorableActorError,
    VersionConflictError,
    askable,
    storable,
)
from auditor.aether.stream_layout import event_subject, snapshot_subject
from auditor.aether.subjects import (
    extract_actor_type,
    sanitize_subject,
    subject_tail,
    unaskable_reason,
    unreachable_reason,
    unstorable_reason,
)

__all__ = [
    "ActorSnapshot",
    "DuplicateEventError",
    "EncodeError",
    "Event",
    "EventStore",
    "EventStoreWithErrors",
    "Facts",
    "InMemoryEventStore",
    "Malformed",
    "MalformedSnapshotError",
    "NotStoredError",
    "Reason",
    "ReplayError",
    "ReplayResult",
    "SnapshotNotFoundError",
    "Timestamp",
    "UnknownOutcomeError",
    "UnstorableActorError",
    "VersionConflictError",
    "askable",
    "decode_event",
    "decode_snapshot",
    "encode_event",
    "encode_snapshot",
    "event_subject",
    "extract_actor_type",
    "judge_event",
    "judge_snapshot",
    "sanitize_subject",
    "snapshot_subject",
    "storable",
    "subject_tail",
    "unaskable_reason",
    "unreachable_reason",
    "unstorable_reason",
    "version_given",
]
