"""Tracks which findings are new since the baseline, the first pass that read to its end. All values are immutable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from auditor.core.model.finding_identity import MAX_IDENTITIES, IdentityIndex, IdentitySet, Key, identity_set
from auditor.core.model.passes import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.report.pass_report import PassReport


class KnownFindings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The findings that earlier passes reported, open and accepted ones."""

    counts: dict[Key, int] = {}
    identities: dict[Key, IdentitySet] = {}
    counted_only: frozenset[Key] = frozenset()
    """Kinds and severities with more findings than are identified."""
    are_identified: bool = True
    """False if a version of the auditor saved them that identified no findings."""

    def merged_with(self, other: KnownFindings) -> KnownFindings:
        """The findings of both."""
        counts = {key: max(self.counts.get(key, 0), other.counts.get(key, 0)) for key in self.counts | other.counts}
        identities = {
            key: identity_set([*self.identities.get(key, ()), *other.identities.get(key, ())])
            for key in self.identities | other.identities
        }
        full = {key for key, each in identities.items() if len(each) >= MAX_IDENTITIES}
        return KnownFindings(
            counts,
            identities,
            self.counted_only | other.counted_only | full,
            self.are_identified and other.are_identified,
        )

    def new_in(self, reported: KnownFindings) -> set[Key]:
        """The kinds and severities of findings that `reported` has and these do not.

        Only a higher count tells that there are new ones where more findings are known than are identified.
        """
        index = IdentityIndex(self.identities)
        new = set()
        for key, count in reported.counts.items():
            is_counted_only = not self.are_identified or key in self.counted_only
            if not is_counted_only:
                found = reported.identities.get(key, ())
                if any(index.unknown(key, identity) for identity in found):
                    new.add(key)
                is_counted_only = key in reported.counted_only
            if is_counted_only and count > self.counts.get(key, 0):
                new.add(key)
        return new


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
        reported = KnownFindings(counts, dict(report.identities), report.counted_only)
        # A pass that is incomplete may not have reached known findings: they are still known when they are reported again.
        known = reported if report.incomplete is None else self.known.merged_with(reported)
        new = self.known.new_in(reported) if self.established else set()
        return Baseline(
            known, self.established or read_to_its_end(report), self.newest_finding_ns | dict.fromkeys(new, now_ns)
        )

    @property
    def known_index(self) -> IdentityIndex | None:
        """Looks up the findings that were reported; None if they are not identified."""
        return IdentityIndex(self.known.identities) if self.known.are_identified else None


def from_format_1(saved: Mapping[str, Any]) -> dict[str, Any]:
    """A saved baseline in the shape of the present format: only the counts of its findings are kept."""
    counts = saved.get("told", {}).get("counts", {})
    return {**saved, "told": {"counts": counts, "are_identified": False}}


def read_to_its_end(report: PassReport) -> bool:
    """Whether everything in the range has been read, by this pass or by the one that it continues."""
    end = report.range.last_seq
    return (
        report.mode is Mode.INCREMENTAL
        or end < report.range.first_seq
        or (report.read is not None and report.read.last_seq >= end)
    )
