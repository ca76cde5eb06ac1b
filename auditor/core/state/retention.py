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

    moved: list[bytes] = field(default_factory=list)
    """Tails of ordinary actors, of which the first event that is left has to be found."""
    doubtful: list[bytes] = field(default_factory=list)
    """Tails of actors that have to be read again."""
    stretch: int | None = None
    """Number of the stretch that has to be counted again."""


def forget_before(state: AuditState, first_seq: int) -> Trimmed:
    """Forget what was stored below `first_seq`, as far as that is possible without looking."""
    ledger = state.ledger
    ledger.snapshots = {tail: last for tail, last in ledger.snapshots.items() if last.seq >= first_seq}
    begun = [tail for tail, actor in ledger.actors.items() if actor.first_seq < first_seq]
    ordinary = [tail for tail in begun if tail not in ledger.troubles and tail not in ledger.unjudged]
    moved = []
    for tail in ordinary:
        if ledger.actors[tail].last_seq < first_seq:
            del ledger.actors[tail]
        else:
            moved.append(tail)
    doubtful = {tail for tail in begun if tail in ledger.troubles}
    doubtful |= {tail for tail, trouble in ledger.troubles.items() if 0 < trouble.first_seq < first_seq}
    return Trimmed(moved, sorted(doubtful | ledger.unjudged), state.tallies.forget_before(first_seq))


def set_first_event(ledger: Ledger, tail: bytes, message: StoredMessage | None) -> bool:
    """The first message left of an ordinary actor is `message`; False if that cannot be, and it has to be read again."""
    actor = ledger.actors[tail]
    facts = judge_event(message.data) if message else None
    if message is None or facts is None or isinstance(facts, Malformed):
        return False
    if not (actor.first_version <= facts.version <= actor.last_version and message.seq <= actor.last_seq):
        return False
    actor.first_version, actor.first_seq = facts.version, message.seq
    return True


def read_again(ledger: Ledger, tail: bytes, again: Ledger) -> None:
    """Have of one actor what `again` has, which was given all messages that are left of it."""
    _put(ledger.actors, tail, again.actors.get(tail))
    _put(ledger.troubles, tail, again.troubles.get(tail))
    _put(ledger.snapshots, tail, again.snapshots.get(tail))
    ledger.unjudged.discard(tail)
    ledger.unjudged |= again.unjudged & {tail}


def _put(known: dict[bytes, Known], tail: bytes, value: Known | None) -> None:
    if value is None:
        known.pop(tail, None)
    else:
        known[tail] = value


def replace_segment(state: AuditState, number: int, again: Audit, limit: int) -> None:
    """Have of one stretch what `again` has counted, which was given all messages that are left of it."""
    counted = again.state
    for tail, last in counted.ledger.snapshots.items():
        standing = state.ledger.snapshots.get(tail)
        if last.finding is not None and (standing is None or standing.seq != last.seq):
            again.supersede_snapshot(last)  # by a snapshot in a later stretch
    state.tallies.replace(number, counted.tallies.stretches.get(number, Segment()), limit)


def count_actors_without_covering_snapshot(ledger: Ledger, kept_from: int) -> int:
    """How many actors would be broken if the stream began at sequence `kept_from`.

    They keep events from there on, lose some before it, and no good snapshot that stays covers what they lose.
    """
    count = 0
    for tail, actor in ledger.actors.items():
        if actor.first_seq < kept_from <= actor.last_seq:
            snapshot = ledger.snapshots.get(tail)
            count += snapshot is None or snapshot.finding is not None or snapshot.seq < kept_from
    return count
