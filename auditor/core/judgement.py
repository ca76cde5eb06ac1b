"""What the ledger says of one actor once the pass is over: what is missing and why, and whether replay brings it back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.core.findings import Cause
from auditor.core.ranges import any_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.ledger import Actor, Ledger, Misplaced, Snapshot, Trouble


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a pass knows beside the actor's own messages, and what the operator expects of versions."""

    first_seq: int = 1
    """The stream's first sequence."""
    deleted: Sequence[tuple[int, int]] = ()
    """Ranges of sequences removed from the stream, at its head too if that is known."""
    unreadable: Sequence[tuple[int, int]] = ()
    first_version: int = 1
    contiguous: bool = True
    """False where writers skip versions on purpose: then a hole without a known cause is a notice and no damage."""

    def cause(self, content: Cause | None, after_seq: int, before_seq: int) -> Cause:
        """Why versions are missing between two sequences: the first cause that holds."""
        if content is not None:
            return content
        if any_between(self.unreadable, after_seq, before_seq):
            return Cause.UNREADABLE
        if any_between(self.deleted, after_seq, before_seq):
            return Cause.DELETED
        return Cause.UNKNOWN

    def is_damage(self, cause: Cause) -> bool:
        """Whether a hole with this cause keeps an actor from being replayed."""
        return self.contiguous or cause is not Cause.UNKNOWN


@dataclass(frozen=True, slots=True)
class Hole:
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


class Replay(StrEnum):
    """Whether replay brings an actor back right."""

    REPLAYABLE = "replayable"
    FROM_SNAPSHOT = "replayable_from_snapshot"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class ActorJudgement:
    """One actor; `holes` and `misplaced` are empty where ids collide, since those versions cannot be judged."""

    replay: Replay
    head: Hole | None = None
    gaps: tuple[Hole, ...] = ()
    misplaced: Sequence[Misplaced] = ()
    colliding_ids: Sequence[str] = ()
    snapshot_version: int = 0
    snapshot_ahead_of: int | None = None
    """The actor's last version, where its last snapshot is above it without an explanation."""


ORDINARY = ActorJudgement(Replay.REPLAYABLE)


def judge_actor(ledger: Ledger, tail: bytes, circumstances: Circumstances) -> ActorJudgement:
    """What is to be said of the actor at `tail`."""
    actor = ledger.actors.get(tail)
    trouble = ledger.troubles.get(tail)
    snapshot = ledger.snapshots.get(tail)
    if (
        trouble is None
        and snapshot is None
        and actor is not None
        and actor.first_version <= circumstances.first_version
    ):
        return ORDINARY
    if trouble is not None and trouble.ids:
        return ActorJudgement(Replay.BROKEN, colliding_ids=trouble.ids)
    head = _head(actor, trouble, circumstances)
    gaps = tuple(
        Hole(
            gap.first,
            gap.last,
            gap.after_seq,
            gap.before_seq,
            circumstances.cause(gap.content, gap.after_seq, gap.before_seq),
        )
        for gap in (trouble.gaps if trouble else ())
    )
    return ActorJudgement(
        _replay([*([head] if head else []), *gaps], trouble, snapshot, circumstances),
        head,
        gaps,
        trouble.misplaced if trouble else (),
        snapshot_version=snapshot.version if snapshot else 0,
        snapshot_ahead_of=_snapshot_ahead_of(actor, trouble, snapshot, circumstances),
    )


def _head(actor: Actor | None, trouble: Trouble | None, circumstances: Circumstances) -> Hole | None:
    expected = circumstances.first_version
    if actor is None or actor.first_version <= expected:
        return None
    cause = circumstances.cause(trouble.head if trouble else None, 0, actor.first_seq)
    if cause is Cause.UNKNOWN and circumstances.first_seq > 1:
        cause = Cause.EXPIRED
    return Hole(expected, actor.first_version - 1, None, actor.first_seq, cause)


def _replay(
    holes: Sequence[Hole], trouble: Trouble | None, snapshot: Snapshot | None, circumstances: Circumstances
) -> Replay:
    """Whether what is damaged is covered by the last snapshot.

    It is if the next good event after the damage has a version of at most the snapshot's + 1, or if none follows and
    the snapshot was stored later.
    """
    resumed_at = max(
        (hole.last_missing + 1 for hole in holes if circumstances.is_damage(hole.cause)),
        default=0,
    )
    open_seq = 0
    if trouble is not None:
        resumed_at = max(resumed_at, trouble.resumed_at)
        open_seq = trouble.open_seq
    if not resumed_at and not open_seq:
        return Replay.REPLAYABLE
    if (
        snapshot is not None
        and snapshot.finding is None
        and resumed_at <= snapshot.version + 1
        and open_seq < snapshot.seq
    ):
        return Replay.FROM_SNAPSHOT
    return Replay.BROKEN


def _snapshot_ahead_of(
    actor: Actor | None, trouble: Trouble | None, snapshot: Snapshot | None, circumstances: Circumstances
) -> int | None:
    if snapshot is None or snapshot.finding is not None:
        return None
    last = actor.last_version if actor else 0
    if snapshot.version <= last or (actor is None and circumstances.first_seq > 1):
        return None
    explained = trouble.pending_count if trouble else 0
    return None if snapshot.version <= last + explained else last
