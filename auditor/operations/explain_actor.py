"""Explains the replayability of one actor step by step, from the report of a pass that read only this actor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.core.model.findings import MISSING_VERSION_KINDS, Cause, Finding, Severity, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.core.report.pass_report import BrokenActor, PassReport

MAX_RUNS = 10
"""Runs of consecutive versions that are listed."""

CAUSE_TEXT = {
    Cause.MALFORMED: "a message there does not decode, and replay skips it",
    Cause.HIDDEN: "a message there has no version above 0, and replay drops it",
    Cause.FOREIGN: "a message there names another actor",
    Cause.UNREADABLE: "the server stores messages there that it cannot deliver",
    Cause.DELETED: "messages there were deleted",
    Cause.EXPIRED: "the start of the stream was removed, by its limits or a purge",
    Cause.UNKNOWN: "no stored message explains it: never stored, or removed before the first pass",
}


class StepTopic(StrEnum):
    """The topics of steps, in the order of the steps."""

    THERE = "there"
    MISSING = "missing"
    WRONG = "wrong"
    SNAPSHOT = "snapshot"
    REPLAY = "replay"
    DO = "do"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the explanation."""

    about: StepTopic
    text: str
    command: str | None = None
    """The command to run, without `--config`."""


@dataclass(frozen=True, slots=True)
class LastSnapshot:
    """The snapshot that Aether reads: the last one on the subject."""

    version: int | None
    """None if it is malformed."""
    problem: str | None = None
    """Why replay cannot use it, in one line; None if it can."""


def explain_actor(versions: Sequence[int], snapshot: LastSnapshot | None, report: PassReport) -> list[Step]:
    """The steps of the explanation; `versions` are those of the events that replay applies, in this order."""
    return [
        _there(versions),
        *(_missing(finding) for finding in report.findings if finding.kind in MISSING_VERSION_KINDS),
        *(_wrong(finding) for finding in report.findings if finding.kind not in MISSING_VERSION_KINDS),
        _snapshot(snapshot),
        _replay(snapshot, report),
        *_to_do(report),
    ]


def _there(versions: Sequence[int]) -> Step:
    if not versions:
        return Step(StepTopic.THERE, "no event that replay applies")
    events = "1 event" if len(versions) == 1 else f"{len(versions)} events"
    runs = [f"{first} to {last}" if last > first else str(first) for first, last in _runs(versions)]
    named = ", ".join(runs[:MAX_RUNS]) + (", …" if len(runs) > MAX_RUNS else "")
    return Step(StepTopic.THERE, f"{events} that replay applies, in this order: version {named}")


def _missing(finding: Finding) -> Step:
    assert finding.cause is not None
    return Step(StepTopic.MISSING, f"{finding.detail}: {CAUSE_TEXT[finding.cause]}")


def _wrong(finding: Finding) -> Step:
    kind = f"{finding.kind} ({finding.reason or finding.cause})" if finding.reason or finding.cause else finding.kind
    where = f" at sequence {place_of(finding)}" if finding.seq is not None else ""
    return Step(StepTopic.WRONG, f"{kind}{where}: {finding.detail or 'see docs/findings.md'}")


def _snapshot(snapshot: LastSnapshot | None) -> Step:
    if snapshot is None:
        return Step(StepTopic.SNAPSHOT, "no snapshot is stored")
    if snapshot.problem is not None:
        return Step(StepTopic.SNAPSHOT, f"replay cannot use the last snapshot: {snapshot.problem}")
    return Step(StepTopic.SNAPSHOT, f"the last snapshot is of version {snapshot.version}")


def _replay(snapshot: LastSnapshot | None, report: PassReport) -> Step:
    actors = report.actors
    if actors.broken:
        return Step(StepTopic.REPLAY, f"broken: {_required_snapshot(report.broken_list[0])}")
    if actors.replayable_from_snapshot:
        assert snapshot is not None
        return Step(
            StepTopic.REPLAY,
            f"replayable only from the snapshot: it covers the damaged versions, and replay continues after version {snapshot.version}",
        )
    if actors.replayable:
        return Step(StepTopic.REPLAY, "replayable from its first version")
    return Step(StepTopic.REPLAY, "nothing to replay: it has no events")


def _required_snapshot(actor: BrokenActor) -> str:
    if actor.required_snapshot_text is None:
        return "several actor ids share its subject, and each replays the events of the others; no snapshot helps"
    return f"no snapshot covers the damage; {actor.required_snapshot_text} would"


def _to_do(report: PassReport) -> Iterator[Step]:
    corrupt = [finding for finding in report.findings if finding.severity is Severity.CORRUPTION]
    for finding in report.findings:
        if finding.quarantine is not None:
            text = f"inspect the bytes at sequence {finding.seq} (a pass stores them)"
            yield Step(StepTopic.DO, text, f"auditor quarantine show {finding.quarantine}")
    for actor in report.broken_list:
        if actor.required_snapshot_text is None:
            yield Step(StepTopic.DO, "give the actors ids that map to different subjects, and move their events")
        else:
            yield Step(
                StepTopic.DO,
                "restore its state from a backup or a projection, or by hand, and have the application save it:"
                f" {actor.required_snapshot_text} makes it replayable again",
            )
    for kind in dict.fromkeys(finding.kind for finding in corrupt):
        up_to = max(finding.seq_for_acceptance for finding in corrupt if finding.kind is kind)
        yield Step(
            StepTopic.DO,
            f"or, once you know the reason (docs/findings.md#{kind}), accept it: every {kind} up to there is counted apart",
            f'auditor accept --audit {report.name} --kind {kind} --up-to-seq {up_to} --reason "…"',
        )


def _runs(versions: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for version in versions:
        if first is None or last is None:
            first = version
        elif version != last + 1:
            yield first, last
            first = version
        last = version
    if first is not None and last is not None:
        yield first, last
