"""`auditor scan`: runs one pass of each audit and prints the reports as tables or as one JSON object."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

import auditor
from auditor.app import open_app
from auditor.cli.connection_messages import connection_messages
from auditor.cli.exit_codes import ExitCode, exit_code, overall_verdict
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.progress import progress_bar
from auditor.cli.signals import result_until, stop_signal
from auditor.cli.tables import print_line, print_report, result_console
from auditor.config import load
from auditor.config.values import duration
from auditor.config.without_file import Look, config_of
from auditor.core.report.pass_report import REPORT_SCHEMA, PassReport
from auditor.errors import AuditorError
from auditor.scan.request import PassRequest, StartFrom
from auditor.units import format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from auditor.app import App
    from auditor.config import AuditConfig, Config, Duration

NOT_BEGUN = "the scan was interrupted before this audit began"


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """The options of `auditor scan`."""

    full: bool
    as_json: bool
    dry_run: bool
    max_findings: int
    timeout: str | None
    """A duration as in the configuration file; None: no limit."""


def scan_command(config_file: Path | Look, names: Sequence[str], options: ScanOptions) -> int:
    """Returns the exit code. `config_file`: the file, or the options that replace it. Raises AuditorError if no pass could start."""
    limit = None if options.timeout is None else _time_limit(options.timeout)
    config = config_of(config_file, os.environ) if isinstance(config_file, Look) else load(config_file)
    audits = select_audits(config, names)
    configure_log("warning", "console")
    return asyncio.run(_scan(config, audits, options, limit))


def _time_limit(text: str) -> Duration:
    try:
        limit = duration(text)
    except ValueError as error:
        raise AuditorError(f"--timeout: {error}") from error
    if not limit.nanoseconds:
        raise AuditorError("--timeout: must be more than 0")
    return limit


async def _scan(config: Config, audits: Sequence[AuditConfig], options: ScanOptions, limit: Duration | None) -> int:
    started_ns = time.time_ns()
    interrupted = stop_signal()
    messages = Console(stderr=True)
    if limit is not None:

        def time_out() -> None:
            print_line(messages, f"auditor: interrupted after {limit}, as --timeout says")
            interrupted.set()

        asyncio.get_running_loop().call_later(limit.seconds, time_out)
    ended: list[PassReport | AuditorError] = []
    async with AsyncExitStack() as stack:
        opening = stack.enter_async_context(open_app(config, ensure_own_streams=not options.dry_run))
        app = await result_until(interrupted, opening)
        if app is not None:
            await stack.enter_async_context(connection_messages(messages, app.client))
        for audit in audits:
            if app is None or interrupted.is_set():
                print_line(messages, f"auditor: {audit.name}: {NOT_BEGUN}")
                ended.append(AuditorError(NOT_BEGUN))
                continue
            start_from = StartFrom.BEGINNING if options.full else StartFrom.AUTO
            request = PassRequest(audit, start_from, options.max_findings, interrupt=interrupted)
            ended.append(await _one(app, request, messages, store=not options.dry_run))
    reports = [result if isinstance(result, PassReport) else None for result in ended]
    code = ExitCode.INCONCLUSIVE if interrupted.is_set() else exit_code(reports)
    if options.as_json:
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
    for audit, result in zip(audits, ended, strict=True):
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
