"""`auditor findings`: lists the findings of the last passes, and shows one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from rich import box
from rich.table import Table

from auditor.app import open_app
from auditor.cli.exit_codes import ExitCode
from auditor.cli.log_output import configure_log
from auditor.cli.options import select_audits
from auditor.cli.tables import SEVERITY_STYLES, print_line, result_console, safe
from auditor.config import load
from auditor.core.model.findings import Kind, Severity, place_of
from auditor.core.report.finding_query import FindingFilter, FindingState, group_by_cause
from auditor.core.report.pass_report import reported_json
from auditor.errors import AuditorError
from auditor.operations.findings import find_finding, select_findings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from auditor.core.report.finding_query import FindingGroup, ListedFinding
    from auditor.operations.findings import FindingList

FINDINGS_SCHEMA = "aether-auditor/findings/1"
SHOWN_APART = ("id", "kind", "severity")
"""Fields in the title of a finding that is shown."""

Choice = TypeVar("Choice", bound=StrEnum)


class Grouping(StrEnum):
    """Which findings share a row."""

    CAUSE = "cause"
    NONE = "none"


class Selection(StrEnum):
    """Which states are listed."""

    OPEN = "open"
    ACCEPTED = "accepted"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The options of `auditor findings list`, as they were given."""

    state: str
    kinds: Sequence[str]
    severity: str | None
    reason: str | None
    actor: str | None
    subject: str | None
    first_seq: int | None
    last_seq: int | None
    limit: int
    group: str
    as_json: bool

    def filter(self) -> FindingFilter:
        """Returns what is wanted. Raises AuditorError for a word that is none of an option's choices."""
        selection = choice("--state", self.state, Selection)
        return FindingFilter(
            states=frozenset() if selection is Selection.ALL else frozenset({FindingState(selection)}),
            kinds=frozenset(choice("--kind", kind, Kind) for kind in self.kinds),
            severity=None if self.severity is None else choice("--severity", self.severity, Severity),
            reason=self.reason,
            actor=self.actor,
            subject=self.subject,
            first_seq=self.first_seq,
            last_seq=self.last_seq,
        )


def choice(option: str, text: str, choices: type[Choice]) -> Choice:
    """Returns the member of `choices` with this value. Raises AuditorError that lists them."""
    try:
        return choices(text)
    except ValueError:
        raise AuditorError(f"{option}: {json.dumps(text)} is none of {', '.join(choices)}") from None


def list_command(config_file: Path, names: Sequence[str], options: ListOptions) -> int:
    """Print the findings of these audits, or of all, that have what the options say. Raises AuditorError."""
    wanted, grouping = options.filter(), choice("--group", options.group, Grouping)
    configure_log("warning", "console")
    config = load(config_file)
    audits = select_audits(config, names)

    async def read() -> FindingList:
        async with open_app(config, ensure_own_streams=False) as app:
            return await select_findings(app, audits, wanted)

    found = asyncio.run(read())
    if options.as_json:
        print(json.dumps(_list_json(found, options.limit)))  # noqa: T201 - the result
        return ExitCode.CLEAN
    console = result_console()
    if grouping is Grouping.CAUSE:
        rows = [(group.first, _group_text(group)) for group in group_by_cause(found.findings)]
    else:
        rows = [(each, "") for each in found.findings]
    if rows:
        console.print(_table(rows[: options.limit]))
    print_line(console, _count_text(found, len(rows), options.limit))
    for name in found.without_report:
        print_line(console, f"{name}: no pass that is saved has completed: run auditor scan --audit {name}", "yellow")
    return ExitCode.CLEAN


def show_command(config_file: Path, names: Sequence[str], id_: str, *, as_json: bool) -> int:
    """Print the finding with this id, its cause and its consequences. Raises AuditorError."""
    configure_log("warning", "console")
    config = load(config_file)
    audits = select_audits(config, names)

    async def read() -> list[tuple[ListedFinding, FindingGroup]]:
        async with open_app(config, ensure_own_streams=False) as app:
            return await find_finding(app, audits, id_)

    found = asyncio.run(read())
    if as_json:
        print(json.dumps({"schema": FINDINGS_SCHEMA, "items": [_group_json(*each) for each in found]}))  # noqa: T201
        return ExitCode.CLEAN
    console = result_console()
    for shown, group in found:
        _print_group(console, shown, group)
    return ExitCode.CLEAN


