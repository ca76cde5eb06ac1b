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

What is ordinary is one row of the table of actors. Anomalies and bad snapshots are kept separately.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from auditor.core.model.findings import SPECS, Cause, Finding, Kind
from auditor.core.state.actor_rows import HAS_ACTOR, HAS_ANOMALIES, HAS_BAD_SNAPSHOT, HAS_SNAPSHOT, NEEDS_EXAMINER
from auditor.core.state.actor_table import Actor, ActorTable, keys_of, same_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

CONTENT_CAUSES = tuple(each.gap_cause for each in SPECS if each.quarantined and each.gap_cause)
"""Causes of a gap that a message on the same subject can be, the strongest first."""

MAX_COLLIDING_IDS = 10
"""Maximal number of actor ids that are kept for one subject."""


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

    @property
    def concern_next_event(self) -> bool:
        """Whether even an event with the expected version changes them, or would not be counted."""
        return bool(self.pending_count or self.last_bad_seq or self.colliding_ids or self.pending_cause)


class Snapshot(msgspec.Struct, array_like=True, gc=False):
    """The last snapshot on a subject, which is the only one that Aether reads."""

    seq: int
    version: int
    finding: Finding | None = None
    """Why it cannot be used: it does not decode, or it belongs to another actor. Its version is then not used."""
    digest: bytes = b""
    """Of the identity of `finding`."""


class Actors(MutableMapping[bytes, Actor]):
    """The actors of a table, by actor key. Each `Actor` is a copy: a changed one has to be set again."""

    def __init__(self, table: ActorTable) -> None:
        self._table = table

    def __getitem__(self, key: bytes) -> Actor:
        values = self._table.actor(key)
        if values is None:
            raise KeyError(key)
        return Actor(*values)

    def get(self, key: bytes, default: Any = None) -> Any:
        """As of a dictionary, without an exception on the way."""
        values = self._table.actor(key)
        return default if values is None else Actor(*values)

    def __setitem__(self, key: bytes, actor: Actor) -> None:
        self._table.put_actor(key, actor.id, actor.first_version, actor.first_seq, actor.last_version, actor.last_seq)

    def __delitem__(self, key: bytes) -> None:
        self._table.remove_actor(key)

    def __iter__(self) -> Iterator[bytes]:
        return keys_of(self._table, HAS_ACTOR)

    def __len__(self) -> int:
        return self._table.actor_count


class Snapshots(MutableMapping[bytes, Snapshot]):
    """The last snapshots, by actor key. Good ones are in the table, bad ones are not."""

    def __init__(self, table: ActorTable, bad: dict[bytes, Snapshot]) -> None:
        self._table = table
        self._bad = bad

    def __getitem__(self, key: bytes) -> Snapshot:
        snapshot = self.get(key)
        if snapshot is None:
            raise KeyError(key)
        return snapshot  # type: ignore[no-any-return]

    def get(self, key: bytes, default: Any = None) -> Any:
        """As of a dictionary, without an exception on the way."""
        values = self._table.snapshot(key)
        return self._bad.get(key, default) if values is None else Snapshot(*values)

    def __setitem__(self, key: bytes, snapshot: Snapshot) -> None:
        if snapshot.finding is None:
            self._remove_bad(key)
            self._table.put_snapshot(key, snapshot.seq, snapshot.version)
        else:
            self._table.remove_snapshot(key)
            self._bad[key] = snapshot
            self._table.set_flags(key, HAS_BAD_SNAPSHOT, HAS_BAD_SNAPSHOT)

    def __delitem__(self, key: bytes) -> None:
        self._remove_bad(key)
        self._table.remove_snapshot(key)

    def _remove_bad(self, key: bytes) -> None:
        if self._bad.pop(key, None) is not None:
            self._table.set_flags(key, HAS_BAD_SNAPSHOT, 0)

    def __iter__(self) -> Iterator[bytes]:
        return keys_of(self._table, HAS_SNAPSHOT | HAS_BAD_SNAPSHOT)

    def __len__(self) -> int:
        return self._table.snapshot_count + len(self._bad)


