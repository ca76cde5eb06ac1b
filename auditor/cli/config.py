"""`auditor config`: checks a configuration file, and prints the JSON Schema of all of them."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, result_console
from auditor.config import load, schema
from auditor.operations.pass_time import slow_passes
from auditor.operations.selection import check_selections
from auditor.units import NANOSECONDS, format_utc

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.config import Config

RUNS_SHOWN = 3


def check_command(file: Path, *, connect: bool) -> int:
    """Print the audits and the next runs of each, as if `auditor run` started now.

    With `connect`, then connect to NATS, and print what the stream of each audit holds. Raises ConfigError, and with
    `connect` AuditorError.
    """
    config, console = load(file), result_console()
    now = datetime.fromtimestamp(time.time_ns() // NANOSECONDS, UTC)
    print_line(console, f"{file}: ok, audits: {', '.join(audit.name for audit in config.audits)}")
    for audit in config.audits:
        runs = (format_utc(int(run.timestamp()) * NANOSECONDS) for run in audit.schedule.next_runs(now, RUNS_SHOWN))
        print_line(console, f"{audit.name}: runs at the start, then {', '.join(runs)}")
    if connect:
        configure_log("error", "console")
        for line in asyncio.run(_check_selections(config, file)):
            print_line(console, line)
    return ExitCode.CLEAN


async def _check_selections(config: Config, file: Path) -> list[str]:
    async with open_app(config, ensure_own_streams=False) as app:
        return [*await check_selections(app, str(file)), *await slow_passes(app)]


def schema_command() -> int:
    """Print the JSON Schema of the configuration file."""
    print(json.dumps(schema(), indent=2))  # noqa: T201 - the result
    return ExitCode.CLEAN
