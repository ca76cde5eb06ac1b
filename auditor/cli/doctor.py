"""`auditor doctor`: every check on a line, and what to do about those that are not well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, results
from auditor.config import load
from auditor.errors import AuditorError
from auditor.operations.doctor import Check, Mark, examine

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.config import Config

STYLES = {Mark.GOOD: "green", Mark.WARNING: "yellow", Mark.BAD: "bold red"}


def doctor_command(config_file: Path) -> int:
    """The exit code: 0 if nothing keeps the auditor from its work, warnings or not; else 1. Raises ConfigError."""
    configure_log("error", "console")
    return asyncio.run(_examine(load(config_file)))


async def _examine(config: Config) -> int:
    well = True
    try:
        async with open_app(config, ensure_own_streams=False) as app:
            _print(Check(Mark.GOOD, "connected"))
            async for check in examine(app):
                _print(check)
                well = well and check.mark is not Mark.BAD
    except AuditorError as error:
        _print(Check(Mark.BAD, str(error)))
        well = False
    return ExitCode.CLEAN if well else ExitCode.COULD_NOT_RUN


def _print(check: Check) -> None:
    print_line(results(), f"{check.mark.value} {check.what}", STYLES[check.mark])
    if check.fix is not None:
        print_line(results(), f"  → {check.fix}")
