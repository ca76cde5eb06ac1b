"""Removes expired messages from the state of an audit, so that an incremental pass reports what a full pass would.

Of an actor without anomalies only the new first event is looked up. An actor with an anomaly is read again, and so is the
segment that expired in part.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import judge_event
from auditor.core.state.ledger import Ledger
from auditor.core.state.segments import Segment

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from auditor.core.model.message import StoredMessage
    from auditor.core.state.examiner import AuditState, Examiner
    from auditor.core.state.ledger import Ledger

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The actors and the segment that the caller has to read again after `trim`."""

    first_event_expired: list[bytes] = field(default_factory=list)
    """Keys of actors without anomalies whose first event expired. The caller reads their first stored event."""
    to_reread: list[bytes] = field(default_factory=list)
    """Keys of actors to read again."""
    partial_segment: int | None = None
    """Number of the segment that expired in part; None if there is none."""


def trim(state: AuditState, first_seq: int) -> Trimmed:
    """Remove from the state all that can be removed without reading a message, if the stream now begins at `first_seq`."""
    ledger = state.ledger
    ledger.drop_snapshots_before(first_seq)
    affected = ledger.table.between(first_seq, 0)
    without_anomaly = [key for key in affected if key not in ledger.anomalies and key not in ledger.unjudged]
    first_event_expired = []
    for key in without_anomaly:
        if ledger.actors[key].last_seq < first_seq:
            del ledger.actors[key]
        else:
            first_event_expired.append(key)
    to_reread = {key for key in affected if key in ledger.anomalies}
    to_reread |= {key for key, anomalies in ledger.anomalies.items() if 0 < anomalies.first_bad_seq < first_seq}
    return Trimmed(first_event_expired, sorted(to_reread | ledger.unjudged), state.segments.trim_before(first_seq))


def set_first_event(ledger: Ledger, key: bytes, message: StoredMessage | None) -> bool:
    """Make `message` the first event of an actor without anomalies.

    Returns False if it cannot be that event. The caller then reads the actor again.
    """
    actor = ledger.actors[key]
    event = judge_event(message.data) if message else None
    if message is None or event is None or isinstance(event, Malformed):
        return False
    if not (actor.first_version <= event.version <= actor.last_version and message.seq <= actor.last_seq):
        return False
    actor.first_version, actor.first_seq = event.version, message.seq
    ledger.actors[key] = actor
    return True


def replace_actor(ledger: Ledger, key: bytes, again: Ledger) -> None:
    """Replace the state of one actor by that in `again`, to which all its stored messages were added."""
    _put(ledger.actors, key, again.actors.get(key))
    ledger.set_anomalies(key, again.anomalies.get(key))
    _put(ledger.snapshots, key, again.snapshots.get(key))
    ledger.unjudged.discard(key)
    ledger.unjudged |= again.unjudged & {key}


def _put(known: MutableMapping[bytes, Known], key: bytes, value: Known | None) -> None:
    if value is None:
        known.pop(key, None)
    else:
        known[key] = value


def replace_segment(state: AuditState, number: int, again: Examiner, limit: int) -> None:
    """Replace one segment by that of `again`, which has examined all its stored messages."""
    counted = again.state
    for key, last in counted.ledger.bad_snapshots.items():
        newest = state.ledger.snapshots.get(key)
        if newest is None or newest.seq != last.seq:
            again.supersede_snapshot(last)  # by a snapshot in a later segment
    state.segments.replace(number, counted.segments.segments.get(number, Segment()), limit)


def count_actors_without_covering_snapshot(ledger: Ledger, kept_from: int) -> int:
    """Returns how many actors would be broken if the stream began at sequence `kept_from`.

    These have events before and after it, and no good last snapshot from there on.
    """
    count = 0
    for key in ledger.table.between(kept_from, kept_from):
        snapshot = ledger.snapshots.get(key)
        count += snapshot is None or snapshot.finding is not None or snapshot.seq < kept_from
    return count
