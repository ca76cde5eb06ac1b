"""`auditor doctor`: prints each check on a line, and what to do if it is not OK."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, result_console
from auditor.config import load
from auditor.errors import AuditorError
from auditor.operations.doctor import Check, Status, run_checks

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.config import Config

STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "bold red"}


def doctor_command(config_file: Path) -> int:
    """Returns the exit code: 1 if a check failed, else 0, also with warnings. Raises ConfigError."""
    configure_log("error", "console")
    return asyncio.run(_print_checks(load(config_file)))


async def _print_checks(config: Config) -> int:
    passed = True
    try:
        async with open_app(config, ensure_own_streams=False) as app:
            _print(Check(Status.OK, "connected"))
            async for check in run_checks(app):
                _print(check)
                passed = passed and check.status is not Status.FAILED
    except AuditorError as error:
        _print(Check(Status.FAILED, str(error)))
        passed = False
    return ExitCode.CLEAN if passed else ExitCode.COULD_NOT_RUN


def _print(check: Check) -> None:
    print_line(result_console(), f"{check.status.value} {check.text}", STYLES[check.status])
    if check.fix is not None:
        print_line(result_console(), f"  → {check.fix}")
