"""What Go's json.Unmarshal makes of a stored body: the verdict and the values of Go 1.27, default build.

Nothing here raises, hangs or recurses on any bytes. An ordinary body takes the fast path; the exact decoder has the
last word on everything else.
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
    "has_version",
    "judge_event",
    "judge_snapshot",
]

FastEvent = Event | fast.FastEvent
FastSnapshot = ActorSnapshot | fast.FastSnapshot
JudgedBody = FastEvent | FastSnapshot
"""What an audit needs of a body that Go accepts: `actor_id` and `version`, both exactly Go's."""


fast_event = fast.fast_event
"""`judge_event` for most bodies, and None for the others: for those who look at millions."""


def judge_event(body: bytes) -> FastEvent | Malformed:
    """Whether Go accepts `body` as an event: the verdict of `decode_event`, without the cost of all its values."""
    return fast.fast_event(body) or exact.decode_event(body)


def judge_snapshot(body: bytes) -> FastSnapshot | Malformed:
    """Whether Go accepts `body` as a snapshot: the verdict of `decode_snapshot`, without the cost of all its values."""
    return fast.fast_snapshot(body) or exact.decode_snapshot(body)


def decode_event(body: bytes) -> Event | Malformed:
    """What Go decodes `body` into, or why it refuses."""
    facts = judge_event(body)
    if not isinstance(facts, fast.FastEvent):
        return facts
    if not fast.has_exact_values(body, b'"data"', b'"metadata"'):
        return exact.decode_event(body)
    return Event(
        facts.id,
        facts.event_type,
        facts.actor_id,
        facts.command_id,
        facts.version,
        fast.to_float64(facts.data),
        facts.metadata,
        timestamps.from_match(facts.timestamp),
    )


def decode_snapshot(body: bytes) -> ActorSnapshot | Malformed:
    """What Go decodes `body` into, or why it refuses."""
    facts = judge_snapshot(body)
    if not isinstance(facts, fast.FastSnapshot):
        return facts
    if not fast.has_exact_values(body, b'"state"'):
        return exact.decode_snapshot(body)
    return ActorSnapshot(
        facts.actor_id,
        facts.version,
        fast.to_float64(facts.state),
        timestamps.from_match(facts.timestamp),
    )
