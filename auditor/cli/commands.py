"""Declares the commands and their options. Each command calls the module of its name."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import auditor
from auditor.cli.options import WHERE, find_config
from auditor.speedups import TWINS

if TYPE_CHECKING:
    from collections.abc import Callable


def _print_help(context: typer.Context) -> None:
    """Print the help if no command is named. That is a usage error."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(1)


def _print_version(is_asked: bool) -> None:  # noqa: FBT001 - typer's
    if is_asked:
        typer.echo(f"auditor {auditor.__version__} (speedups: {TWINS})")
        raise typer.Exit


def _main(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    _print_help(context)


def _group(help: str, callback: Callable[..., None] = _print_help) -> typer.Typer:  # noqa: A002 - typer's name
    return typer.Typer(
        help=help,
        callback=callback,
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


app = _group("Finds what replay of Aether's event streams would silently skip or misread.", _main)
quarantine = _group("The quarantined messages, byte for byte.")
config = _group("The configuration file.")
state = _group("The saved state of each audit.")
findings = _group("The findings of the last pass of each audit.")
app.add_typer(quarantine, name="quarantine")
app.add_typer(state, name="state")
app.add_typer(config, name="config")
app.add_typer(findings, name="findings")

MAX_REASON_CHARACTERS = 1000
"""The longest reason of an acceptance."""

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        metavar="F",
        default_factory=find_config,
        show_default=False,
        help=f"Configuration file. If absent: {WHERE}.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
AuditName = Annotated[
    str | None, typer.Option("--audit", metavar="NAME", help="The audit; needed if several audits have the actor.")
]
AuditNames = Annotated[
    list[str] | None, typer.Option("--audit", metavar="NAME", help="Only this audit; may be repeated.")
]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The record's subject, with or without the prefix.")]


@app.command()
def run(config: ConfigFile) -> int:
    """Run audits on schedule and serve /metrics until SIGTERM or SIGINT."""
    # Until the daemon sets its own handler, after its imports.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from auditor.cli.run import run_command

    return run_command(config)


@app.command()
def scan(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="F", help=f"Configuration file. If absent: {WHERE}; not with --stream."),
    ] = None,
    audit: AuditNames = None,
    stream: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Scan this stream without a configuration file, and store nothing."),
    ] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="With --stream: the servers, separated by commas.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --stream: a context of the nats command line tool.")
    ] = None,
    creds: Annotated[str | None, typer.Option(metavar="F", help="With --stream: a .creds file.")] = None,
    subject_prefix: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="With --stream: what the subjects begin with, if not the name.")
    ] = None,
    js_domain: Annotated[str | None, typer.Option(metavar="NAME", help="With --stream: the JetStream domain.")] = None,
    js_api_prefix: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="With --stream: the prefix of an imported JetStream API.")
    ] = None,
    *,
    save: Annotated[
        bool, typer.Option("--save", help="With --stream: store records and saved state, as with a configuration file.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Read the stream from its first sequence.")] = False,
    as_json: Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing: no records, no saved state.")] = False,
    max_findings: Annotated[int, typer.Option(min=0, metavar="N", help="Findings to list; counts stay exact.")] = 1000,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Interrupt the scan after this time, such as 90s or 2h.")
    ] = None,
) -> int:
    """Run one pass of each audit now. Exits with 0 clean, 2 corrupt, 3 inconclusive, 1 could not run."""
    from auditor.cli.scan import ScanOptions, scan_command

    needs_stream = (server, context, creds, subject_prefix, js_domain, js_api_prefix)
    if stream is None and (save or any(each is not None for each in needs_stream)):
        raise typer.BadParameter("name the stream, too: --stream NAME")
    if stream is not None and (config is not None or audit):
        raise typer.BadParameter("--stream needs no configuration file: leave out --config and --audit")
    if stream is None:
        options = ScanOptions(full, as_json, dry_run, max_findings, timeout)
        return scan_command(config or find_config(), audit or [], options)
    from auditor.config.without_file import Look

    look = Look(stream, subject_prefix, context, server, creds, js_domain, js_api_prefix)
    options = ScanOptions(full, as_json, dry_run or not save, max_findings, timeout)
    return scan_command(look, [], options)


@app.command()
def actor(
    actor_id: Annotated[str, typer.Argument(metavar="ID", help="The actor's id.")],
    config: ConfigFile,
    audit: AuditName = None,
    from_version: Annotated[int, typer.Option(min=0, metavar="N", help="Only events with a version above N.")] = 0,
    *,
    as_json: Json = False,
) -> int:
    """Replay one actor as Aether does, and explain what is missing or skipped."""
    from auditor.cli.actor import actor_command

    return actor_command(config, actor_id, audit, from_version, as_json=as_json)


@quarantine.command("list")
def list_records(config: ConfigFile, *, as_json: Json = False) -> int:
    """List every record; with --json one object per line."""
    from auditor.cli.quarantine import list_command

    return list_command(config, as_json=as_json)


@quarantine.command("show")
def show_record(key: Key, config: ConfigFile) -> int:
    """Show the origin of a record, and its bytes around the error."""
    from auditor.cli.quarantine import show_command

    return show_command(config, key)


@quarantine.command("export")
def export_record(
    key: Key,
    config: ConfigFile,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File for the exact bytes; - for stdout.")],
) -> int:
    """Write a record's payload to a file, byte for byte."""
    from auditor.cli.quarantine import export_command

    return export_command(config, key, out)


