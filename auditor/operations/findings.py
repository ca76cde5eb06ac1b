"""Lists the findings of the last reports, and finds one by its id."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.core.model.findings import spec
from auditor.core.model.kind_rules import Unit
from auditor.core.report.finding_query import FindingFilter, FindingState, group_by_cause, listed_findings
from auditor.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.app import App
    from auditor.config import AuditConfig
    from auditor.core.model.findings import Kind
    from auditor.core.report.finding_query import FindingGroup, ListedFinding
    from auditor.core.report.pass_report import PassReport

MAX_FINDINGS = 100_000
"""Open findings, and accepted ones, that are read from the last report of an audit."""


@dataclass(frozen=True, slots=True)
class FindingList:
    """Findings that were asked for, in the order of the audits and of their reports."""

    findings: tuple[ListedFinding, ...]
    is_complete: bool
    """Whether these are all. A report lists at most a number of findings of each kind."""
    without_report: tuple[str, ...]
    """Audits that have not completed a pass that is saved."""


async def select_findings(app: App, audits: Sequence[AuditConfig], wanted: FindingFilter) -> FindingList:
    """Returns the wanted findings of these audits' last reports.

    Raises NotFoundError if no audit has a report, and the AuditorErrors of a request.
    """
    found: list[ListedFinding] = []
    without_report, is_complete = [], True
    for audit in audits:
        report = await app.last_report(audit, store=False, max_findings=MAX_FINDINGS)
        if report is None:
            without_report.append(audit.name)
            continue
        found += [each for each in listed_findings(report) if wanted.matches(each)]
        is_complete &= _lists_all(report, wanted)
    if len(without_report) == len(audits):
        raise NotFoundError(
            f"no audit has completed a pass that is saved ({', '.join(without_report)}): run auditor scan first"
        )
    return FindingList(tuple(found), is_complete, tuple(without_report))


def _lists_all(report: PassReport, wanted: FindingFilter) -> bool:
    """Whether the report lists every finding of the wanted states and kinds."""
    counted = {FindingState.OPEN: report.findings_total, FindingState.ACCEPTED: report.accepted_total}
    listed: Counter[tuple[FindingState, Kind]] = Counter()
    for each in listed_findings(report):
        is_range = spec(each.finding.kind).unit is Unit.MESSAGES
        listed[each.state, each.finding.kind] += (each.finding.count or 0) if is_range else 1
    return all(
        listed[state, kind] >= count
        for state in wanted.states or FindingState
        for kind, count in counted[state].items()
        if not wanted.kinds or kind in wanted.kinds
    )


async def find_finding(app: App, audits: Sequence[AuditConfig], id_: str) -> list[tuple[ListedFinding, FindingGroup]]:
    """Returns the finding with this id and its group, in each of the audits that have it.

    Raises NotFoundError if none has it, and as `select_findings`.
    """
    all_ = await select_findings(app, audits, FindingFilter())
    found = [(finding, group) for group in group_by_cause(all_.findings) if (finding := group.member(id_)) is not None]
    if not found:
        names = ", ".join(audit.name for audit in audits if audit.name not in all_.without_report)
        raise NotFoundError(
            f'no finding "{id_}" is in the last report of {names}: auditor findings list --state all lists them'
        )
    return found
