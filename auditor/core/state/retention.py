"""What leaves the stream at its head leaves the memory, too: exactly, so that an incremental pass says what a full one would.

An ordinary actor whose first events have left needs only its new first event. One with anything to tell is read again,
and so is the stretch of which a part has left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from auditor.aether.event import Malformed
from auditor.aether.gojson.decode import judge_event
from auditor.core.state.ledger import Ledger
from auditor.core.state.segments import Segment

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage
    from auditor.core.state.examiner import Audit, AuditState
    from auditor.core.state.ledger import Ledger

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What has to be looked at again."""

    first_event_expired: list[bytes] = field(default_factory=list)
    """Tails of ordinary actors, of which the first event that is left has to be found."""
    to_reread: list[bytes] = field(default_factory=list)
    """Tails of actors that have to be read again."""
    partial_segment: int | None = None
    """Number of the stretch that has to be counted again."""


def trim(state: AuditState, first_seq: int) -> Trimmed:
    """Forget what was stored below `first_seq`, as far as that is possible without looking."""
    ledger = state.ledger
    ledger.snapshots = {key: last for key, last in ledger.snapshots.items() if last.seq >= first_seq}
    begun = [key for key, actor in ledger.actors.items() if actor.first_seq < first_seq]
    ordinary = [key for key in begun if key not in ledger.anomalies and key not in ledger.unjudged]
    moved = []
    for key in ordinary:
        if ledger.actors[key].last_seq < first_seq:
            del ledger.actors[key]
        else:
            moved.append(key)
    doubtful = {key for key in begun if key in ledger.anomalies}
    doubtful |= {key for key, anomalies in ledger.anomalies.items() if 0 < anomalies.first_bad_seq < first_seq}
    return Trimmed(moved, sorted(doubtful | ledger.unjudged), state.segments.trim_before(first_seq))


def set_first_event(ledger: Ledger, key: bytes, message: StoredMessage | None) -> bool:
    """The first message left of an ordinary actor is `message`; False if that cannot be, and it has to be read again."""
    actor = ledger.actors[key]
    facts = judge_event(message.data) if message else None
    if message is None or facts is None or isinstance(facts, Malformed):
        return False
    if not (actor.first_version <= facts.version <= actor.last_version and message.seq <= actor.last_seq):
        return False
    actor.first_version, actor.first_seq = facts.version, message.seq
    return True


def replace_actor(ledger: Ledger, key: bytes, again: Ledger) -> None:
    """Have of one actor what `again` has, which was given all messages that are left of it."""
    _put(ledger.actors, key, again.actors.get(key))
    _put(ledger.anomalies, key, again.anomalies.get(key))
    _put(ledger.snapshots, key, again.snapshots.get(key))
    ledger.unjudged.discard(key)
    ledger.unjudged |= again.unjudged & {key}


def _put(known: dict[bytes, Known], key: bytes, value: Known | None) -> None:
    if value is None:
        known.pop(key, None)
    else:
        known[key] = value


def replace_segment(state: AuditState, number: int, again: Audit, limit: int) -> None:
    """Have of one stretch what `again` has counted, which was given all messages that are left of it."""
    counted = again.state
    for key, last in counted.ledger.snapshots.items():
        standing = state.ledger.snapshots.get(key)
        if last.finding is not None and (standing is None or standing.seq != last.seq):
            again.supersede_snapshot(last)  # by a snapshot in a later stretch
    state.segments.replace(number, counted.segments.segments.get(number, Segment()), limit)


def count_actors_without_covering_snapshot(ledger: Ledger, kept_from: int) -> int:
    """How many actors would be broken if the stream began at sequence `kept_from`.

    They keep events from there on, lose some before it, and no good snapshot that stays covers what they lose.
    """
    count = 0
    for key, actor in ledger.actors.items():
        if actor.first_seq < kept_from <= actor.last_seq:
            snapshot = ledger.snapshots.get(key)
            count += snapshot is None or snapshot.finding is not None or snapshot.seq < kept_from
    return count
