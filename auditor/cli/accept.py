"""`auditor accept`: accepts findings, lists acceptances and withdraws them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.tables import print_line, result_console
from auditor.config import load
from auditor.core.model.findings import Kind
from auditor.errors import AuditorError
from auditor.operations.accept import accept_findings, totals_text, withdraw_acceptance
from auditor.units import format_utc

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.config import AuditConfig, Config
    from auditor.core.state.acceptance import Acceptance
    from auditor.operations.accept import AcceptResult


def list_command(config_file: Path, audit: str) -> int:
    """Print the acceptances of the audit. Raises AuditorError."""
    config, audit_config = _load(config_file, audit)

    async def read() -> dict[Kind, Acceptance]:
        async with open_app(config, ensure_own_streams=False) as app:
            return await app.acceptances(audit_config).load()

    accepted = asyncio.run(read())
    for kind, one in sorted(accepted.items()):
        since = format_utc(one.accepted_ns)
        print_line(result_console(), f"{kind} up to sequence {one.up_to_seq}, since {since}: {one.reason}")
    if not accepted:
        print_line(result_console(), f"{audit}: nothing is accepted")
    return ExitCode.CLEAN


def accept_command(config_file: Path, audit: str, kind: str, up_to_seq: int | None, reason: str) -> int:
    """Accept the open findings of `kind`, all or up to a sequence. Raises AuditorError, also if there is none."""
    checked_kind = _kind(kind)
    config, audit_config = _load(config_file, audit)

    async def accept() -> AcceptResult:
        async with open_app(config, ensure_own_streams=False) as app:
            return await accept_findings(app, audit_config, checked_kind, up_to_seq, reason)

    result = asyncio.run(accept())
    accepted = f"{result.count} {kind} accepted up to sequence {result.acceptance.up_to_seq}"
    print_line(result_console(), f"{audit}: {accepted}; still open: {totals_text(result.still_open)}")
    return ExitCode.CLEAN


def undo_command(config_file: Path, audit: str, kind: str) -> int:
    """Withdraw the acceptance of `kind`. Raises AuditorError, also if there is none."""
    checked_kind = _kind(kind)
    config, audit_config = _load(config_file, audit)

    async def withdraw() -> None:
        async with open_app(config, ensure_own_streams=False) as app:
            await withdraw_acceptance(app, audit_config, checked_kind)

    asyncio.run(withdraw())
    print_line(result_console(), f"{audit}: findings of kind {kind} are no longer accepted")
    return ExitCode.CLEAN


def _load(config_file: Path, audit: str) -> tuple[Config, AuditConfig]:
    configure_log("warning", "console")
    config = load(config_file)
    (audit_config,) = select_audits(config, [audit])
    return config, audit_config


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise AuditorError(f"--kind: {json.dumps(text)} is no kind of finding: they are {', '.join(Kind)}") from None
