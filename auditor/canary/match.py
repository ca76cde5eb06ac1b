"""Compares the findings of a report with the damage that was seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.canary.damage import Damage, Expected
    from auditor.core.model.findings import Finding
    from auditor.core.report.pass_report import PassReport


@dataclass(frozen=True, slots=True)
class MatchResult:
    """Which seeded damage was found, and what else was found."""

    found: tuple[tuple[Damage, tuple[tuple[Expected, Finding | None], ...]], ...]
    """For each damage, each finding that it must cause; None if it is not in the report."""
    unexpected: tuple[Finding, ...]
    """Findings that no seeded damage explains."""

    @property
    def is_exact(self) -> bool:
        """Whether all damage was found, and nothing else."""
        return not self.unexpected and not self.missing

    @property
    def missing(self) -> tuple[str, ...]:
        """The titles of damage that was not found completely."""
        return tuple(damage.title for damage, findings in self.found if not all(finding for _, finding in findings))


def match_findings(seeded: Sequence[Damage], report: PassReport) -> MatchResult:
    """Match each finding of the report with one expected finding of the seeded damage."""
    unmatched = list(report.findings)
    found = []
    for damage in seeded:
        matches: list[tuple[Expected, Finding | None]] = []
        for expected in damage.expected:
            finding = next((each for each in unmatched if damage.matches(expected, each)), None)
            if finding is not None:
                unmatched.remove(finding)
            matches.append((expected, finding))
        found.append((damage, tuple(matches)))
    return MatchResult(tuple(found), tuple(unmatched))
