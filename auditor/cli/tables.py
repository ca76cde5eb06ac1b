"""Reports as tables for people. Every text passes `escape_unsafe`, and none is read as markup."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from auditor.core.model.findings import Severity, place_of
from auditor.core.model.passes import Verdict
from auditor.safe_text import escape_unsafe
from auditor.units import NANOSECONDS, format_age, format_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.canary.match import MatchResult
    from auditor.core.model.findings import Finding
    from auditor.core.report.pass_report import PassReport

VERDICT_STYLES = {Verdict.CLEAN: "bold green", Verdict.CORRUPT: "bold red", Verdict.INCONCLUSIVE: "bold yellow"}
SEVERITY_STYLES = {Severity.CORRUPTION: "red", Severity.INCONCLUSIVE: "magenta", Severity.NOTICE: "yellow"}


PIPE_WIDTH = 160
"""The width in columns of output that is not for a terminal."""


def safe(text: object, style: str = "") -> Text:
    """Returns `text` without markup, with the characters escaped that could control a terminal."""
    return Text(escape_unsafe(str(text)), style=style)


def result_console() -> Console:
    """Returns a console on stdout. If stdout is no terminal and COLUMNS is not set, it has `PIPE_WIDTH` columns."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=PIPE_WIDTH)


def print_line(console: Console, text: object, style: str = "") -> None:
    """Print one line without breaking it."""
    console.print(safe(text, style), soft_wrap=True)


def print_report(console: Console, report: PassReport) -> None:
    """Print the findings, then the summary, then the verdict."""
    if report.findings:
        console.print(findings_table(report.findings))
    if report.findings_cut:
        listed = len(report.findings)
        print_line(console, f"(only {listed} findings are listed, --max-findings lists more; the counts are exact)")
    console.print(_summary(report))
    if report.replicas.copies:
        console.print(copies_table(report))
    headline = Text.assemble(safe(f"{report.name}: "), safe(report.verdict, VERDICT_STYLES[report.verdict]))
    if report.incomplete:
        headline.append_text(safe(f" ({report.incomplete})"))
    if report.quarantine_pending:
        headline.append_text(safe(f"; {report.quarantine_pending} records are not in the quarantine yet", "yellow"))
    console.print(headline, soft_wrap=True)
    for note in report.notes:
        print_line(console, note)


def findings_table(findings: Iterable[Finding]) -> Table:
    """Returns a table with one row for each finding."""
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("sequence", justify="right")
    table.add_column("kind", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("actor, subject or server", overflow="fold", max_width=48)
    table.add_column("detail", overflow="fold")
    for finding in findings:
        table.add_row(
            safe(place_of(finding)),
            safe(finding.kind, SEVERITY_STYLES[finding.severity]),
            safe(finding.reason or finding.cause or ("undecided" if finding.undecided else "")),
            safe(finding.actor or finding.subject or finding.replica or ""),
            safe(finding.detail or ""),
        )
    return table


def copies_table(report: PassReport) -> Table:
    """Returns a table with one row for each copy of a replicated stream. Ages are those at the end of the pass."""
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("copy on server", overflow="fold")
    for column in ("first", "last", "messages"):
        table.add_column(column, justify="right")
    table.add_column("read whole")
    table.add_column("verdict")
    for copy in report.replicas.copies:
        table.add_row(
            safe(copy.name + (" (leader)" if copy.name == report.replicas.leader else "")),
            *(safe("?" if number is None else number) for number in (copy.first_seq, copy.last_seq, copy.count)),
            safe(f"{format_age(report.finished_ns - copy.read_ns)} ago" if copy.read_ns else "never"),
            safe(copy.verdict, VERDICT_STYLES[copy.verdict]),
        )
    return table


def print_match(console: Console, match: MatchResult) -> None:
    """Print the seeded damage, whether each was found, and the findings that were not expected."""
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for column in ("planted", "actor", "found"):
        table.add_column(column, overflow="fold")
    for damage, findings in match.found:
        found = [
            safe(
                f"{'✓' if finding else '✗'} {expected.kind}{f' ({expected.reason_or_cause})' if expected.reason_or_cause else ''}",
                "green" if finding else "bold red",
            )
            for expected, finding in findings
        ]
        table.add_row(safe(damage.title), safe(damage.actor.actor_id), Text("\n").join(found))
    console.print(table)
    for finding in match.unexpected:
        what = (finding.kind, place_of(finding), finding.actor or finding.subject, finding.detail)
        print_line(console, f"found besides: {' '.join(filter(None, what))}", "bold red")
    if match.missing:
        print_line(console, "not everything planted was found", "bold red")
    elif match.is_exact:
        print_line(console, "everything planted was found, and nothing else")


def _summary(report: PassReport) -> Table:
    messages, events, snapshots, actors = report.messages, report.events, report.snapshots, report.actors
    table = Table(box=box.SIMPLE, show_header=False, show_edge=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    seconds = (report.finished_ns - report.started_ns) / NANOSECONDS
    rows = {
        "stream": f"{report.stream}, sequences {report.range.first_seq} to {report.range.last_seq}",
        "pass": f"{report.mode}, {_read(report)}, {seconds:.2f} s, coverage {report.coverage:.2%}",
        "messages": f"{messages.examined} examined, {messages.removed} deleted, {messages.unreadable} unreadable, "
        f"{messages.skipped} skipped, {messages.unjudged} unjudged",
        "events": f"{events.ok} ok, {events.malformed} malformed, {events.hidden} hidden, {events.unreachable} unreachable",
        "snapshots": f"{snapshots.ok} ok, {snapshots.malformed} malformed",
        "actors": f"{actors.seen} seen, {actors.replayable} replayable, "
        f"{actors.replayable_from_snapshot} from a snapshot, {actors.broken} broken",
    }
    if report.replicas.expected > 1:
        rows["copies"] = f"{report.replicas.read} of {report.replicas.expected} read whole"
    for name, text in rows.items():
        table.add_row(safe(name), safe(text))
    for kind, severity in sorted(report.totals):
        if count := report.totals[kind, severity]:
            table.add_row(safe(kind, SEVERITY_STYLES[severity]), safe(f"{count} ({severity})"))
    for kind, count in sorted(report.accepted_total.items()):
        table.add_row(safe(kind), safe(f"{count} (accepted)"))
    return table


def _read(report: PassReport) -> str:
    """Which sequences this pass read, since when the others are known, and which are not read."""
    if report.read == report.range:
        return "everything read"
    if not report.messages.in_range:
        return "nothing to read"
    known = f"known since {format_utc(report.full_pass_started_ns)}"
    if report.read is None:
        return "nothing read" if report.incomplete else f"nothing new to read, the rest {known}"
    parts = [f"sequences {report.read.first_seq} to {report.read.last_seq} read"]
    is_unread_after = report.read.last_seq < report.range.last_seq
    if report.read.first_seq > report.range.first_seq:
        parts.append(f"those before {known}" if is_unread_after else f"the rest {known}")
    if is_unread_after:
        parts.append("those after not read")
    return ", ".join(parts)
