"""Decodes a stored body as json.Unmarshal of Go 1.27 (default build) does, or says why Go rejects it.

No function here raises or recurses, whatever the bytes. The fast decoder reads most bodies; the exact decoder decides
all bodies that the fast one rejects.
"""

from __future__ import annotations

from auditor.aether.event import ActorSnapshot, Event, Malformed
from auditor.aether.gojson import exact, fast, timestamps
from auditor.aether.gojson.encode import encode_event, encode_snapshot
from auditor.aether.gojson.exact import has_version

__all__ = [
    "JudgedBody",
    "decode_event",
    "decode_snapshot",
    "encode_event",
    "encode_snapshot",
    "fast_event",
    "fast_snapshot",
    "has_version",
    "judge_event",
    "judge_snapshot",
]

FastEvent = Event | fast.FastEvent
FastSnapshot = ActorSnapshot | fast.FastSnapshot
JudgedBody = FastEvent | FastSnapshot
"""A body that Go accepts. `actor_id` and `version` are exactly those of Go."""

fast_event = fast.fast_event
"""`judge_event` for most bodies, None for the others. It saves a function call for each of millions of messages."""


fast_snapshot = fast.fast_snapshot
"""As `fast_event`, for `judge_snapshot`."""


def judge_event(body: bytes) -> FastEvent | Malformed:
    """Return whether Go accepts `body` as an event. Faster than `decode_event`, as it does not convert all values."""
    return fast.fast_event(body) or exact.decode_event(body)


def judge_snapshot(body: bytes) -> FastSnapshot | Malformed:
    """Return whether Go accepts `body` as a snapshot. Faster than `decode_snapshot`, as it does not convert all values."""
    return fast.fast_snapshot(body) or exact.decode_snapshot(body)


def decode_event(body: bytes) -> Event | Malformed:
    """Decode `body` as Go does, or return why Go rejects it."""
    judged = judge_event(body)
    if not isinstance(judged, fast.FastEvent):
        return judged
    if not fast.has_exact_values(body, b'"data"', b'"metadata"'):
        return exact.decode_event(body)
    return Event(
        judged.id,
        judged.event_type,
        judged.actor_id,
        judged.command_id,
        judged.version,
        fast.to_float64(judged.data),
        judged.metadata,
        timestamps.from_match(judged.timestamp),
    )


def decode_snapshot(body: bytes) -> ActorSnapshot | Malformed:
    """Decode `body` as Go does, or return why Go rejects it."""
    judged = judge_snapshot(body)
    if not isinstance(judged, fast.FastSnapshot):
        return judged
    if not fast.has_exact_values(body, b'"state"'):
        return exact.decode_snapshot(body)
    return ActorSnapshot(
        judged.actor_id,
        judged.version,
        fast.to_float64(judged.state),
        timestamps.from_match(judged.timestamp),
    )
