"""`auditor demo`: prints the seeded damage with what was found, and runs the daemon on the demo stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import auditor
from auditor.app import open_app
from auditor.canary.match import match_findings
from auditor.cli.exit_codes import ExitCode, exit_code
from auditor.cli.log_output import configure_log
from auditor.cli.signals import stop_signal
from auditor.cli.tables import print_line, print_match, print_report, result_console
from auditor.config.values import listen
from auditor.daemon.supervisor import Supervisor
from auditor.demo.run import running_demo
from auditor.errors import AuditorError
from auditor.scan.request import PassRequest
from auditor.service.status import ServiceStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from auditor.canary.damage import Damage
    from auditor.config import Config
    from auditor.service.http import HttpServer


def demo_command(http: str, *, once: bool) -> int:
    """Returns the exit code: with `once` that of the pass, else 0 after Ctrl-C. Raises AuditorError."""
    try:
        address = listen(http)
    except ValueError as error:
        raise AuditorError(f"--http: {error}") from error
    configure_log("warning", "console")
    return asyncio.run(_once() if once else _daemon(str(address)))


async def _once() -> int:
    async with (
        running_demo(listen("127.0.0.1:0"), writing=False) as running,
        open_app(running.config, ensure_own_streams=True) as app,
    ):
        report = await app.run_to_end(PassRequest(running.config.audits[0]))
    print_match(result_console(), match_findings(running.damage, report))
    print_report(result_console(), report)
    return exit_code([report])


async def _daemon(address: str) -> int:
    console = result_console()
    stop = stop_signal()
    async with running_demo(listen(address), writing=True) as running:
        print_line(console, "auditor demo: an embedded NATS server with a damaged stream, audited every 5 seconds")
        supervisor = Supervisor(running.config, ServiceStatus(auditor.__version__, running.config.audits))
        showing = asyncio.create_task(_show(console, supervisor, running.damage), name="demo")
        try:
            await supervisor.run(stop, lambda server: _print_addresses(console, server, running.config))
        finally:
            showing.cancel()
    return ExitCode.CLEAN


async def _show(console: Console, supervisor: Supervisor, damage: Sequence[Damage]) -> None:
    await supervisor.first_round_done.wait()
    for status in supervisor.status.audits.values():
        if status.report is not None:
            print_match(console, match_findings(damage, status.report))
            print_line(console, f"verdict: {status.report.verdict}; Ctrl-C ends the demo", "bold")


def _print_addresses(console: Console, server: HttpServer, config: Config) -> None:
    print_line(console, f"page      {server.url}/")
    print_line(console, f"metrics   {server.url}/metrics")
    print_line(console, f"status    {server.url}/api/status")
    print_line(console, f"nats      {config.nats.servers[0]}")