@config.command("check")
def check_config(
    file: Annotated[Path, typer.Argument(metavar="F", help="Configuration file.")],
    *,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also check on the server that each audit selects messages.")
    ] = False,
) -> int:
    """Check a configuration file: list all of its problems, or when its audits run."""
    from auditor.cli.config import check_command

    return check_command(file, connect=connect)


@config.command("schema")
def config_schema() -> int:
    """Print the JSON Schema of the configuration file."""
    from auditor.cli.config import schema_command

    return schema_command()


@state.command("show")
def show_state(config: ConfigFile, audit: AuditNames = None) -> int:
    """Show the saved state of each audit."""
    from auditor.cli.state import show_command

    return show_command(config, audit or [])


@state.command("reset")
def reset_state(
    config: ConfigFile,
    audit: AuditNames = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it.")] = False,
) -> int:
    """Delete the saved state of each audit, so that the next pass reads everything. Acceptances stay."""
    from auditor.cli.state import reset_command

    return reset_command(config, audit or [], yes=yes)


@findings.command("list")
def list_findings(
    config: ConfigFile,
    audit: AuditNames = None,
    state: Annotated[str, typer.Option(metavar="STATE", help="open, accepted or all.")] = "open",
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Only this kind; may be repeated.")
    ] = None,
    severity: Annotated[str | None, typer.Option(metavar="SEVERITY", help="Only this severity.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="REASON", help="Only this reason or cause.")] = None,
    actor: Annotated[str | None, typer.Option(metavar="ID", help="Only findings about this actor.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="SUBJECT", help="Only findings on this subject.")] = None,
    from_seq: Annotated[int | None, typer.Option("--from", min=1, metavar="N", help="From this sequence on.")] = None,
    to_seq: Annotated[int | None, typer.Option("--to", min=1, metavar="N", help="Up to this sequence.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Findings or groups to list.")] = 100,
    group: Annotated[
        str, typer.Option(metavar="BY", help="cause: one row for each cause; none: one row each.")
    ] = "cause",
    *,
    as_json: Json = False,
) -> int:
    """List the findings of the last pass of each audit, those of one cause in one row."""
    from auditor.cli.findings import ListOptions, list_command

    options = ListOptions(
        state, kind or [], severity, reason, actor, subject, from_seq, to_seq, limit, group, as_json=as_json
    )
    return list_command(config, audit or [], options)


@findings.command("show")
def show_finding(
    finding: Annotated[str, typer.Argument(metavar="ID", help="The finding's id, such as f-gkydtxzeniab.")],
    config: ConfigFile,
    audit: AuditNames = None,
    *,
    as_json: Json = False,
) -> int:
    """Show one finding, its cause, and the findings that follow from it."""
    from auditor.cli.findings import show_command

    return show_command(config, audit or [], finding, as_json=as_json)


@app.command()
def accept(
    config: ConfigFile,
    audit: Annotated[str, typer.Option(metavar="NAME", help="The audit.")],
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="The kind of finding.")] = None,
    up_to_seq: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only findings up to this sequence.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why these findings need no repair.")] = None,
    *,
    list_: Annotated[bool, typer.Option("--list", help="List the acceptances.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Withdraw the acceptance of this kind.")] = False,
) -> int:
    """Accept known findings of one kind: they are counted apart, and later findings stay open."""
    from auditor.cli import accept

    if list_ and undo:
        raise typer.BadParameter("use --list or --undo, not both")
    if list_ and (kind is not None or up_to_seq is not None or reason is not None):
        raise typer.BadParameter("--list lists all acceptances: leave out --kind, --up-to-seq and --reason")
    if undo and (up_to_seq is not None or reason is not None):
        raise typer.BadParameter("--undo withdraws the whole acceptance: leave out --up-to-seq and --reason")
    if list_:
        return accept.list_command(config, audit)
    if kind is None:
        raise typer.BadParameter("name the kind of finding: --kind KIND")
    if undo:
        return accept.undo_command(config, audit, kind)
    if not (reason and reason.strip()):
        raise typer.BadParameter("give a reason: --reason TEXT")
    if len(reason) > MAX_REASON_CHARACTERS:
        raise typer.BadParameter(f"--reason has {len(reason)} characters: at most {MAX_REASON_CHARACTERS} are stored")
    return accept.accept_command(config, audit, kind, up_to_seq, reason)


@app.command()
def selftest(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="F", help="Configuration file; an embedded server if absent.")
    ] = None,
) -> int:
    """Check that the auditor finds and stores all damage in a canary stream. Creates the stream if it is absent."""
    from auditor.cli.selftest import selftest_command

    return selftest_command(config)


@app.command()
def doctor(config: ConfigFile) -> int:
    """Check permissions, the auditor's own streams, and what endangers the audited streams. Changes nothing."""
    from auditor.cli.doctor import doctor_command

    return doctor_command(config)


@app.command()
def provision(config: ConfigFile) -> int:
    """Create the auditor's own streams, as an administrator. The auditor then needs no right to create streams."""
    from auditor.cli.provision import provision_command

    return provision_command(config)


@app.command()
def demo(
    http: Annotated[str, typer.Option(metavar="ADDR", help="Address for /metrics and the page.")] = "127.0.0.1:9464",
    *,
    once: Annotated[bool, typer.Option("--once", help="Run one pass, print the report, exit with its code.")] = False,
) -> int:
    """Audit an embedded NATS server whose stream is damaged on purpose."""
    from auditor.cli.demo import demo_command

    return demo_command(http, once=once)
