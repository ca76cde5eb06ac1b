"""What was planted beside what was found."""

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
    """What was planted beside what was found."""

    found: tuple[tuple[Damage, tuple[tuple[Expected, Finding | None], ...]], ...]
    """For each damage, each finding that it must cause; None if it is not in the report."""
    besides: tuple[Finding, ...]
    """Findings that nothing planted accounts for."""

    @property
    def complete(self) -> bool:
        """Whether everything planted was found, and nothing else."""
        return not self.besides and not self.missed

    @property
    def missed(self) -> tuple[str, ...]:
        """What was planted and not found, in words."""
        return tuple(damage.what for damage, findings in self.found if not all(finding for _, finding in findings))


def match_findings(planted: Sequence[Damage], report: PassReport) -> MatchResult:
    """Match the report's findings with what was planted."""
    left = list(report.findings)
    found = []
    for damage in planted:
        matches: list[tuple[Expected, Finding | None]] = []
        for expected in damage.expected:
            finding = next((each for each in left if damage.causes(expected, each)), None)
            if finding is not None:
                left.remove(finding)
            matches.append((expected, finding))
        found.append((damage, tuple(matches)))
    return MatchResult(tuple(found), tuple(left))
