"""Keeps the findings of the last completed pass in the report of a pass that did not reach the end of its range."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from auditor.core.model.finding_identity import identity_set
from auditor.core.model.findings import Severity, spec
from auditor.core.model.kind_rules import Unit
from auditor.core.model.passes import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.core.model.finding_identity import IdentitySet, Key
    from auditor.core.report.pass_report import PassReport

Label = TypeVar("Label")


def with_known_findings(report: PassReport, known: PassReport) -> PassReport:
    """Returns `report` with the open findings of `known`, which are open until a pass reads their places again.

    A finding that both reports list is counted once. Of the kinds that count messages, and where a list is cut, the larger
    count is taken. The counts of messages, and the coverage, are those of `report`.
    """
    ids = {finding.id for finding in known.findings}
    new = tuple(
        finding for finding in report.findings if spec(finding.kind).unit is Unit.FINDINGS and finding.id not in ids
    )
    totals = dict(known.totals)
    for finding in new:
        key = (finding.kind, finding.severity)
        totals[key] = totals.get(key, 0) + 1
    for key, count in report.totals.items():
        if spec(key[0]).unit is Unit.MESSAGES or report.findings_cut or known.findings_cut:
            totals[key] = max(totals.get(key, 0), count)
    listed = {finding.kind for finding in known.findings}
    ranges = tuple(
        finding
        for finding in report.findings
        if spec(finding.kind).unit is Unit.MESSAGES and finding.kind not in listed
    )
    findings = sorted((*known.findings, *new, *ranges), key=lambda each: (each.severity.rank, each.position))
    missing_versions_by_type = _larger(known.missing_versions_by_type, report.missing_versions_by_type)
    corrupt = any(severity is Severity.CORRUPTION for _, severity in totals)
    end = f"up to sequence {report.read.last_seq}" if report.read else "nothing"
    return replace(
        report,
        verdict=Verdict.CORRUPT if corrupt else report.verdict,
        actors=known.actors,
        totals=totals,
        missing_versions=sum(missing_versions_by_type.values()),
        findings=tuple(findings),
        findings_cut=report.findings_cut or known.findings_cut,
        malformed_events=_larger(known.malformed_events, report.malformed_events),
        version_gaps=_larger(known.version_gaps, report.version_gaps),
        missing_versions_by_type=missing_versions_by_type,
        broken_by_type=_larger(known.broken_by_type, report.broken_by_type),
        broken_list=tuple(sorted({each.actor: each for each in (*known.broken_list, *report.broken_list)}.values())),
        accepted=_larger(known.accepted, report.accepted),
        accepted_findings=tuple(
            {each.id: each for each in (*known.accepted_findings, *report.accepted_findings)}.values()
        ),
        identities=_both(known.identities, report.identities),
        accepted_identities=_both(known.accepted_identities, report.accepted_identities),
        counted_only=known.counted_only | report.counted_only,
        notes=(*report.notes, f"this pass read {end}: findings of the last completed pass are included"),
    )


def _larger(known: Mapping[Label, int], report: Mapping[Label, int]) -> dict[Label, int]:
    return {label: max(known.get(label, 0), report.get(label, 0)) for label in {**known, **report}}


def _both(known: Mapping[Key, IdentitySet], report: Mapping[Key, IdentitySet]) -> dict[Key, IdentitySet]:
    return {key: identity_set([*known.get(key, ()), *report.get(key, ())]) for key in {**known, **report}}
