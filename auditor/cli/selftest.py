"""`auditor selftest`: compares the damage in the canary with the findings of an audit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.canary.stream import CANARY
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, print_match, result_console
from auditor.config import load
from auditor.operations.selftest import audit_canary, create_canary, embedded_server

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.config import Config


def selftest_command(config_file: Path | None) -> int:
    """Returns the exit code: 0 if all seeded damage was found and stored as records, and nothing else was found. Raises AuditorError."""
    configure_log("warning", "console")
    return asyncio.run(_embedded() if config_file is None else _test(load(config_file)))


async def _embedded() -> int:
    async with embedded_server() as config:
        return await _test(config)


async def _test(config: Config) -> int:
    console = result_console()
    async with open_app(config, ensure_own_streams=False) as app:
        if await create_canary(app):
            print_line(console, f"stream {CANARY} was created, with one of each damage")
        tested = await audit_canary(app, store=True)
    print_match(console, tested.match_result)
    if tested.bad_records:
        for key in tested.bad_records:
            print_line(console, f"no such record in the quarantine stream: {key}", "bold red")
    else:
        print_line(console, "every quarantined message is in the quarantine stream, byte for byte")
    return ExitCode.CLEAN if tested.ok else ExitCode.COULD_NOT_RUN
