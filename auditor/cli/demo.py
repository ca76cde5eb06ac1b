"""`auditor demo`: what was planted beside what was found, and then the daemon at work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

import auditor
from auditor.app import connected
from auditor.cli.run import stop_signal
from auditor.cli.tables import plain, print_line, print_report, results
from auditor.config.values import listen
from auditor.core.report import ExitCode, exit_code
from auditor.daemon import Daemon
from auditor.demo.show import demo, prove
from auditor.errors import AuditorError
from auditor.service.log import configure_log
from auditor.service.status import ServiceStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from auditor.config import Config
    from auditor.core.report import AuditReport
    from auditor.demo.damage import Planted
    from auditor.service.http import HttpServer


def show_demo(http: str, *, once: bool) -> int:
    """The exit code: with `once` that of the pass, else 0 after Ctrl-C. Raises AuditorError."""
    try:
        address = listen(http)
    except ValueError as error:
        raise AuditorError(f"--http: {error}") from error
    configure_log("warning", "console")
    return asyncio.run(_once() if once else _daemon(str(address)))


async def _once() -> int:
    async with demo(listen("127.0.0.1:0"), writing=False) as scene, connected(scene.config, writes=True) as auditor_:
        report = await auditor_.new_pass(scene.config.audits[0]).run()
    _print_proof(results(), scene.planted, report)
    print_report(results(), report)
    return exit_code([report])


async def _daemon(address: str) -> int:
    console = results()
    stop = stop_signal()
    async with demo(listen(address), writing=True) as scene:
        print_line(console, "auditor demo: an embedded NATS server with a damaged stream, audited every 5 seconds")
        daemon = Daemon(scene.config, ServiceStatus(auditor.__version__, scene.config.audits))
        showing = asyncio.create_task(_show(console, daemon, scene.planted), name="demo")
        try:
            await daemon.run(stop, lambda server: _say_where(console, server, scene.config))
        finally:
            showing.cancel()
    return ExitCode.CLEAN


async def _show(console: Console, daemon: Daemon, planted: Sequence[Planted]) -> None:
    await daemon.tried.wait()
    for status in daemon.status.audits.values():
        if status.report is not None:
            _print_proof(console, planted, status.report)
            print_line(console, f"verdict: {status.report.verdict}; Ctrl-C ends the demo", "bold")


def _say_where(console: Console, server: HttpServer, config: Config) -> None:
    print_line(console, f"page      {server.url}/")
    print_line(console, f"metrics   {server.url}/metrics")
    print_line(console, f"status    {server.url}/api/status")
    print_line(console, f"nats      {config.nats.servers[0]}")


def _print_proof(console: Console, planted: Sequence[Planted], report: AuditReport) -> None:
    proof = prove(planted, report)
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    for column in ("planted", "actor", "found"):
        table.add_column(column, overflow="fold")
    for damage, findings in proof.found:
        found = [
            plain(
                f"{'✓' if finding else '✗'} {expected.kind}{f' ({expected.why})' if expected.why else ''}",
                "green" if finding else "bold red",
            )
            for expected, finding in findings
        ]
        table.add_row(plain(damage.what), plain(damage.story.actor_id), Text("\n").join(found))
    console.print(table)
    if proof.besides:
        print_line(console, f"{len(proof.besides)} findings besides:", "bold red")
        for finding in proof.besides:
            print_line(console, f"  {finding.kind} {finding.actor or finding.subject} {finding.detail}", "red")
    elif proof.complete:
        print_line(console, "everything planted was found, and nothing else")
    else:
        print_line(console, "not everything was found", "bold red")
