"""What is remembered of each actor, and what it says about versions.

Per subject, events are taken in stream order. With `last` the highest version so far:

    first event         expected to be `versions.first`; a higher one is a missing head
    v == last + 1       as it should be
    v >  last + 1       a gap: v - last - 1 versions are missing
    v <= last           in a remembered gap: late, and the gap closes or splits
                        not below the first stored version: a duplicate
                        below it: a regression

A message with a content finding (malformed, hidden, foreign) takes no part in this; it is remembered as the
cause of a gap that opens around it, and as damage that only a snapshot can bridge. All rules live here; what a
finding is called and weighs is the audit's business.

An ordinary actor costs one key and a few integers; only an actor with something to tell has a `Anomalies`.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.findings import SPECS, Cause, Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_CAUSES = tuple(each.gap_cause for each in SPECS if each.quarantined and each.gap_cause)
"""Causes that a message of the same subject can give, the strongest first."""

MAX_COLLIDING_IDS = 10
"""Actor ids named for one subject."""


class Actor(msgspec.Struct, array_like=True, gc=False):
    """An actor's stored events in five values."""

    id: str
    """The actorId of the first event."""
    first_version: int
    first_seq: int
    last_version: int
    last_seq: int
    """Sequence of the event with `last_version`."""


class Gap(msgspec.Struct, array_like=True, gc=False):
    """Versions `first` to `last` are missing between the events stored at two sequences."""

    first: int
    last: int
    after_seq: int
    before_seq: int
    content_cause: Cause | None
    """The strongest content finding of a message between the two."""


class OutOfOrderEvent(msgspec.Struct, array_like=True, gc=False):
    """One event whose version is not above the last: late, duplicate or regression."""

    kind: Kind
    version: int
    seq: int
    cause: Cause | None = None
    """Of a duplicate, once its bytes were compared."""


class Anomalies(msgspec.Struct, array_like=True):
    """What is remembered of an actor that is not ordinary."""

    gaps: list[Gap] = []
    """Ordered by version."""
    out_of_order: list[OutOfOrderEvent] = []
    colliding_ids: list[str] = []
    """Different actor ids that share the subject; empty for less than two. Its versions are then not judged."""
    collision_seq: int = 0
    """Sequence of the first event with a second id; 0 if there is none."""
    cause_before_first: Cause | None = None
    """The strongest content finding before the first event."""
    pending_cause: Cause | None = None
    """The strongest content finding since the last version, or before the first event."""
    pending_count: int = 0
    resumed_version: int = 0
    """The highest version of an event that was the next good one after a message with a content finding."""
    last_bad_seq: int = 0
    """Sequence of the last message with a content finding that no good event has followed; 0 if there is none."""
    first_bad_seq: int = 0
    """Sequence of the first message with a content finding; 0 if there is none."""


class Snapshot(msgspec.Struct, array_like=True, gc=False):
    """The last snapshot on a subject: the only one that Aether reads."""

    seq: int
    version: int
    finding: Finding | None = None
    """Why it cannot be used: it does not decode, or belongs to somebody else. Its version then says nothing."""


