"""Selects findings by what an operator asks for, and groups those that have one cause."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.core.model.findings import spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.core.model.findings import Cause, Kind, Severity
    from auditor.core.report.pass_report import PassReport
    from auditor.core.report.reported_finding import ReportedFinding


class FindingState(StrEnum):
    """Whether a finding needs a decision."""

    OPEN = "open"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class ListedFinding:
    """A finding of the last report of an audit, and its state."""

    audit: str
    state: FindingState
    finding: ReportedFinding


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """What the findings have in common that are asked for. A field that is None or empty excludes nothing."""

    states: frozenset[FindingState] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    severity: Severity | None = None
    reason: str | None = None
    """The reason or the cause."""
    actor: str | None = None
    subject: str | None = None
    first_seq: int | None = None
    last_seq: int | None = None

    def matches(self, listed: ListedFinding) -> bool:
        """Returns whether the finding has all of this. A finding without a place in the stream is in no range of sequences."""
        finding = listed.finding
        wanted: tuple[tuple[object, object], ...] = (
            (self.severity, finding.severity),
            (self.actor, finding.actor),
            (self.subject, finding.subject),
        )
        return (
            (not self.states or listed.state in self.states)
            and (not self.kinds or finding.kind in self.kinds)
            and (self.reason is None or self.reason in (finding.reason, finding.cause))
            and all(value is None or value == has for value, has in wanted)
            and self._is_in_range(finding)
        )

    def _is_in_range(self, finding: ReportedFinding) -> bool:
        if self.first_seq is None and self.last_seq is None:
            return True
        seqs = [
            seq
            for seq in (finding.seq, finding.after_seq, finding.before_seq, finding.first_seq, finding.last_seq)
            if seq
        ]
        if not seqs:
            return False
        return (self.last_seq is None or min(seqs) <= self.last_seq) and (
            self.first_seq is None or max(seqs) >= self.first_seq
        )


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one audit with the same kind, reason, actor and state, and what follows from them."""

    first: ListedFinding
    """The first in stream order."""
    findings: tuple[ListedFinding, ...]
    consequences: tuple[ListedFinding, ...]
    """Findings about missing versions that are missing because of a message of `findings`."""

    def member(self, id_: str) -> ListedFinding | None:
        """Returns the finding of the group with this id; None if it has none."""
        return next((each for each in (*self.findings, *self.consequences) if each.finding.id == id_), None)


def listed_findings(report: PassReport) -> list[ListedFinding]:
    """Returns the open findings that the report lists, then the accepted ones."""
    states = ((FindingState.OPEN, report.findings), (FindingState.ACCEPTED, report.accepted_findings))
    return [ListedFinding(report.name, state, finding) for state, findings in states for finding in findings]


def group_by_cause(listed: Sequence[ListedFinding]) -> list[FindingGroup]:
    """Returns the groups of these findings, in the order of their first ones. Each finding is in one group."""
    causes = _causes(listed)
    consequences: dict[int, list[ListedFinding]] = {}
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, each in enumerate(listed):
        if (cause := causes.get(index)) is not None:
            consequences.setdefault(cause, []).append(each)
            continue
        finding = each.finding
        key = (each.audit, each.state, finding.kind, finding.severity, finding.reason or finding.cause, finding.actor)
        # Without an actor, equal fields do not tell that one fact is behind the findings.
        groups.setdefault(key if finding.actor else (*key, index), []).append(index)
    return [
        FindingGroup(
            listed[indexes[0]],
            tuple(listed[index] for index in indexes),
            tuple(gap for index in indexes for gap in consequences.get(index, ())),
        )
        for indexes in groups.values()
    ]


def _causes(listed: Sequence[ListedFinding]) -> dict[int, int]:
    """Returns for each finding about missing versions the first finding about a message inside it that is its cause, by index."""
    messages: dict[tuple[str, str | None, Cause], list[tuple[int, int]]] = {}
    for index, each in enumerate(listed):
        if each.finding.seq is not None and (cause := spec(each.finding.kind).gap_cause) is not None:
            messages.setdefault((each.audit, each.finding.subject, cause), []).append((each.finding.seq, index))
    for found in messages.values():
        found.sort()
    causes = {}
    for index, each in enumerate(listed):
        finding = each.finding
        if finding.cause is None or finding.after_seq is None or finding.before_seq is None:
            continue
        inside = messages.get((each.audit, finding.subject, finding.cause), [])
        at = bisect_right(inside, (finding.after_seq, len(listed)))
        if at < len(inside) and inside[at][0] < finding.before_seq:
            causes[index] = inside[at][1]
    return causes
