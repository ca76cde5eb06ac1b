"""Tracks which findings are new since the baseline, the first pass that read to its end. All values are immutable."""

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
    """The fields of a finding that do not change while it is open.

    A cause can change, and so can the first sequence of a range when the start of the stream expires.
    """

    key: Key
    subject: str | None
    seq: int | None
    version: int | None
    after_version: int | None
    last_seq: int | None


class KnownFindings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"identities": "facts", "truncated": "cut"}
):
    """The findings that earlier passes reported."""

    counts: dict[Key, int] = {}
    identities: frozenset[FindingIdentity] = frozenset()
    truncated: bool = False
    """Whether more findings were open than were listed."""

    def merged_with(self, other: KnownFindings) -> KnownFindings:
        """The findings of both."""
        counts = {key: max(self.counts.get(key, 0), other.counts.get(key, 0)) for key in self.counts | other.counts}
        return KnownFindings(counts, self.identities | other.identities, self.truncated or other.truncated)


class Baseline(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"known": "told", "established": "baseline", "newest_finding_ns": "newest_ns"},
):
    """The findings of one audit from pass to pass."""

    known: KnownFindings = KnownFindings()
    established: bool = False
    """Whether a pass has read to its end: its findings are the baseline."""
    newest_finding_ns: dict[Key, int] = {}
    """When the newest finding was first reported that is not part of the baseline, nanoseconds since 1970."""

    def updated_with(self, report: PassReport, now_ns: int) -> Baseline:
        """The baseline after one more completed pass, which ended `now_ns` nanoseconds after 1970."""
        counts = dict(report.totals)
        for key, accepted in report.accepted.items():  # accepting a finding, or withdrawing that, makes it not new
            counts[key] = counts.get(key, 0) + accepted
        identities = frozenset(identity_of(finding) for finding in report.findings)
        reported = KnownFindings(counts, identities, report.findings_cut)
        # A pass that is incomplete may not have reached known findings: they are still known when they are reported again.
        known = reported if report.incomplete is None else self.known.merged_with(reported)
        newest_ns = self.newest_finding_ns | dict.fromkeys(self._new(reported), now_ns)
        return Baseline(known, self.established or _read_to_its_end(report), newest_ns)

    def _new(self, reported: KnownFindings) -> set[Key]:
        """The kinds and severities with findings that are not known yet."""
        if not self.established:
            return set()
        new = set() if self.known.truncated else {each.key for each in reported.identities - self.known.identities}
        # Findings that are not listed are only counted.
        return new | {key for key, count in reported.counts.items() if count > self.known.counts.get(key, 0)}


def identity_of(finding: Finding) -> FindingIdentity:
    """The identity of a finding."""
    key = (finding.kind, finding.severity)
    return FindingIdentity(key, finding.subject, finding.seq, finding.version, finding.after_version, finding.last_seq)


def _read_to_its_end(report: PassReport) -> bool:
    """Whether everything in the range has been read, by this pass or by the one that it continues."""
    end = report.range.last_seq
    return (
        report.mode is Mode.INCREMENTAL
        or end < report.range.first_seq
        or (report.read is not None and report.read.last_seq >= end)
    )
