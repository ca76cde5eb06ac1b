"""`auditor accept`: findings that are known are counted apart, until something new comes."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from auditor.app import connected
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.tables import print_line, results
from auditor.config import load
from auditor.core.model.findings import AcceptedBy, Kind, spec
from auditor.core.state.acceptance import Acceptance, count_in_last_segment
from auditor.core.state.checkpoint import CheckpointKind
from auditor.errors import AuditorError, NotFoundError
from auditor.units import format_utc

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.app import Auditor
    from auditor.config import AuditConfig, Config


def list_accepted(config_file: Path, audit: str) -> int:
    """Print what was accepted. Raises AuditorError."""
    config, chosen_audit = _loaded(config_file, audit)

    async def look() -> dict[Kind, Acceptance]:
        async with connected(config, writes=False) as auditor:
            return await auditor.acceptances(chosen_audit).load()

    accepted = asyncio.run(look())
    for kind, one in sorted(accepted.items()):
        since = format_utc(one.accepted_ns)
        print_line(results(), f"{kind} up to sequence {one.up_to_seq}, since {since}: {one.reason}")
    if not accepted:
        print_line(results(), f"{audit}: nothing is accepted")
    return ExitCode.CLEAN


def accept_findings(config_file: Path, audit: str, kind: str, up_to_seq: int | None, reason: str) -> int:
    """Accept every finding of `kind`, or those up to a sequence. Raises AuditorError, also if there is none."""
    config, chosen_audit = _loaded(config_file, audit)

    async def act() -> str:
        async with connected(config, writes=False) as auditor:
            return await _accept(auditor, chosen_audit, _kind(kind), up_to_seq, reason)

    print_line(results(), asyncio.run(act()))
    return ExitCode.CLEAN


async def _accept(auditor: Auditor, audit: AuditConfig, kind: Kind, up_to_seq: int | None, reason: str) -> str:
    last_pass, keeper, acceptances = auditor.new_pass(audit), auditor.keeper(audit), auditor.acceptances(audit)
    accepted = await acceptances.load()
    before = await last_pass.last(accepted)
    memory = await keeper.check_out(CheckpointKind.COMPLETED)
    if before is None or memory is None:
        raise NotFoundError(f"audit {audit.name} has not completed a pass that is saved: run auditor scan first")
    last_seq = before.range.last_seq
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
        counted = count_in_last_segment(kind, end, memory.state.segments, last_seq)
    except ValueError as error:
        raise AuditorError(f"--up-to-seq {up_to_seq}: {error}") from error
    one = Acceptance(
        kind=kind,
        up_to_seq=end,
        reason=reason,
        accepted_ns=time.time_ns(),
        created_ns=memory.created_ns,
        count_in_last_segment=counted,
    )
    keeper.put_back(memory)
    after = await last_pass.last({**accepted, kind: one})
    assert after is not None
    known = before.findings_total.get(kind, 0) - after.findings_total.get(kind, 0)
    if known <= 0:
        where = "" if up_to_seq is None else f" up to sequence {up_to_seq}"
        raise NotFoundError(
            f"no finding of kind {kind} stands in audit {audit.name}{where}: it has {_text(before.findings_total)}"
        )
    await acceptances.store({**accepted, kind: one})
    return f"{audit.name}: {known} {kind} accepted up to sequence {one.up_to_seq}; what stands now: {_text(after.findings_total)}"


def undo(config_file: Path, audit: str, kind: str) -> int:
    """Accept findings of `kind` no longer. Raises AuditorError, also if none was accepted."""
    config, chosen_audit = _loaded(config_file, audit)

    async def act() -> None:
        async with connected(config, writes=False) as auditor:
            acceptances = auditor.acceptances(chosen_audit)
            accepted = await acceptances.load()
            if accepted.pop(_kind(kind), None) is None:
                raise NotFoundError(f"no finding of kind {kind} is accepted in audit {audit}")
            await acceptances.store(accepted)

    asyncio.run(act())
    print_line(results(), f"{audit}: findings of kind {kind} are not accepted any more")
    return ExitCode.CLEAN


def _loaded(config_file: Path, audit: str) -> tuple[Config, AuditConfig]:
    configure_log("warning", "console")
    config = load(config_file)
    (one,) = select_audits(config, [audit])
    return config, one


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise AuditorError(f"--kind: {json.dumps(text)} is no kind of finding: they are {', '.join(Kind)}") from None


def _text(totals: dict[Kind, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(totals.items())) or "nothing"
