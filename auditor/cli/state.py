"""`auditor state`: prints and deletes the saved state of each audit."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.tables import print_line, result_console
from auditor.config import load
from auditor.core.state.checkpoint import CheckpointKind
from auditor.errors import AuditorError, StateFormatError
from auditor.operations.saved_state import describe_state, reset_state
from auditor.units import format_age, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from auditor.config import AuditConfig, Config
    from auditor.operations.saved_state import SavedState

TITLES = {CheckpointKind.COMPLETED: "last pass", CheckpointKind.IN_PROGRESS: "full pass in progress"}


def show_command(config_file: Path, names: Sequence[str]) -> int:
    """Print the saved state of these audits, or of all. Raises AuditorError."""
    configure_log("warning", "console")
    config = load(config_file)
    asyncio.run(_show(config, select_audits(config, names)))
    return ExitCode.CLEAN


async def _show(config: Config, audits: Sequence[AuditConfig]) -> None:
    console = result_console()
    async with open_app(config, ensure_own_streams=False) as app:
        for audit in audits:
            try:
                state = await describe_state(app, audit)
            except StateFormatError as error:
                print_line(console, f"{audit.name}: {error}; auditor state reset --audit {audit.name} deletes it")
                continue
            if state.saved is None:
                print_line(console, f"{audit.name}: nothing is saved; the next pass reads everything")
            else:
                for line in state_lines(audit.name, state.saved, time.time_ns()):
                    print_line(console, line)
            if state.accepted:
                print_line(console, f"  accepted: {', '.join(state.accepted)} (details: auditor accept --list)")


def state_lines(name: str, saved: SavedState, now_ns: int) -> Iterator[str]:
    """Yield the lines about the saved state of the audit `name`, `now_ns` nanoseconds after 1970."""
    age_ns = now_ns - saved.saved_ns
    age = f"{format_age(age_ns)} ago" if age_ns >= 0 else "in the future, while the clock was ahead"
    yield f"{name}: saved {age} ({format_utc(saved.saved_ns)}) by auditor {saved.version}, {saved.size} bytes"
    for kind, summary in saved.checkpoints.items():
        yield (
            f"  {TITLES[kind]}: stream {summary.get('stream')}, "
            f"sequences {summary.get('first_seq')} to {summary.get('last_seq')}, "
            f"{summary.get('actors')} actors, full pass begun {summary.get('full_pass_at')}"
        )


def reset_command(config_file: Path, names: Sequence[str], *, yes: bool) -> int:
    """Delete the saved state of these audits, or of all, except for acceptances. Raises AuditorError without `yes`."""
    configure_log("warning", "console")
    config = load(config_file)
    audits = select_audits(config, names)
    if not yes:
        raise AuditorError(
            f"this deletes the saved state of {', '.join(audit.name for audit in audits)}: the next pass reads "
            "everything, reports none of its findings as new, and forgets the incidents that are open (auditor findings list"
            " shows them): add --yes to do it"
        )
    asyncio.run(_reset(config, audits))
    return ExitCode.CLEAN


async def _reset(config: Config, audits: Sequence[AuditConfig]) -> None:
    console = result_console()
    async with open_app(config, ensure_own_streams=False) as app:
        for audit in audits:
            if await reset_state(app, audit):
                print_line(
                    console, f"{audit.name}: deleted; the next pass reads everything; accepted findings stay accepted"
                )
            else:
                print_line(console, f"{audit.name}: nothing is saved")
