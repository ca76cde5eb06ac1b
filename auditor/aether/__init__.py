"""Decodes and encodes events and snapshots as Aether's Go code does, and names their subjects.

No I/O, clock or logging. Audits, findings and NATS connections do not belong here.
"""

from auditor.aether.event import ActorSnapshot, EncodeError, Event, Malformed, Reason, Timestamp
from auditor.aether.gojson.decode import (
    JudgedBody,
    decode_event,
    decode_snapshot,
    encode_event,
    encode_snapshot,
    has_version,
    judge_event,
    judge_snapshot,
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
    check_readable_id,
    check_storable_id,
)
from auditor.aether.stream_layout import event_subject, snapshot_subject
from auditor.aether.subjects import (
    actor_key,
    extract_actor_type,
    sanitize_subject,
    unreachable_reason,
    unreadable_id_reason,
    unstorable_id_reason,
)

__all__ = [
    "ActorSnapshot",
    "DuplicateEventError",
    "EncodeError",
    "Event",
    "EventStore",
    "EventStoreWithErrors",
    "InMemoryEventStore",
    "JudgedBody",
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
    "actor_key",
    "check_readable_id",
    "check_storable_id",
    "decode_event",
    "decode_snapshot",
    "encode_event",
    "encode_snapshot",
    "event_subject",
    "extract_actor_type",
    "has_version",
    "judge_event",
    "judge_snapshot",
    "sanitize_subject",
    "snapshot_subject",
    "unreachable_reason",
    "unreadable_id_reason",
    "unstorable_id_reason",
]
