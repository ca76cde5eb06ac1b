"""`auditor selftest`: what is planted in the canary beside what the auditor finds there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.canary.stream import CANARY
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, print_match, results
from auditor.config import load
from auditor.operations.selftest import audit_canary, create_canary, embedded_server

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.config import Config


def selftest_command(config_file: Path | None) -> int:
    """The exit code: 0 if all that is planted was found and kept, and nothing else was found. Raises AuditorError."""
    configure_log("warning", "console")
    return asyncio.run(_embedded() if config_file is None else _test(load(config_file)))


async def _embedded() -> int:
    async with embedded_server() as config:
        return await _test(config)


async def _test(config: Config) -> int:
    console = results()
    async with open_app(config, ensure_own_streams=False) as app:
        if await create_canary(app):
            print_line(console, f"stream {CANARY} was made, with one of each damage in it")
        tested = await audit_canary(app, store=True)
    print_match(console, tested.proof)
    if tested.bad_records:
        for key in tested.bad_records:
            print_line(console, f"no such record in the side stream: {key}", "bold red")
    else:
        print_line(console, "every condemned message is in the side stream, byte for byte")
    return ExitCode.CLEAN if tested.ok else ExitCode.COULD_NOT_RUN
