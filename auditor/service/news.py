"""Which findings are new: what an alert should wake somebody for, and what was there before anybody watched."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from auditor.core.findings import Finding, Kind, Severity
    from auditor.core.report import AuditReport


class Fact(NamedTuple):
    """What stays the same of a finding while it stands: not its cause, nor where a range begins as the stream's head goes."""

    key: tuple[Kind, Severity]
    subject: str | None
    seq: int | None
    version: int | None
    after_version: int | None
    last_seq: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """What passes have told of findings."""

    counts: Counter[tuple[Kind, Severity]] = field(default_factory=Counter)
    facts: AbstractSet[Fact] = frozenset()
    cut: bool = False
    """Whether more findings stood than were listed."""

    def and_also(self, other: Told) -> Told:
        """Both together."""
        return Told(self.counts | other.counts, self.facts | other.facts, self.cut or other.cut)


class News:
    """One audit's findings from pass to pass. The first pass that read to its end is the baseline."""

    def __init__(self) -> None:
        self._told = Told()
        self._baseline = False
        self._newest_ns: dict[tuple[Kind, Severity], int] = {}

    def newest(self, kind: Kind, severity: Severity) -> int:
        """When the newest finding was first seen that is not part of the baseline, nanoseconds since 1970; 0 if none."""
        return self._newest_ns.get((kind, severity), 0)

    def take(self, report: AuditReport, now_ns: int) -> None:
        """One more completed pass, seen `now_ns` nanoseconds after 1970."""
        told = Told(Counter(report.totals), {_fact(finding) for finding in report.findings}, report.findings_cut)
        if self._baseline:
            fresh = set() if self._told.cut else {fact.key for fact in told.facts - self._told.facts}
            for key, count in report.totals.items():
                # Beyond what is listed only a count can tell.
                if count > self._told.counts[key] or key in fresh:
                    self._newest_ns[key] = now_ns
        # What an incomplete pass did not see is not gone, and no news when it is seen again.
        self._told = told if report.incomplete is None else self._told.and_also(told)
        self._baseline = self._baseline or _read_to_its_end(report)


def _fact(finding: Finding) -> Fact:
    key = (finding.kind, finding.severity)
    return Fact(key, finding.subject, finding.seq, finding.version, finding.after_version, finding.last_seq)


def _read_to_its_end(report: AuditReport) -> bool:
    """An empty range has nothing to read."""
    end = report.range.last_seq
    return end < report.range.first_seq or (report.read is not None and report.read.last_seq >= end)
