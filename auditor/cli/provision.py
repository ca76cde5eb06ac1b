"""`auditor provision`: creates the streams of the auditor's own, as an administrator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.tables import print_line, result_console
from auditor.config import Config, load
from auditor.operations.provision import provision

if TYPE_CHECKING:
    from pathlib import Path


def provision_command(config_file: Path) -> int:
    """Create the streams even if the configuration does not let the auditor create them. Raises AuditorError."""
    configure_log("warning", "console")
    config = load(config_file)
    allowed = {"create": True}
    quarantine, state = config.quarantine.model_copy(update=allowed), config.state.model_copy(update=allowed)
    asyncio.run(_provision(config.model_copy(update={"quarantine": quarantine, "state": state})))
    return ExitCode.CLEAN


async def _provision(config: Config) -> None:
    async with open_app(config, ensure_own_streams=False) as app:
        async for stream, created in provision(app):
            print_line(
                result_console(), f"stream {stream} {'was created' if created else 'exists and is as it should be'}"
            )