class Ledger(msgspec.Struct, forbid_unknown_fields=True):
    """Every actor, by the part of its subjects after `S.events.` and `S.snapshots.` (its *key*)."""

    actors: dict[bytes, Actor] = {}
    anomalies: dict[bytes, Anomalies] = {}
    snapshots: dict[bytes, Snapshot] = {}
    unjudged: set[bytes] = set()
    """Those with an event that the auditor itself failed on: what is missing there may be just that."""

    def add_event(self, key: bytes, actor_id: str, version: int, seq: int) -> None:
        """Take a good event with a positive version."""
        actor = self.actors.get(key)
        if (
            actor is not None
            and version == actor.last_version + 1
            and actor_id == actor.id
            and key not in self.anomalies
        ):
            actor.last_version = version
            actor.last_seq = seq
        elif actor is None:
            self._first_event(key, actor_id, version, seq)
        else:
            self._unexpected_event(key, actor, actor_id, version, seq)

    def add_bad_message(self, key: bytes, cause: Cause, seq: int) -> None:
        """Take a message on the actor's event subject that has a content finding."""
        anomalies = self._anomalies_of(key)
        anomalies.pending_cause = _stronger_cause(anomalies.pending_cause, cause)
        anomalies.pending_count += 1
        anomalies.last_bad_seq = seq
        anomalies.first_bad_seq = anomalies.first_bad_seq or seq

    def add_snapshot(self, key: bytes, version: int, seq: int, finding: Finding | None = None) -> Snapshot | None:
        """Take a snapshot, with the content finding that it has. Gives back the one that it supersedes."""
        superseded = self.snapshots.get(key)
        self.snapshots[key] = Snapshot(seq, version, finding)
        return superseded

    def duplicates(self) -> Iterator[tuple[bytes, list[OutOfOrderEvent]]]:
        """Each actor's duplicates whose bytes were not compared yet."""
        for key, anomalies in self.anomalies.items():
            unknown = [
                event for event in anomalies.out_of_order if event.kind is Kind.DUPLICATE_VERSION and not event.cause
            ]
            if unknown:
                yield key, unknown

    def actor_keys(self) -> Iterator[bytes]:
        """Every actor with at least one message on its event subject."""
        yield from self.actors
        yield from (key for key in self.anomalies if key not in self.actors)

    def actor_count(self) -> int:
        """How many `tails` there are."""
        return len(self.actors) + sum(key not in self.actors for key in self.anomalies)

    def _anomalies_of(self, key: bytes) -> Anomalies:
        anomalies = self.anomalies.get(key)
        if anomalies is None:
            anomalies = self.anomalies[key] = Anomalies()
        return anomalies

    def _first_event(self, key: bytes, actor_id: str, version: int, seq: int) -> None:
        self.actors[key] = Actor(actor_id, version, seq, version, seq)
        anomalies = self.anomalies.get(key)
        if anomalies is not None:
            anomalies.cause_before_first = anomalies.pending_cause
            _clear_pending(anomalies, version)

    def _unexpected_event(self, key: bytes, actor: Actor, actor_id: str, version: int, seq: int) -> None:
        anomalies = self._anomalies_of(key)
        if actor_id != actor.id:
            _record_collision(anomalies, actor.id, actor_id, seq)
        if anomalies.colliding_ids:
            return
        if version > actor.last_version:
            if version > actor.last_version + 1:
                gap = Gap(actor.last_version + 1, version - 1, actor.last_seq, seq, anomalies.pending_cause)
                anomalies.gaps.append(gap)
            actor.last_version = version
            actor.last_seq = seq
            _clear_pending(anomalies, version)
        else:
            anomalies.out_of_order.append(
                OutOfOrderEvent(self._classify_out_of_order(actor, anomalies, version), version, seq)
            )
            _mark_resumed(anomalies, version)

    def _classify_out_of_order(self, actor: Actor, anomalies: Anomalies, version: int) -> Kind:
        at = bisect_right(anomalies.gaps, version, key=lambda gap: gap.first) - 1
        if at >= 0 and version <= anomalies.gaps[at].last:
            gap = anomalies.gaps[at]
            below, above = (
                msgspec.structs.replace(gap, last=version - 1),
                msgspec.structs.replace(gap, first=version + 1),
            )
            anomalies.gaps[at : at + 1] = [part for part in (below, above) if part.first <= part.last]
            return Kind.LATE_VERSION
        return Kind.DUPLICATE_VERSION if version >= actor.first_version else Kind.VERSION_REGRESSION


def _stronger_cause(one: Cause | None, other: Cause) -> Cause:
    return other if one is None else min(one, other, key=CONTENT_CAUSES.index)


def _mark_resumed(anomalies: Anomalies, version: int) -> None:
    """A good event follows whatever was damaged before it."""
    if anomalies.last_bad_seq:
        anomalies.resumed_version = max(anomalies.resumed_version, version)
        anomalies.last_bad_seq = 0


def _clear_pending(anomalies: Anomalies, version: int) -> None:
    """The actor's last version is now `version`: what was pending has done its work."""
    anomalies.pending_cause = None
    anomalies.pending_count = 0
    _mark_resumed(anomalies, version)


def _record_collision(anomalies: Anomalies, first_id: str, other_id: str, seq: int) -> None:
    """Two actors count their versions on one subject: none of them says anything any more."""
    if not anomalies.colliding_ids:
        anomalies.colliding_ids.append(first_id)
        anomalies.collision_seq = seq
        anomalies.gaps.clear()
        anomalies.out_of_order.clear()
    if other_id not in anomalies.colliding_ids and len(anomalies.colliding_ids) < MAX_COLLIDING_IDS:
        anomalies.colliding_ids.append(other_id)
