"""Which findings are new: what an alert should wake somebody for, and what was there before anybody watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from auditor.core.model.findings import Kind, Severity
from auditor.core.model.passes import Mode

if TYPE_CHECKING:
    from auditor.core.model.findings import Finding
    from auditor.core.report.pass_report import PassReport

Key = tuple[Kind, Severity]


class FindingIdentity(NamedTuple):
    """What stays the same of a finding while it stands: not its cause, nor where a range begins as the stream's head goes."""

    key: Key
    subject: str | None
    seq: int | None
    version: int | None
    after_version: int | None
    last_seq: int | None


class KnownFindings(msgspec.Struct, forbid_unknown_fields=True, rename={"identities": "facts", "truncated": "cut"}):
    """What passes have told of findings."""

    counts: dict[Key, int] = {}
    identities: set[FindingIdentity] = set()
    truncated: bool = False
    """Whether more findings stood than were listed."""

    def merged_with(self, other: KnownFindings) -> KnownFindings:
        """Both together."""
        counts = {key: max(self.counts.get(key, 0), other.counts.get(key, 0)) for key in self.counts | other.counts}
        return KnownFindings(counts, self.identities | other.identities, self.truncated or other.truncated)


class Baseline(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={"known": "told", "established": "baseline", "newest_finding_ns": "newest_ns"},
):
    """One audit's findings from pass to pass. The first pass that read to its end is the baseline."""

    known: KnownFindings = msgspec.field(default_factory=KnownFindings)
    established: bool = False
    """Whether there was one."""
    newest_finding_ns: dict[Key, int] = {}
    """When the newest finding was first seen that is not part of the baseline, nanoseconds since 1970."""

    def take(self, report: PassReport, now_ns: int) -> None:
        """One more completed pass, seen `now_ns` nanoseconds after 1970."""
        counts = dict(report.totals)
        for key, accepted in report.accepted.items():  # an acceptance and its undoing are no news
            counts[key] = counts.get(key, 0) + accepted
        told = KnownFindings(counts, {identity_of(finding) for finding in report.findings}, report.findings_cut)
        if self.established:
            fresh = set() if self.known.truncated else {fact.key for fact in told.identities - self.known.identities}
            for key, count in counts.items():
                # Beyond what is listed only a count can tell.
                if count > self.known.counts.get(key, 0) or key in fresh:
                    self.newest_finding_ns[key] = now_ns
        # What an incomplete pass did not see is not gone, and no news when it is seen again.
        self.known = told if report.incomplete is None else self.known.merged_with(told)
        self.established = self.established or _read_to_its_end(report)


def identity_of(finding: Finding) -> FindingIdentity:
    key = (finding.kind, finding.severity)
    return FindingIdentity(key, finding.subject, finding.seq, finding.version, finding.after_version, finding.last_seq)


def _read_to_its_end(report: PassReport) -> bool:
    """An empty range has nothing to read, and an incremental pass goes on from one that did."""
    end = report.range.last_seq
    return (
        report.mode is Mode.INCREMENTAL
        or end < report.range.first_seq
        or (report.read is not None and report.read.last_seq >= end)
    )
