"""What the ledger says of one actor once the pass is over: what is missing and why, and whether replay brings it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.core.model.findings import Cause
from auditor.core.model.ranges import intersects_open_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.state.ledger import Actor, Anomalies, Ledger, OutOfOrderEvent, Snapshot


@dataclass(frozen=True, slots=True)
class RangeFacts:
    """What a pass knows beside the actor's own messages, and what the operator expects of versions."""

    first_seq: int = 1
    """The stream's first sequence, once the walk was over."""
    deleted: Sequence[tuple[int, int]] = ()
    """Ranges of sequences removed from the middle of the stream."""
    unreadable: Sequence[tuple[int, int]] = ()
    short: Mapping[bytes, int] = field(default_factory=dict)
    """By an actor's tail: how many of its events are unreadable, where only that is known."""
    unread: Sequence[tuple[int, int]] = ()
    """Ranges that the walk did not reach or was not given: nobody knows what they hold."""
    first_version: int = 1
    contiguous: bool = True
    """False where writers skip versions on purpose: then a hole without a known cause is a notice and no damage."""

    def certain(self, after_seq: int, before_seq: int) -> bool:
        """Whether the pass knows all that lies between two sequences."""
        return not intersects_open_interval(self.unread, after_seq, before_seq)

    def cause(self, content: Cause | None, after_seq: int, before_seq: int, *, short: bool) -> Cause:
        """Why versions of an actor are missing between two sequences: the first cause that holds.

        `short`: whether some of its events are unreadable, nobody knows where.
        """
        if content is not None:
            return content
        if short or intersects_open_interval(self.unreadable, after_seq, before_seq):
            return Cause.UNREADABLE
        if intersects_open_interval(self.deleted, after_seq, before_seq):
            return Cause.DELETED
        return Cause.UNKNOWN

    def is_damage(self, cause: Cause) -> bool:
        """Whether a hole with this cause keeps an actor from being replayed."""
        return self.contiguous or cause is not Cause.UNKNOWN


@dataclass(frozen=True, slots=True)
class MissingVersions:
    """Versions that are missing: a gap, or a head where `after_seq` is None."""

    first_missing: int
    last_missing: int
    after_seq: int | None
    before_seq: int
    cause: Cause

    @property
    def missing(self) -> int:
        """How many versions."""
        return self.last_missing - self.first_missing + 1


class Replayability(StrEnum):
    """Whether replay brings an actor back right."""

    REPLAYABLE = "replayable"
    FROM_SNAPSHOT = "replayable_from_snapshot"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class RequiredSnapshot:
    """The snapshot that covers what is damaged, or would."""

    version: int
    """At least."""
    after_seq: int
    """It is stored behind this sequence."""

    def is_met_by(self, snapshot: Snapshot | None) -> bool:
        """Whether the last snapshot does it."""
        return (
            snapshot is not None
            and snapshot.finding is None
            and snapshot.version >= self.version
            and snapshot.seq > self.after_seq
        )


@dataclass(frozen=True, slots=True)
class ActorAssessment:
    """One actor. Versions are not judged where ids collide; a hole is not told where what is missing may not be."""

    replay: Replayability
    head: MissingVersions | None = None
    gaps: Sequence[MissingVersions] = ()
    misplaced: Sequence[OutOfOrderEvent] = ()
    colliding_ids: Sequence[str] = ()
    colliding_seq: int = 0
    """Where a second id was first seen."""
    bridge: RequiredSnapshot | None = None
    """What a snapshot has to be for replay to be right; None if nothing is damaged, or no snapshot helps."""
    snapshot_ahead: Snapshot | None = None
    """The last snapshot, where it is above the actor's last event without an explanation."""


ORDINARY = ActorAssessment(Replayability.REPLAYABLE)


