"""What Aether writes and what its Go code accepts: decoding, encoding, naming. Pure: bytes in, values out.

No I/O, clock or logging belongs here, and nothing that knows of audits, findings or NATS connections.
"""

from auditor.aether.event import ActorSnapshot, EncodeError, Event, Malformed, Reason, Timestamp
from auditor.aether.gojson import (
    Facts,
    decode_event,
    decode_snapshot,
    encode_event,
    encode_snapshot,
    judge_event,
    judge_snapshot,
    version_given,
)
from auditor.aether.store import (
    DuplicateEventError,
    EventStore,
    EventStoreWithErrors,
    MalformedSnapshotError,
    ReplayError,
    ReplayResult,
    SnapshotNotFoundError,
    VersionConflictError,
)
from auditor.aether.subjects import (
    event_subject,
    extract_actor_type,
    sanitize_subject,
    snapshot_subject,
    subject_tail,
    unaskable_reason,
    unreachable_reason,
)

__all__ = [
    "ActorSnapshot",
    "DuplicateEventError",
    "EncodeError",
    "Event",
    "EventStore",
    "EventStoreWithErrors",
    "Facts",
    "Malformed",
    "MalformedSnapshotError",
    "Reason",
    "ReplayError",
    "ReplayResult",
    "SnapshotNotFoundError",
    "Timestamp",
    "VersionConflictError",
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
    "subject_tail",
    "unaskable_reason",
    "unreachable_reason",
    "version_given",
]
