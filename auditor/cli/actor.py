"""`auditor actor`: prints one actor as Aether replays it, and what is wrong with it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import exit_code
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.tables import findings_table, print_line, result_console
from auditor.config import load
from auditor.core.report.actor_assessment import Replayability
from auditor.operations.actor import check_actor_id, find_actor
from auditor.operations.explain_actor import StepTopic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from auditor.config import AuditConfig, Config
    from auditor.operations.actor import ActorDetails


STYLES: dict[Replayability | None, str] = {
    Replayability.REPLAYABLE: "bold green",
    Replayability.FROM_SNAPSHOT: "bold yellow",
    Replayability.BROKEN: "bold red",
}


def actor_command(config_file: Path, actor_id: str, audit: str | None, from_version: int, *, as_json: bool) -> int:
    """Returns the exit code: 0 if nothing is wrong with this actor, 2 corrupt, 3 inconclusive. Raises AuditorError."""
    check_actor_id(actor_id)
    config = load(config_file)
    configure_log("warning", "console")
    details = asyncio.run(_find(config, select_audits(config, [audit] if audit else []), actor_id, from_version))
    if as_json:
        print(json.dumps(details.to_json()))  # noqa: T201 - the result
    else:
        _print(result_console(), details, config_file)
    return exit_code([details.report])


async def _find(config: Config, audits: Sequence[AuditConfig], actor_id: str, from_version: int) -> ActorDetails:
    async with open_app(config, ensure_own_streams=False) as app:
        return await find_actor(app, audits, actor_id, from_version)


def _print(console: Console, details: ActorDetails, config_file: Path) -> None:
    for error in details.result.errors:
        where = f"sequence {error.sequence_number}, byte {error.error.offset} of {len(error.raw_data)}"
        print_line(console, f"skipped by replay: {where}: {error.error.reason}: {error.error.detail}", "red")
    if details.report.findings:
        console.print(findings_table(details.report.findings))
    events = details.events_shown
    versions = f", versions {events[0].version} to {events[-1].version}" if events else ""
    print_line(console, f"actor     {details.actor_id}")
    print_line(console, f"subject   {details.subject}")
    print_line(console, f"events    {len(events)}{versions}; latest version {details.latest_version}")
    print_line(console, f"skipped   {len(details.result.errors)}")
    topic = None
    for step in details.steps:
        name = step.about if step.about is not topic else ""
        topic = step.about
        print_line(
            console, f"{name:<10}{step.text}", STYLES.get(details.replay, "") if topic is StepTopic.REPLAY else ""
        )
        if step.command:
            print_line(console, f"{'':<12}{step.command} --config {config_file}")
    if details.report.incomplete:
        print_line(console, f"not all of it could be read: {details.report.incomplete}", "bold yellow")
