"""Assesses one actor at the end of a pass: which versions are missing and why, and whether it can be replayed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.core.model.findings import Cause
from auditor.core.model.ranges import intersects_open_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.state.actor_table import Actor
    from auditor.core.state.ledger import Anomalies, Ledger, OutOfOrderEvent, Snapshot


@dataclass(frozen=True, slots=True)
class RangeFacts:
    """The facts about the range of a pass in addition to its messages, and the settings of `versions`."""

    first_seq: int = 1
    """The first sequence of the stream after the walk."""
    deleted: Sequence[tuple[int, int]] = ()
    """Ranges of sequences that the server lists as deleted."""
    unreadable: Sequence[tuple[int, int]] = ()
    """Ranges of sequences that the server cannot deliver."""
    unreadable_by_actor: Mapping[bytes, int] = field(default_factory=dict)
    """By actor key: how many events the server cannot deliver, if their sequences are not known."""
    unread: Sequence[tuple[int, int]] = ()
    """Ranges of sequences that were not delivered and may hold messages."""
    lost: Sequence[tuple[int, int]] = ()
    """Ranges of sequences that the server has reported as lost."""
    configured_first_seq: int = 1
    """The first sequence that the stream was created with: nothing was stored before it."""
    unexplained_start: str = ""
    """What left the start of the stream although no limit explains it, in one line; empty if nothing has."""
    first_version: int = 1
    """The expected version of the first event of an actor."""
    contiguous: bool = True
    """False if writers skip versions on purpose. Missing versions of unknown cause are then no damage."""

    def has_expired_before(self, seq: int) -> bool:
        """Whether messages before this sequence have expired: the start of the stream has moved, and not by a reported loss."""
        return self.first_seq > self.configured_first_seq and not intersects_open_interval(self.lost, 0, seq)

    def is_fully_known(self, after_seq: int, before_seq: int) -> bool:
        """Returns whether the pass knows every message between two sequences."""
        return not intersects_open_interval(self.unread, after_seq, before_seq)

    def cause_of_gap(
        self, content: Cause | None, after_seq: int, before_seq: int, *, has_unreadable_events: bool
    ) -> Cause:
        """Returns why versions of an actor are missing between two sequences: the first cause that applies.

        `content`: the cause that a message of the actor between them gives. `has_unreadable_events`: whether events of the
        actor are unreadable at sequences that are not known.
        """
        if content is not None:
            return content
        if has_unreadable_events or intersects_open_interval(self.unreadable, after_seq, before_seq):
            return Cause.UNREADABLE
        if intersects_open_interval(self.deleted, after_seq, before_seq):
            return Cause.DELETED
        return Cause.UNKNOWN

    def is_damage(self, cause: Cause) -> bool:
        """Returns whether versions that are missing for this cause damage the actor."""
        return self.contiguous or cause is not Cause.UNKNOWN


@dataclass(frozen=True, slots=True)
class MissingVersions:
    """Versions that are missing between two events, or before the first event if `after_seq` is None."""

    first_missing: int
    last_missing: int
    after_seq: int | None
    before_seq: int
    cause: Cause

    @property
    def missing(self) -> int:
        """The number of missing versions."""
        return self.last_missing - self.first_missing + 1


class Replayability(StrEnum):
    """Whether replay rebuilds the state of an actor correctly."""

    REPLAYABLE = "replayable"
    FROM_SNAPSHOT = "replayable_from_snapshot"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class RequiredSnapshot:
    """The snapshot that replay needs to skip all damaged and missing versions of an actor."""

    version: int
    """The lowest version that it can have."""
    after_seq: int
    """It must be stored after this sequence."""

    def is_met_by(self, snapshot: Snapshot | None) -> bool:
        """Returns whether `snapshot`, the last one of the actor, fulfils this."""
        return (
            snapshot is not None
            and snapshot.finding is None
            and snapshot.version >= self.version
            and snapshot.seq > self.after_seq
        )


@dataclass(frozen=True, slots=True)
class ActorAssessment:
    """The missing versions, anomalies and replayability of one actor.

    Versions are not judged if actor ids share the subject. Versions that may be in messages that were not read are not
    missing.
    """

    replayability: Replayability
    missing_head: MissingVersions | None = None
    gaps: Sequence[MissingVersions] = ()
    out_of_order: Sequence[OutOfOrderEvent] = ()
    colliding_ids: Sequence[str] = ()
    """Actor ids that share the subject."""
    collision_seq: int = 0
    """The sequence of the first event with a second actor id."""
    required_snapshot: RequiredSnapshot | None = None
    """None if nothing is damaged, or if no snapshot helps."""
    snapshot_ahead: Snapshot | None = None
    """The last snapshot, if its version is above the last event and nothing explains that."""


HEALTHY = ActorAssessment(Replayability.REPLAYABLE)
"""The assessment of an actor with nothing wrong."""


def assess_actor(ledger: Ledger, key: bytes, facts: RangeFacts) -> ActorAssessment:
    """Returns the assessment of the actor with this key; the object `HEALTHY` if nothing is wrong."""
    actor = ledger.actors.get(key)
    anomalies = ledger.anomalies.get(key)
    snapshot = ledger.snapshots.get(key)
    if (
        anomalies is None
        and key not in facts.unreadable_by_actor
        and actor is not None
        and actor.first_version <= facts.first_version
        and (snapshot is None or snapshot.version <= actor.last_version)
    ):
        return HEALTHY
    if anomalies is not None and anomalies.colliding_ids:
        return ActorAssessment(
            Replayability.BROKEN, colliding_ids=anomalies.colliding_ids, collision_seq=anomalies.collision_seq
        )
    all_judged = key not in ledger.unjudged
    missing_head, gaps = _missing_versions(key, actor, anomalies, facts) if all_judged else (None, ())
    missing = [*([missing_head] if missing_head else []), *gaps]
    unreadable_after_last = _unreadable_after_last(key, missing, facts)
    ahead = all_judged and snapshot is not None and _is_ahead(snapshot, actor, anomalies, facts, unreadable_after_last)
    required = _required_snapshot(missing, actor, anomalies, facts, unreadable_after_last)
    replayability = Replayability.REPLAYABLE
    if required is not None:
        replayability = Replayability.FROM_SNAPSHOT if required.is_met_by(snapshot) else Replayability.BROKEN
    return ActorAssessment(
        replayability,
        missing_head,
        gaps,
        anomalies.out_of_order if anomalies else (),
        required_snapshot=required,
        snapshot_ahead=snapshot if ahead else None,
    )


def _missing_versions(
    key: bytes, actor: Actor | None, anomalies: Anomalies | None, facts: RangeFacts
) -> tuple[MissingVersions | None, Sequence[MissingVersions]]:
    """Returns the missing head, and the gaps."""
    if actor is None:
        return None, ()
    first, first_seq, content = (
        actor.first_version,
        actor.first_seq,
        anomalies.cause_before_first if anomalies else None,
    )
    gaps: list[MissingVersions] = []
    has_unreadable_events = key in facts.unreadable_by_actor
    for gap in anomalies.gaps if anomalies else ():
        after, before = gap.after_seq, gap.before_seq
        if after < facts.first_seq:
            # The event before the gap expired during the pass, so the server cannot be asked for the cause any more. The
            # actor now begins after the gap.
            first, first_seq, content = gap.last + 1, before, gap.content_cause
            gaps = []
        elif facts.is_fully_known(after, before):
            cause = facts.cause_of_gap(gap.content_cause, after, before, has_unreadable_events=has_unreadable_events)
            gaps.append(MissingVersions(gap.first, gap.last, after, before, cause))
    if first <= facts.first_version or not facts.is_fully_known(0, first_seq):
        return None, gaps
    # After expiry, that is a likelier cause than unreadable events at unknown sequences.
    expired = facts.has_expired_before(first_seq)
    cause = facts.cause_of_gap(content, 0, first_seq, has_unreadable_events=has_unreadable_events and not expired)
    if cause is Cause.UNKNOWN and expired:
        cause = Cause.EXPIRED
    return MissingVersions(facts.first_version, first - 1, None, first_seq, cause), gaps


def _unreadable_after_last(key: bytes, missing: Sequence[MissingVersions], facts: RangeFacts) -> int:
    """Returns how many unreadable events must have versions above the last one.

    These are the unreadable events that fill no gap with the cause `unreadable`.
    """
    missing_unreadable = sum(each.missing for each in missing if each.cause is Cause.UNREADABLE)
    return max(0, facts.unreadable_by_actor.get(key, 0) - missing_unreadable)


def _required_snapshot(
    missing: Sequence[MissingVersions],
    actor: Actor | None,
    anomalies: Anomalies | None,
    facts: RangeFacts,
    unreadable_after_last: int,
) -> RequiredSnapshot | None:
    """Returns the required snapshot; None if nothing is damaged.

    A snapshot covers damage if the next good event after the damage has at most the version after the snapshot's. If no good
    event follows, the snapshot must be stored after the damage.
    """
    last_version = actor.last_version if actor else 0
    resumed_version = max((each.last_missing + 1 for each in missing if facts.is_damage(each.cause)), default=0)
    if unreadable_after_last:
        resumed_version = max(resumed_version, last_version + unreadable_after_last + 1)
    last_bad_seq = 0
    if anomalies is not None:
        resumed_version = max(resumed_version, anomalies.resumed_version)
        last_bad_seq = anomalies.last_bad_seq
    if not resumed_version and not last_bad_seq:
        return None
    return RequiredSnapshot(max(resumed_version - 1, 0), last_bad_seq)


def _is_ahead(
    snapshot: Snapshot,
    actor: Actor | None,
    anomalies: Anomalies | None,
    facts: RangeFacts,
    unreadable_after_last: int,
) -> bool:
    """Whether the version of the snapshot is above the last event, and neither bad messages nor expiry explain that."""
    all_expired = actor is None and facts.first_seq > facts.configured_first_seq
    if snapshot.finding is not None or all_expired or facts.unread:
        return False
    last_version = actor.last_version if actor else 0
    explained = unreadable_after_last + (anomalies.pending_count if anomalies else 0)
    return snapshot.version > last_version + explained