class Ledger:
    """The actors and the last snapshots, by actor key.

    What is ordinary is in the table. Flags of the table say which actors have anomalies or a bad snapshot.
    """

    __slots__ = ("anomalies", "bad_snapshots", "table", "unjudged")

    def __init__(self, unjudged: Iterable[bytes] = ()) -> None:
        self.table = ActorTable()
        self.anomalies: dict[bytes, Anomalies] = {}
        self.bad_snapshots: dict[bytes, Snapshot] = {}
        self.unjudged = set(unjudged)
        """Actors with an unjudged event. Versions that seem to be missing there may be stored."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Ledger)
            and (self.anomalies, self.bad_snapshots, self.unjudged)
            == (other.anomalies, other.bad_snapshots, other.unjudged)
            and same_rows(self.table, other.table)
        )

    __hash__ = None  # type: ignore[assignment]  # it changes

    @property
    def actors(self) -> Actors:
        """The actors with a good event."""
        return Actors(self.table)

    @property
    def snapshots(self) -> Snapshots:
        """The last snapshots."""
        return Snapshots(self.table, self.bad_snapshots)

    def set_anomalies(self, key: bytes, anomalies: Anomalies | None) -> None:
        """Replace the anomalies of an actor; None if it has none."""
        if anomalies is None:
            self.anomalies.pop(key, None)
        else:
            self.anomalies[key] = anomalies
        self._flag(key)

    def _flag(self, key: bytes) -> None:
        """Set the flags of the table after the anomalies of an actor changed."""
        anomalies, flags = self.anomalies.get(key), 0
        if anomalies is not None:
            flags = HAS_ANOMALIES | (NEEDS_EXAMINER if anomalies.concern_next_event else 0)
        self.table.set_flags(key, HAS_ANOMALIES | NEEDS_EXAMINER, flags)

    def add_event(self, key: bytes, actor_id: str, version: int, seq: int) -> None:
        """Add an event that decodes, belongs to its actor and has a version above 0."""
        actor = self.actors.get(key)
        if actor is None:
            self._first_event(key, actor_id, version, seq)
        elif version == actor.last_version + 1 and actor_id == actor.id and key not in self.anomalies:
            self.table.put_actor(key, actor_id, actor.first_version, actor.first_seq, version, seq)
        else:
            self._unexpected_event(key, actor, actor_id, version, seq)

    def add_bad_message(self, key: bytes, cause: Cause, seq: int) -> None:
        """Add a message on the event subject of the actor that has a content finding."""
        anomalies = self._anomalies_of(key)
        anomalies.pending_cause = _stronger_cause(anomalies.pending_cause, cause)
        anomalies.pending_count += 1
        anomalies.last_bad_seq = seq
        anomalies.first_bad_seq = anomalies.first_bad_seq or seq
        self._flag(key)

    def add_snapshot(
        self, key: bytes, version: int, seq: int, finding: Finding | None = None, digest: bytes = b""
    ) -> Snapshot | None:
        """Add a snapshot, with its content finding if it has one. Returns the snapshot that it supersedes."""
        snapshots = self.snapshots
        superseded: Snapshot | None = snapshots.get(key)
        snapshots[key] = Snapshot(seq, version, finding, digest)
        return superseded

    def drop_snapshots_before(self, first_seq: int) -> None:
        """Drop the last snapshots below a sequence."""
        self.table.drop_snapshots_before(first_seq)
        for key in [key for key, snapshot in self.bad_snapshots.items() if snapshot.seq < first_seq]:
            del self.snapshots[key]

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
        yield from keys_of(self.table, HAS_ACTOR)
        yield from keys_of(self.table, HAS_ANOMALIES, without=HAS_ACTOR)

    def actor_count(self) -> int:
        """Returns the number of `actor_keys`."""
        return self.table.actor_count + sum(1 for _ in keys_of(self.table, HAS_ANOMALIES, without=HAS_ACTOR))

    def unusual_actor_keys(self, first_version: int) -> Iterator[bytes]:
        """Yields those of `actor_keys` that have anomalies, a first version above `first_version`, or an unusual snapshot.

        Unusual is a bad snapshot, or one with a version above the last event.
        """
        yield from self.table.unusual(first_version)
        yield from keys_of(self.table, HAS_ANOMALIES, without=HAS_ACTOR)

    def bad_last_snapshots(self) -> Iterator[Snapshot]:
        """Yields the last snapshots that have a finding."""
        return (self.bad_snapshots[key] for key in keys_of(self.table, HAS_BAD_SNAPSHOT))

    def keys_of_snapshots_alone(self) -> Iterator[bytes]:
        """Yields the key of every actor with a last snapshot and no message on its event subject."""
        return keys_of(self.table, HAS_SNAPSHOT | HAS_BAD_SNAPSHOT, without=HAS_ACTOR | HAS_ANOMALIES)

    def _anomalies_of(self, key: bytes) -> Anomalies:
        anomalies = self.anomalies.get(key)
        if anomalies is None:
            anomalies = self.anomalies[key] = Anomalies()
        return anomalies

    def _first_event(self, key: bytes, actor_id: str, version: int, seq: int) -> None:
        self.table.put_actor(key, actor_id, version, seq, version, seq)
        anomalies = self.anomalies.get(key)
        if anomalies is not None:
            anomalies.cause_before_first = anomalies.pending_cause
            _clear_pending(anomalies, version)
            self._flag(key)

    def _unexpected_event(self, key: bytes, actor: Actor, actor_id: str, version: int, seq: int) -> None:
        anomalies = self._anomalies_of(key)
        if actor_id != actor.id:
            _record_collision(anomalies, actor.id, actor_id, seq)
        if anomalies.colliding_ids:
            self._flag(key)
            return
        if version > actor.last_version:
            if version > actor.last_version + 1:
                gap = Gap(actor.last_version + 1, version - 1, actor.last_seq, seq, anomalies.pending_cause)
                anomalies.gaps.append(gap)
            self.table.put_actor(key, actor.id, actor.first_version, actor.first_seq, version, seq)
            _clear_pending(anomalies, version)
        else:
            anomalies.out_of_order.append(
                OutOfOrderEvent(self._classify_out_of_order(actor, anomalies, version), version, seq)
            )
            _mark_resumed(anomalies, version)
        self._flag(key)

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
