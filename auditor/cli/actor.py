"""`auditor actor`: one actor as Aether would replay it, and what is wrong with it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from auditor.app import open_app
from auditor.cli.exit_codes import exit_code
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.tables import findings_table, print_line, results
from auditor.config import load
from auditor.core.report.actor_assessment import Replayability
from auditor.operations.actor import check_actor_id, find_actor
from auditor.operations.explain_actor import About

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
    """The exit code: 0 nothing wrong with this actor, 2 corrupt, 3 not all of it could be read."""
    check_actor_id(actor_id)
    config = load(config_file)
    configure_log("warning", "console")
    view = asyncio.run(_find(config, select_audits(config, [audit] if audit else []), actor_id, from_version))
    if as_json:
        print(json.dumps(view.to_json()))  # noqa: T201 - the result
    else:
        _print(results(), view, config_file)
    return exit_code([view.report])


async def _find(config: Config, audits: Sequence[AuditConfig], actor_id: str, from_version: int) -> ActorDetails:
    async with open_app(config, ensure_own_streams=False) as app:
        return await find_actor(app, audits, actor_id, from_version)


def _print(console: Console, view: ActorDetails, config_file: Path) -> None:
    for error in view.result.errors:
        where = f"sequence {error.sequence_number}, byte {error.error.offset} of {len(error.raw_data)}"
        print_line(console, f"skipped by replay: {where}: {error.error.reason}: {error.error.detail}", "red")
    if view.report.findings:
        console.print(findings_table(view.report.findings))
    events = view.shown
    versions = f", versions {events[0].version} to {events[-1].version}" if events else ""
    print_line(console, f"actor     {view.actor_id}")
    print_line(console, f"subject   {view.subject}")
    print_line(console, f"events    {len(events)}{versions}; latest version {view.latest_version}")
    print_line(console, f"skipped   {len(view.result.errors)}")
    about = None
    for step in view.reasoning:
        name = step.about if step.about is not about else ""
        about = step.about
        print_line(console, f"{name:<10}{step.text}", STYLES.get(view.replay, "") if about is About.REPLAY else "")
        if step.command:
            print_line(console, f"{'':<12}{step.command} --config {config_file}")
    if view.report.incomplete:
        print_line(console, f"not all of it could be read: {view.report.incomplete}", "bold yellow")
