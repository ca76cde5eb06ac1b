"""`auditor demo`: what was planted beside what was found, and then the daemon at work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import auditor
from auditor.app import connected
from auditor.canary.match import match_findings
from auditor.cli.log_output import configure_log
from auditor.cli.run import stop_signal
from auditor.cli.tables import print_line, print_match, print_report, results
from auditor.config.values import listen
from auditor.core.report.pass_report import ExitCode, exit_code
from auditor.daemon.supervisor import Supervisor
from auditor.demo.run import running_demo
from auditor.errors import AuditorError
from auditor.service.status import ServiceStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from auditor.canary.damage import Damage
    from auditor.config import Config
    from auditor.service.http import HttpServer


def demo_command(http: str, *, once: bool) -> int:
    """The exit code: with `once` that of the pass, else 0 after Ctrl-C. Raises AuditorError."""
    try:
        address = listen(http)
    except ValueError as error:
        raise AuditorError(f"--http: {error}") from error
    configure_log("warning", "console")
    return asyncio.run(_once() if once else _daemon(str(address)))


async def _once() -> int:
    async with (
        running_demo(listen("127.0.0.1:0"), writing=False) as scene,
        connected(scene.config, writes=True) as auditor_,
    ):
        report = await auditor_.new_pass(scene.config.audits[0]).run()
    print_match(results(), match_findings(scene.damage, report))
    print_report(results(), report)
    return exit_code([report])


async def _daemon(address: str) -> int:
    console = results()
    stop = stop_signal()
    async with running_demo(listen(address), writing=True) as scene:
        print_line(console, "auditor demo: an embedded NATS server with a damaged stream, audited every 5 seconds")
        daemon = Supervisor(scene.config, ServiceStatus(auditor.__version__, scene.config.audits))
        showing = asyncio.create_task(_show(console, daemon, scene.damage), name="demo")
        try:
            await daemon.run(stop, lambda server: _say_where(console, server, scene.config))
        finally:
            showing.cancel()
    return ExitCode.CLEAN


async def _show(console: Console, daemon: Supervisor, planted: Sequence[Damage]) -> None:
    await daemon.first_round_done.wait()
    for status in daemon.status.audits.values():
        if status.report is not None:
            print_match(console, match_findings(planted, status.report))
            print_line(console, f"verdict: {status.report.verdict}; Ctrl-C ends the demo", "bold")


def _say_where(console: Console, server: HttpServer, config: Config) -> None:
    print_line(console, f"page      {server.url}/")
    print_line(console, f"metrics   {server.url}/metrics")
    print_line(console, f"status    {server.url}/api/status")
    print_line(console, f"nats      {config.nats.servers[0]}")