def assess_actor(ledger: Ledger, tail: bytes, circumstances: RangeFacts) -> ActorAssessment:
    """What is to be said of the actor at `tail`."""
    actor = ledger.actors.get(tail)
    anomalies = ledger.anomalies.get(tail)
    snapshot = ledger.snapshots.get(tail)
    if (
        anomalies is None
        and tail not in circumstances.short
        and actor is not None
        and actor.first_version <= circumstances.first_version
        and (snapshot is None or snapshot.version <= actor.last_version)
    ):
        return ORDINARY
    if anomalies is not None and anomalies.colliding_ids:
        return ActorAssessment(
            Replayability.BROKEN, colliding_ids=anomalies.colliding_ids, colliding_seq=anomalies.collision_seq
        )
    known = tail not in ledger.unjudged
    head, gaps = _holes(tail, actor, anomalies, circumstances) if known else (None, [])
    holes = [*([head] if head else []), *gaps]
    unread_end = _unreadable_after_last(tail, holes, circumstances)
    ahead = known and snapshot is not None and _is_ahead(snapshot, actor, anomalies, circumstances, unread_end)
    bridge = _bridge(holes, actor, anomalies, circumstances, unread_end)
    replay = Replayability.REPLAYABLE
    if bridge is not None:
        replay = Replayability.FROM_SNAPSHOT if bridge.is_met_by(snapshot) else Replayability.BROKEN
    return ActorAssessment(
        replay,
        head,
        gaps,
        anomalies.out_of_order if anomalies else (),
        bridge=bridge,
        snapshot_ahead=snapshot if ahead else None,
    )


def _holes(
    tail: bytes, actor: Actor | None, anomalies: Anomalies | None, circumstances: RangeFacts
) -> tuple[MissingVersions | None, Sequence[MissingVersions]]:
    """The missing head, and the gaps."""
    if actor is None:
        return None, ()
    first, first_seq, content = (
        actor.first_version,
        actor.first_seq,
        anomalies.cause_before_first if anomalies else None,
    )
    gaps: list[MissingVersions] = []
    short = tail in circumstances.short
    for gap in anomalies.gaps if anomalies else ():
        after, before = gap.after_seq, gap.before_seq
        if after < circumstances.first_seq:
            # The event before it left while the pass went on, and why versions were missing there cannot be asked any
            # more: the actor now begins behind the gap.
            first, first_seq, content = gap.last + 1, before, gap.content_cause
            gaps = []
        elif circumstances.certain(after, before):
            cause = circumstances.cause(gap.content_cause, after, before, short=short)
            gaps.append(MissingVersions(gap.first, gap.last, after, before, cause))
    if first <= circumstances.first_version or not circumstances.certain(0, first_seq):
        return None, gaps
    begins = circumstances.first_seq <= 1  # else that the head has gone is the likelier cause
    cause = circumstances.cause(content, 0, first_seq, short=short and begins)
    if cause is Cause.UNKNOWN and circumstances.first_seq > 1:
        cause = Cause.EXPIRED
    return MissingVersions(circumstances.first_version, first - 1, None, first_seq, cause), gaps


def _unreadable_after_last(tail: bytes, holes: Sequence[MissingVersions], circumstances: RangeFacts) -> int:
    """Unreadable events that no hole has room for: their versions are above all that are known."""
    missing = sum(hole.missing for hole in holes if hole.cause is Cause.UNREADABLE)
    return max(0, circumstances.short.get(tail, 0) - missing)


def _bridge(
    holes: Sequence[MissingVersions],
    actor: Actor | None,
    anomalies: Anomalies | None,
    circumstances: RangeFacts,
    unread_end: int,
) -> RequiredSnapshot | None:
    """The snapshot that would cover what is damaged; None if nothing is.

    Damage is covered if the next good event after it has a version of at most the snapshot's + 1, or if none follows and
    the snapshot was stored later.
    """
    last_version = actor.last_version if actor else 0
    resumed_at = max((hole.last_missing + 1 for hole in holes if circumstances.is_damage(hole.cause)), default=0)
    if unread_end:
        resumed_at = max(resumed_at, last_version + unread_end + 1)
    open_seq = 0
    if anomalies is not None:
        resumed_at = max(resumed_at, anomalies.resumed_version)
        open_seq = anomalies.last_bad_seq
    if not resumed_at and not open_seq:
        return None
    return RequiredSnapshot(max(resumed_at - 1, 0), open_seq)


def _is_ahead(
    snapshot: Snapshot, actor: Actor | None, anomalies: Anomalies | None, circumstances: RangeFacts, unread_end: int
) -> bool:
    """Whether the snapshot is above the last event, and no bad or unreadable messages and no head that has gone explain it."""
    gone = actor is None and circumstances.first_seq > 1
    if snapshot.finding is not None or gone or circumstances.unread:
        return False
    last = actor.last_version if actor else 0
    explained = unread_end + (anomalies.pending_count if anomalies else 0)
    return snapshot.version > last + explained
