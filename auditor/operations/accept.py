"""Accepts findings of one kind, and withdraws acceptances."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.core.model.findings import AcceptedBy, Kind, spec
from auditor.core.state.acceptance import Acceptance, count_in_last_segment
from auditor.core.state.checkpoint import CheckpointKind
from auditor.errors import AuditorError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.app import App
    from auditor.config import AuditConfig


@dataclass(frozen=True, slots=True)
class AcceptResult:
    """A new acceptance, and what it changes in the report of the last pass."""

    acceptance: Acceptance
    count: int
    """Findings that were open and are now accepted."""
    still_open: Mapping[Kind, int]
    """Open findings by kind, with the acceptance applied; kinds without any are left out."""


async def accept_findings(app: App, audit: AuditConfig, kind: Kind, up_to_seq: int | None, reason: str) -> AcceptResult:
    """Accept the open findings of `kind` in the last pass, up to a sequence or all of them, and store the acceptance.

    Raises NotFoundError without a completed pass or without such a finding, AuditorError if `up_to_seq` does not fit,
    and the AuditorErrors of a request.
    """
    state_store, acceptances = app.state_store(audit, store=False), app.acceptances(audit)
    accepted = await acceptances.load()
    before = await app.last_report(audit, accepted, store=False)
    checked_out = await state_store.check_out(CheckpointKind.COMPLETED)
    if before is None or checked_out is None:
        raise NotFoundError(f"audit {audit.name} has not completed a pass that is saved: run auditor scan first")
    checkpoint, last_seq = checked_out.checkpoint, before.range.last_seq
    if up_to_seq is not None and spec(kind).accepted_by is AcceptedBy.TIME:
        raise AuditorError(
            f"--up-to-seq: a {kind} is about the whole stream and has no place in it: leave the option out"
        )
    if up_to_seq is not None and up_to_seq > last_seq:
        raise AuditorError(
            f"--up-to-seq {up_to_seq} is beyond what was read: the last pass ended at sequence {last_seq}"
        )
    end = last_seq if up_to_seq is None else up_to_seq
    try:
        counted = count_in_last_segment(kind, end, checkpoint.state.segments, last_seq)
    except ValueError as error:
        raise AuditorError(f"--up-to-seq {up_to_seq}: {error}") from error
    acceptance = Acceptance(
        kind=kind,
        up_to_seq=end,
        reason=reason,
        accepted_ns=time.time_ns(),
        created_ns=checkpoint.created_ns,
        count_in_last_segment=counted,
    )
    state_store.put_back(checked_out)
    after = await app.last_report(audit, {**accepted, kind: acceptance}, store=False)
    assert after is not None
    count = before.findings_total.get(kind, 0) - after.findings_total.get(kind, 0)
    if count <= 0:
        where = "" if up_to_seq is None else f" up to sequence {up_to_seq}"
        raise NotFoundError(
            f"no finding of kind {kind} is open in audit {audit.name}{where}: "
            f"it has {totals_text(before.findings_total)}"
        )
    await acceptances.store({**accepted, kind: acceptance})
    return AcceptResult(acceptance, count, after.findings_total)


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
