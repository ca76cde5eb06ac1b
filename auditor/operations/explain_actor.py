"""Why one actor comes back right or does not, step by step, in words: from a report about this actor alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.core.model.findings import MISSING_VERSION_KINDS, Cause, Finding, Severity, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.core.report.pass_report import BrokenActor, PassReport

MOST_RUNS = 10
"""Runs of versions that are named."""

WHY = {
    Cause.MALFORMED: "a message there does not decode, and replay skips it",
    Cause.HIDDEN: "a message there has no version above 0, and replay drops it",
    Cause.FOREIGN: "a message there names another actor",
    Cause.UNREADABLE: "the server stores messages there that it gives to nobody",
    Cause.DELETED: "messages there were deleted",
    Cause.EXPIRED: "the head of the stream has gone, by its limits or a purge",
    Cause.UNKNOWN: "nothing stored explains it: never stored, or removed before anybody looked",
}


class About(StrEnum):
    """What a step speaks of, in the order in which they come."""

    THERE = "there"
    MISSING = "missing"
    WRONG = "wrong"
    SNAPSHOT = "snapshot"
    REPLAY = "replay"
    DO = "do"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the reasoning."""

    about: About
    text: str
    command: str | None = None
    """What to type, but for `--config`."""


@dataclass(frozen=True, slots=True)
class LastSnapshot:
    """The one that Aether reads."""

    version: int | None
    """None if it does not decode."""
    trouble: str | None = None
    """Why it is no use, in one line."""


def reasoning(versions: Sequence[int], snapshot: LastSnapshot | None, report: PassReport) -> list[Step]:
    """The steps; `versions` are those of the events that replay applies, in its order."""
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
        return Step(About.THERE, "no event that replay applies")
    events = "1 event" if len(versions) == 1 else f"{len(versions)} events"
    runs = [f"{first} to {last}" if last > first else str(first) for first, last in _runs(versions)]
    named = ", ".join(runs[:MOST_RUNS]) + (", …" if len(runs) > MOST_RUNS else "")
    return Step(About.THERE, f"{events} that replay applies, in this order: version {named}")


def _missing(finding: Finding) -> Step:
    assert finding.cause is not None
    return Step(About.MISSING, f"{finding.detail}: {WHY[finding.cause]}")


def _wrong(finding: Finding) -> Step:
    kind = f"{finding.kind} ({finding.reason or finding.cause})" if finding.reason or finding.cause else finding.kind
    where = f" at sequence {place_of(finding)}" if finding.seq is not None else ""
    return Step(About.WRONG, f"{kind}{where}: {finding.detail or 'see docs/findings.md'}")


def _snapshot(snapshot: LastSnapshot | None) -> Step:
    if snapshot is None:
        return Step(About.SNAPSHOT, "no snapshot is stored")
    if snapshot.trouble is not None:
        return Step(About.SNAPSHOT, f"the last snapshot is no use: {snapshot.trouble}")
    return Step(About.SNAPSHOT, f"the last snapshot is of version {snapshot.version}")


def _replay(snapshot: LastSnapshot | None, report: PassReport) -> Step:
    actors = report.actors
    if actors.broken:
        return Step(About.REPLAY, f"broken: {_not_bridged(report.broken[0])}")
    if actors.replayable_from_snapshot:
        assert snapshot is not None
        return Step(
            About.REPLAY,
            f"replayable from the snapshot only: it covers what is damaged, and replay goes on behind version {snapshot.version}",
        )
    if actors.replayable:
        return Step(About.REPLAY, "replayable from its first version")
    return Step(About.REPLAY, "nothing to replay: it has no events")


def _not_bridged(actor: BrokenActor) -> str:
    if actor.bridge is None:
        return "several actor ids share its subject, and each replays the events of the others; no snapshot helps"
    return f"no snapshot covers the damage; {actor.bridge} would"


def _to_do(report: PassReport) -> Iterator[Step]:
    corrupt = [finding for finding in report.findings if finding.severity is Severity.CORRUPTION]
    for finding in report.findings:
        if finding.quarantine is not None:
            look = f"look at the bytes at sequence {place_of(finding)} (kept by a scan)"
            yield Step(About.DO, look, f"auditor quarantine show {finding.quarantine}")
    for actor in report.broken:
        if actor.bridge is None:
            yield Step(About.DO, "give the actors ids of which no two map to the same subject, and move their events")
        else:
            yield Step(
                About.DO,
                "make its true state from a backup, a projection or by hand, and have the application save it:"
                f" {actor.bridge} makes it replayable again",
            )
    for kind in dict.fromkeys(finding.kind for finding in corrupt):
        up_to = max(finding.seq_for_acceptance for finding in corrupt if finding.kind is kind)
        yield Step(
            About.DO,
            f"or, once it is understood (docs/findings.md#{kind}), accept it: every {kind} up to there is counted apart",
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
