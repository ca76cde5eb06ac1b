"""`auditor demo`: what was planted beside what was found, and then the daemon at work."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

import auditor
from auditor.app import connected
from auditor.cli.run import stop_signal
from auditor.cli.tables import plain, print_report
from auditor.config.values import listen
from auditor.core.report import ExitCode, exit_code
from auditor.daemon import Daemon
from auditor.demo.show import demo, prove
from auditor.errors import AuditorError
from auditor.service.log import configure_log
from auditor.service.status import ServiceStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    _print_proof(Console(), scene.planted, report)
    print_report(Console(), report)
    return exit_code([report])


async def _daemon(address: str) -> int:
    console = Console()
    stop = stop_signal()
    async with demo(listen(address), writing=True) as scene:
        console.print(plain("auditor demo: an embedded NATS server with a damaged stream, audited every 5 seconds"))
        daemon = Daemon(scene.config, ServiceStatus(auditor.__version__, scene.config.audits, time.time_ns))
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
            console.print(plain(f"verdict: {status.report.verdict}; Ctrl-C ends the demo", "bold"))


def _say_where(console: Console, server: HttpServer, config: Config) -> None:
    console.print(plain(f"page      {server.url}/"))
    console.print(plain(f"metrics   {server.url}/metrics"))
    console.print(plain(f"status    {server.url}/api/status"))
    console.print(plain(f"nats      {config.nats.servers[0]}"))


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
        console.print(plain(f"{len(proof.besides)} findings besides:", "bold red"))
        for finding in proof.besides:
            console.print(plain(f"  {finding.kind} {finding.actor or finding.subject} {finding.detail}", "red"))
    else:
        console.print(
            plain("everything planted was found, and nothing else" if proof.complete else "not everything was found")
        )
