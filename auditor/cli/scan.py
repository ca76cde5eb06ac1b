"""`auditor scan`: runs one pass of each audit and prints the reports as tables or as one JSON object."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console

import auditor
from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode, exit_code, overall_verdict
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.progress import progress_bar
from auditor.cli.signals import stop_signal
from auditor.cli.tables import print_line, print_report, result_console
from auditor.config import load
from auditor.core.report.pass_report import REPORT_SCHEMA, PassReport
from auditor.errors import AuditorError
from auditor.scan.request import PassRequest, StartFrom
from auditor.units import format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.app import App
    from auditor.config import AuditConfig, Config


def scan_command(
    config_file: Path, names: Sequence[str], *, full: bool, as_json: bool, dry_run: bool, max_findings: int
) -> int:
    """Returns the exit code. Raises AuditorError if no pass could start."""
    config = load(config_file)
    audits = select_audits(config, names)
    configure_log("warning", "console")
    return asyncio.run(_scan(config, audits, full=full, as_json=as_json, dry_run=dry_run, max_findings=max_findings))


async def _scan(
    config: Config, audits: Sequence[AuditConfig], *, full: bool, as_json: bool, dry_run: bool, max_findings: int
) -> int:
    started_ns = time.time_ns()
    interrupted = stop_signal()
    messages = Console(stderr=True)
    ended: list[PassReport | AuditorError] = []
    async with open_app(config, ensure_own_streams=not dry_run) as app:
        for audit in audits:
            if interrupted.is_set():
                break
            start_from = StartFrom.BEGINNING if full else StartFrom.AUTO
            request = PassRequest(audit, start_from, max_findings, interrupt=interrupted)
            ended.append(await _one(app, request, messages, store=not dry_run))
    reports = [result if isinstance(result, PassReport) else None for result in ended]
    code = ExitCode.INCONCLUSIVE if interrupted.is_set() else exit_code(reports)
    if as_json:
        print(json.dumps(_document(audits, ended, code, started_ns)))  # noqa: T201 - the result
    else:
        for report in reports:
            if report:
                print_report(result_console(), report)
    return code


async def _one(app: App, request: PassRequest, messages: Console, *, store: bool) -> PassReport | AuditorError:
    name = request.audit.name
    try:
        async with progress_bar(messages, name, request.progress):
            return await app.run_to_end(request, store=store)
    except AuditorError as error:
        print_line(messages, f"auditor: {name}: {error}")
        return error


def _document(
    audits: Sequence[AuditConfig], ended: Sequence[PassReport | AuditorError], code: ExitCode, started_ns: int
) -> dict[str, Any]:
    entries = []
    for audit, result in zip(audits, ended, strict=False):
        if isinstance(result, PassReport):
            entries.append(result.to_json())
        else:
            entries.append({"name": audit.name, "stream": audit.stream, "verdict": "failed", "error": str(result)})
    return {
        "schema": REPORT_SCHEMA,
        "version": auditor.__version__,
        "verdict": overall_verdict(code),
        "started_at": format_rfc3339(started_ns),
        "finished_at": format_rfc3339(time.time_ns()),
        "audits": entries,
    }
