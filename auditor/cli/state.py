"""`auditor state`: what is remembered of each audit between passes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from auditor.app import connected
from auditor.cli.log_output import configure_log
from auditor.cli.scan import chosen
from auditor.cli.tables import print_line, results
from auditor.config import load
from auditor.core.report.pass_report import ExitCode
from auditor.errors import AuditorError, StateFormatError, StateNewerError
from auditor.units import NANOSECONDS, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from auditor.config import AuditConfig, Config
    from auditor.jetstream.state.part_store import Manifest

TITLES = {"completed": "last pass", "underway": "full pass under way"}
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def show(config_file: Path, names: Sequence[str]) -> int:
    """Print what is saved. Raises AuditorError."""
    configure_log("warning", "console")
    config = load(config_file)
    asyncio.run(_show(config, chosen(config, names)))
    return ExitCode.CLEAN


async def _show(config: Config, audits: Sequence[AuditConfig]) -> None:
    console = results()
    async with connected(config, writes=False) as auditor:
        for audit in audits:
            try:
                head = await auditor.checkpoints(audit).load_manifest()
            except StateFormatError as error:
                print_line(console, f"{audit.name}: {error}; auditor state reset --audit {audit.name} begins anew")
                continue
            accepted = await auditor.acceptances(audit).load()
            for line in _lines(audit.name, head, time.time_ns()):
                print_line(console, line)
            if accepted:
                print_line(console, f"  accepted: {', '.join(sorted(accepted))} (auditor accept --list says more)")


def _lines(name: str, head: Manifest | None, now_ns: int) -> Iterator[str]:
    if head is None or not head.parts:
        yield f"{name}: nothing is saved; the next pass reads everything"
        return
    age = _span((now_ns - head.saved_ns) // NANOSECONDS)
    size = sum(part.size for part in head.parts.values())
    yield f"{name}: saved {age} ago ({format_utc(head.saved_ns)}) by auditor {head.auditor}, {size} bytes"
    for part, title in TITLES.items():
        if part in head.parts:
            of = head.parts[part].about
            yield (
                f"  {title}: stream {of.get('stream')}, sequences {of.get('first_seq')} to {of.get('last_seq')}, "
                f"{of.get('actors')} actors, begun {of.get('full_pass_at')}"
            )


def _span(seconds: int) -> str:
    """In the largest unit of which there are two."""
    for size, unit in UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(0, seconds)} s"


def reset(config_file: Path, names: Sequence[str], *, yes: bool) -> int:
    """Forget what is saved, except for what was accepted. Raises AuditorError."""
    configure_log("warning", "console")
    config = load(config_file)
    audits = chosen(config, names)
    if not yes:
        raise AuditorError(
            f"this forgets what is known of {', '.join(audit.name for audit in audits)}, so that the next pass reads "
            "everything and what it finds is no news: say --yes to do it"
        )
    asyncio.run(_reset(config, audits))
    return ExitCode.CLEAN


async def _reset(config: Config, audits: Sequence[AuditConfig]) -> None:
    console = results()
    async with connected(config, writes=False) as auditor:
        for audit in audits:
            checkpoints = auditor.checkpoints(audit)
            try:
                head = await checkpoints.load_manifest()
                parts = list(head.parts) if head else []
                damaged = False
            except (StateFormatError, StateNewerError):
                parts, damaged = [], True
            if not parts and not damaged:
                print_line(console, f"{audit.name}: nothing is saved")
                continue
            await checkpoints.save(dict.fromkeys(parts), time.time_ns())
            print_line(
                console, f"{audit.name}: forgotten; the next pass reads everything, and accepted findings stay so"
            )
