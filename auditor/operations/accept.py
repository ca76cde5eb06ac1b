"""Accepts findings of one kind, and withdraws acceptances."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.core.model.finding_identity import MAX_IDENTITIES
from auditor.core.model.findings import Kind, spec
from auditor.core.model.kind_rules import AcceptedBy
from auditor.core.state.acceptance import Acceptance, AcceptanceRule
from auditor.core.state.checkpoint import FOREVER, CheckpointKind
from auditor.errors import AuditorError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.app import App
    from auditor.config import AuditConfig
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class AcceptResult:
    """A new acceptance, and what it changes in the report of the last pass."""

    acceptance: Acceptance
    count: int
    """Findings that were open and are now accepted."""
    still_open: Mapping[Kind, int]
    """Open findings by kind, with the acceptance applied; kinds without any are left out."""


async def accept_findings(app: App, audit: AuditConfig, kind: Kind, up_to_seq: int | None, reason: str) -> AcceptResult:
    """Accept the open findings of `kind` in the last report, up to a sequence or all of them, and store the acceptance.

    Findings that no report had are not accepted, whatever their place or time. Raises NotFoundError without a completed pass
    or without such a finding, AuditorError if `up_to_seq` does not fit or not all of the findings are identified, and the
    AuditorErrors of a request.
    """
    acceptances = app.acceptances(audit)
    accepted = await acceptances.load()
    before = await app.last_report(audit, accepted, store=False)
    if before is None:
        raise NotFoundError(f"audit {audit.name} has not completed a pass that is saved: run auditor scan first")
    end = _end_of_rule(before, kind, up_to_seq)
    checkpoint = await _completed_checkpoint(app, audit)
    _refuse_unidentified(before, checkpoint, kind, up_to_seq)
    known = accepted.get(kind)
    asked = Acceptance(
        kind=kind,
        up_to_seq=end,
        reason=reason,
        accepted_ns=time.time_ns(),
        identities=known.listed(before.accepted_identities).identities if known else {},
        rule=AcceptanceRule(up_to_seq=end, noticed_by_ns=FOREVER, created_ns=checkpoint.created_ns),
    )
    after = await app.last_report(audit, {**accepted, kind: asked}, store=False)
    assert after is not None
    count = before.findings_total.get(kind, 0) - after.findings_total.get(kind, 0)
    if count <= 0:
        where = "" if up_to_seq is None else f" up to sequence {up_to_seq}"
        raise NotFoundError(
            f"no finding of kind {kind} is open in audit {audit.name}{where}: "
            f"it has {totals_text(before.findings_total)}"
        )
    acceptance = asked.listed(after.accepted_identities)
    await acceptances.store({**accepted, kind: acceptance})
    return AcceptResult(acceptance, count, after.findings_total)


def _end_of_rule(report: PassReport, kind: Kind, up_to_seq: int | None) -> int:
    """The last sequence to accept. Raises AuditorError if `up_to_seq` does not fit the kind or the report."""
    if up_to_seq is not None and spec(kind).accepted_by is AcceptedBy.TIME:
        raise AuditorError(
            f"--up-to-seq: a {kind} is about the whole stream and has no place in it: leave the option out"
        )
    last_seq = report.range.last_seq
    if up_to_seq is not None and up_to_seq > last_seq:
        raise AuditorError(
            f"--up-to-seq {up_to_seq} is beyond what was read: the last pass ended at sequence {last_seq}"
        )
    return last_seq if up_to_seq is None else up_to_seq


async def _completed_checkpoint(app: App, audit: AuditConfig) -> Checkpoint:
    """The checkpoint of which `last_report` made a report."""
    state_store = app.state_store(audit, store=False)
    checked_out = await state_store.check_out(CheckpointKind.COMPLETED)
    assert checked_out is not None
    state_store.put_back(checked_out)
    return checked_out.checkpoint


def _refuse_unidentified(report: PassReport, checkpoint: Checkpoint, kind: Kind, up_to_seq: int | None) -> None:
    """Raise AuditorError if findings that are only counted would have to be accepted."""
    unidentified = checkpoint.state.segments.first_unidentified_seq(kind)
    if unidentified is not None and (up_to_seq is None or up_to_seq >= unidentified):
        raise AuditorError(
            f"only the first {MAX_IDENTITIES} {kind} are kept one by one, and others are only counted:"
            f" accept with --up-to-seq {unidentified - 1}"
        )
    counted_only = any(each is kind for each, _ in report.counted_only)
    if unidentified is None and counted_only and up_to_seq is None:
        raise AuditorError(f"audit has more than {MAX_IDENTITIES} {kind}: accept some of them with --up-to-seq N")


async def withdraw_acceptance(app: App, audit: AuditConfig, kind: Kind) -> None:
    """Remove the acceptance of `kind`. Raises NotFoundError if there is none, and the AuditorErrors of a request."""
    acceptances = app.acceptances(audit)
    accepted = await acceptances.load()
    if accepted.pop(kind, None) is None:
        raise NotFoundError(f"no finding of kind {kind} is accepted in audit {audit.name}")
    await acceptances.store(accepted)


def totals_text(totals: Mapping[Kind, int]) -> str:
    """Counts of findings by kind, in one line."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(totals.items())) or "nothing"
