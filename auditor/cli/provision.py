"""`auditor provision`: makes what the auditor writes to, as an administrator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, results
from auditor.config import Config, load
from auditor.operations.provision import provision

if TYPE_CHECKING:
    from pathlib import Path


def provision_command(config_file: Path) -> int:
    """The exit code. Raises AuditorError."""
    configure_log("warning", "console")
    config = load(config_file)
    may = {"create": True}
    quarantine, state = config.quarantine.model_copy(update=may), config.state.model_copy(update=may)
    asyncio.run(_make(config.model_copy(update={"quarantine": quarantine, "state": state})))
    return ExitCode.CLEAN


async def _make(config: Config) -> None:
    async with open_app(config, ensure_own_streams=False) as app:
        async for stream, made in provision(app):
            print_line(results(), f"stream {stream} {'was made' if made else 'is there and as it should be'}")
