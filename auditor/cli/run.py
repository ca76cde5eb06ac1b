"""`auditor run`: runs the daemon until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

import auditor
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.signals import stop_signal
from auditor.config import load
from auditor.daemon.supervisor import Supervisor
from auditor.service.status import ServiceStatus
from auditor.speedups import TWINS

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.config import Config

log = structlog.get_logger()


def run_command(config_file: Path) -> int:
    """Returns the exit code after a signal has stopped the daemon. Raises AuditorError if it cannot start."""
    config = load(config_file)
    configure_log(config.log.level, config.log.format)
    asyncio.run(_run(config))
    return ExitCode.CLEAN


async def _run(config: Config) -> None:
    stop = stop_signal()
    supervisor = Supervisor(config, ServiceStatus(auditor.__version__, config.audits))
    version = auditor.__version__
    await supervisor.run(stop, lambda server: log.info("serving", address=server.url, version=version, speedups=TWINS))