def _list_json(found: FindingList, limit: int) -> dict[str, Any]:
    return {
        "schema": FINDINGS_SCHEMA,
        "total": len(found.findings),
        "total_exact": found.is_complete,
        "without_report": list(found.without_report),
        "items": [_json(each) for each in found.findings[:limit]],
    }


def _json(listed: ListedFinding) -> dict[str, Any]:
    return {"audit": listed.audit, "state": listed.state, **reported_json(listed.finding)}


def _group_json(shown: ListedFinding, group: FindingGroup) -> dict[str, Any]:
    """One finding, and the ids of the other findings of its group."""
    is_cause = shown in group.findings
    return {
        **_json(shown),
        "caused_by": [] if is_cause else [each.finding.id for each in group.findings],
        "consequences": [each.finding.id for each in group.consequences] if is_cause else [],
        "same_cause": [each.finding.id for each in group.findings if is_cause and each is not shown],
    }


def _table(rows: Sequence[tuple[ListedFinding, str]]) -> Table:
    """A table with one row each. Audit and state have a column only if they are not the same in all rows."""
    audits, states = {each.audit for each, _ in rows}, {each.state for each, _ in rows}
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("id", no_wrap=True)
    if len(audits) > 1:
        table.add_column("audit", overflow="fold")
    if len(states) > 1:
        table.add_column("state", no_wrap=True)
    table.add_column("sequence", justify="right")
    table.add_column("kind", no_wrap=True)
    for column in ("reason", "actor or subject", "besides"):
        table.add_column(column, overflow="fold", max_width=48)
    for listed, besides in rows:
        finding = listed.finding
        texts = [
            *([safe(listed.audit)] if len(audits) > 1 else []),
            *([safe(listed.state)] if len(states) > 1 else []),
            safe(place_of(finding)),
            safe(finding.kind, SEVERITY_STYLES[finding.severity]),
            safe(finding.reason or finding.cause or ""),
            safe(finding.actor or finding.subject or ""),
            safe(besides),
        ]
        table.add_row(safe(finding.id), *texts)
    return table


def _group_text(group: FindingGroup) -> str:
    """How many more findings the group has, and what follows from them."""
    more, consequences = len(group.findings) - 1, len(group.consequences)
    parts = [f"{more} more of this kind"] if more else []
    if consequences:
        parts.append(f"{consequences} {'follows' if consequences == 1 else 'follow'} from it")
    return ", ".join(parts)


def _count_text(found: FindingList, rows: int, limit: int) -> str:
    count = len(found.findings)
    text = f"{'' if found.is_complete else 'at least '}{count} {'finding' if count == 1 else 'findings'}"
    if rows != count:
        text += f" in {rows} {'row' if rows == 1 else 'rows'}"
    if rows > limit:
        text += f"; {limit} rows are listed, --limit lists more"
    if not found.is_complete:
        text += "; the saved state does not list all of them: auditor scan has the exact counts"
    return text


def _print_group(console: Console, shown: ListedFinding, group: FindingGroup) -> None:
    finding = shown.finding
    title = f"{finding.id}: {finding.kind} ({finding.severity}, {shown.state}) in audit {shown.audit}"
    print_line(console, title, SEVERITY_STYLES[finding.severity])
    fields = {name: value for name, value in reported_json(finding).items() if name not in SHOWN_APART}
    for name, value in fields.items():
        print_line(console, f"  {name}: {value}")
    if shown in group.findings:
        _print_others(console, "follows from it", group.consequences)
        _print_others(console, "same kind, reason and actor", [each for each in group.findings if each is not shown])
    else:
        _print_others(console, "caused by", group.findings)
    print_line(console, f"  what it means, and what to do: docs/findings.md, {finding.kind}")


def _print_others(console: Console, title: str, others: Sequence[ListedFinding]) -> None:
    for each in others:
        finding = each.finding
        place = f", {place_of(finding)}" if place_of(finding) else ""
        print_line(console, f"  {title}: {finding.id} {finding.kind}{place}: {finding.detail or ''}")
