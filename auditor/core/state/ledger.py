"""Keeps the versions of each actor, and applies the rules about versions.

The events of one subject are added in stream order. With `last` the highest version so far:

    first event         `versions.first` is expected; a higher version is a missing head
    v == last + 1       the expected version
    v >  last + 1       a gap: v - last - 1 versions are missing
    v <= last           inside a gap: a late version; the gap closes or splits
                        otherwise, not below the first stored version: a duplicate
                        below the first stored version: a regression

A message with a content finding (malformed, hidden, foreign) has no version here. It is kept as the cause of a gap around
it, and as damage that only a snapshot covers. The examiner and the report decide the kind and the severity of findings.

An actor without anomalies needs one key and five values.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import msgspec

from auditor.core.model.findings import SPECS, Cause, Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTENT_CAUSES = tuple(each.gap_cause for each in SPECS if each.quarantined and each.gap_cause)
"""Causes of a gap that a message on the same subject can be, the strongest first."""

MAX_COLLIDING_IDS = 10
"""Maximal number of actor ids that are kept for one subject."""


class Actor(msgspec.Struct, array_like=True, gc=False):
    """The first and the last version of an actor, and their sequences."""

    id: str
    """The actorId of the first event."""
    first_version: int
    first_seq: int
    last_version: int
    last_seq: int
    """The sequence of the event with `last_version`."""


class Gap(msgspec.Struct, array_like=True, gc=False):
    """Versions `first` to `last` are missing between the events stored at two sequences."""

    first: int
    last: int
    after_seq: int
    before_seq: int
    content_cause: Cause | None
    """The strongest content finding of a message between the two."""


class OutOfOrderEvent(msgspec.Struct, array_like=True, gc=False):
    """One event whose version is not above the highest version before it: late, duplicate or regression."""

    kind: Kind
    version: int
    seq: int
    cause: Cause | None = None
    """Whether a duplicate has the same bytes; None before they are compared, and for other kinds."""


class Anomalies(msgspec.Struct, array_like=True):
    """The gaps, out-of-order events, collisions and bad messages of an actor. A healthy actor has none."""

    gaps: list[Gap] = []
    """Ordered by version."""
    out_of_order: list[OutOfOrderEvent] = []
    colliding_ids: list[str] = []
    """Actor ids that share the subject; empty for fewer than two. Versions are not judged on a shared subject."""
    collision_seq: int = 0
    """The sequence of the first event with a second id; 0 if there is none."""
    cause_before_first: Cause | None = None
    """The strongest cause among messages before the first event."""
    pending_cause: Cause | None = None
    """The strongest cause among messages after the event with the last version, or before the first event."""
    pending_count: int = 0
    """Number of messages with a content finding since then."""
    resumed_version: int = 0
    """The highest version among good events that directly follow a message with a content finding."""
    last_bad_seq: int = 0
    """The sequence of the last message with a content finding, if no good event follows it; otherwise 0."""
    first_bad_seq: int = 0
    """The sequence of the first message with a content finding; 0 if there is none."""


class Snapshot(msgspec.Struct, array_like=True, gc=False):
    """The last snapshot on a subject, which is the only one that Aether reads."""

    seq: int
    version: int
    finding: Finding | None = None
    """Why it cannot be used: it does not decode, or it belongs to another actor. Its version is then not used."""
    digest: bytes = b""
    """Of the identity of `finding`."""


class Ledger(msgspec.Struct, forbid_unknown_fields=True):
    """The actors and the last snapshots, by actor key."""

    actors: dict[bytes, Actor] = {}
    anomalies: dict[bytes, Anomalies] = {}
    snapshots: dict[bytes, Snapshot] = {}
    unjudged: set[bytes] = set()
    """Actors with an unjudged event. Versions that seem to be missing there may be stored."""

    def add_event(self, key: bytes, actor_id: str, version: int, seq: int) -> None:
        """Add an event that decodes, belongs to its actor and has a version above 0."""
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
        """Add a message on the event subject of the actor that has a content finding."""
        anomalies = self._anomalies_of(key)
        anomalies.pending_cause = _stronger_cause(anomalies.pending_cause, cause)
        anomalies.pending_count += 1
        anomalies.last_bad_seq = seq
        anomalies.first_bad_seq = anomalies.first_bad_seq or seq

    def add_snapshot(
        self, key: bytes, version: int, seq: int, finding: Finding | None = None, digest: bytes = b""
    ) -> Snapshot | None:
        """Add a snapshot, with its content finding if it has one. Returns the snapshot that it supersedes."""
        superseded = self.snapshots.get(key)
        self.snapshots[key] = Snapshot(seq, version, finding, digest)
        return superseded

    def duplicates(self) -> Iterator[tuple[bytes, list[OutOfOrderEvent]]]:
        """Yields each actor with the duplicates whose bytes were not compared yet."""
        for key, anomalies in self.anomalies.items():
            unknown = [
                event for event in anomalies.out_of_order if event.kind is Kind.DUPLICATE_VERSION and not event.cause
            ]
            if unknown:
                yield key, unknown

    def set_causes(self, causes: Mapping[bytes, Mapping[int, Cause]]) -> None:
        """Set the causes of duplicates: by actor key, then by sequence."""
        for key, by_seq in causes.items():
            for event in self.anomalies[key].out_of_order:
                event.cause = by_seq.get(event.seq, event.cause)

    def actor_keys(self) -> Iterator[bytes]:
        """Yields the key of every actor with at least one message on its event subject."""
        yield from self.actors
        yield from (key for key in self.anomalies if key not in self.actors)

    def actor_count(self) -> int:
        """Returns the number of `actor_keys`."""
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
    """Note that a good event follows the bad messages before it."""
    if anomalies.last_bad_seq:
        anomalies.resumed_version = max(anomalies.resumed_version, version)
        anomalies.last_bad_seq = 0


def _clear_pending(anomalies: Anomalies, version: int) -> None:
    """Clear the pending cause, once the highest version has become `version`."""
    anomalies.pending_cause = None
    anomalies.pending_count = 0
    _mark_resumed(anomalies, version)


def _record_collision(anomalies: Anomalies, first_id: str, other_id: str, seq: int) -> None:
    """Note that two actors share the subject, and drop what was kept about versions."""
    if not anomalies.colliding_ids:
        anomalies.colliding_ids.append(first_id)
        anomalies.collision_seq = seq
        anomalies.gaps.clear()
        anomalies.out_of_order.clear()
    if other_id not in anomalies.colliding_ids and len(anomalies.colliding_ids) < MAX_COLLIDING_IDS:
        anomalies.colliding_ids.append(other_id)
