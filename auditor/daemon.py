"""The daemon: keeps a connection, runs each audit when it is due, one pass at a time, and tells what it saw over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from auditor.app import Auditor
from auditor.core.report import NANOSECONDS, AuditReport, Mode
from auditor.errors import AuditorError, SideStreamError
from auditor.jetstream.client import connect
from auditor.service.http import HttpServer
from auditor.service.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.config import AuditConfig, Config
    from auditor.scan import Pass
    from auditor.service.status import ServiceStatus

log = structlog.get_logger()

LONGEST_PAUSE_SECONDS = 10.0
"""Between two attempts to connect; they begin at a tenth of it."""

WATCH_SECONDS = 15.0
"""How old the streams' own account may get; the contract says that unaudited_messages is refreshed this often."""

FAREWELL_SECONDS = 5.0
"""For passes to end and the connection to close, once told to stop: half of what the contract allows."""


class Daemon:
    """Everything that runs between start and SIGTERM."""

    def __init__(self, config: Config, status: ServiceStatus) -> None:
        self.status = status
        self._config = config
        self._auditor: Auditor | None = None
        self._connected = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._look_again = asyncio.Event()
        self.first_passes = asyncio.Event()
        """Set once every audit has tried one pass."""
        self._tried: set[str] = set()

    async def run(self, stop: asyncio.Event, serving: Callable[[HttpServer], None] = lambda _: None) -> None:
        """Audit until `stop` is set. Raises AuditorError if the HTTP address or the side stream cannot be used."""
        http = self._config.http
        async with HttpServer(http.host, http.port, self.status) as server:
            serving(server)
            schedule = Schedule()
            for audit in self._config.audits:
                self._add(schedule, audit)
            schedule.start()
            tasks = {
                asyncio.create_task(self._keep_connected(), name="connection"),
                asyncio.create_task(self._watch(), name="watch"),
                asyncio.create_task(stop.wait(), name="stop"),
            }
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                log.info("stopping")
                await self._stop(schedule, tasks)

    async def _stop(self, schedule: Schedule, tasks: set[asyncio.Task[object]]) -> None:
        self._stopping.set()
        schedule.stop()
        for task in tasks:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                async with self._one_at_a_time:  # a pass in progress ends at its next batch
                    pass
                if self._auditor is not None:
                    await self._auditor.client.close()

    def _add(self, schedule: Schedule, audit: AuditConfig) -> None:
        async def job() -> None:
            await self._run_pass(audit)

        every, cron, jitter = audit.schedule.every, audit.schedule.cron, audit.schedule.jitter
        schedule.add(audit.name, job, every=every.seconds if every else None, cron=cron, jitter=jitter.seconds)

    async def _keep_connected(self) -> None:
        """Connect, and connect anew whenever the client gives up for good. Ends only if the side stream is unsafe."""
        pause = LONGEST_PAUSE_SECONDS / 10
        told = None
        checked = False
        while True:
            try:
                client = await connect(self._config.nats)
            except AuditorError as error:
                if str(error) != told:
                    told = str(error)
                    log.warning("not connected", why=told)
                self.status.problem = told
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            pause, told = LONGEST_PAUSE_SECONDS / 10, None
            self._auditor = Auditor(self._config, client, actor_types=self._auditor.actor_types if self._auditor else {})
            if not checked:
                checked = await self._check_side_stream(self._auditor)
            log.info("connected")
            self._connected.set()
            self._look_again.set()
            await client.wait_closed()
            self._connected.clear()
            log.warning("connection closed by the server, connecting anew")

    async def _check_side_stream(self, auditor: Auditor) -> bool:
        """Whether the side stream was seen to be safe. An unsafe one ends the daemon; one that is not there does not."""
        try:
            await auditor.check_side_stream()
        except SideStreamError:
            raise
        except AuditorError as error:
            log.error("quarantine unavailable", why=str(error))  # noqa: TRY400 - the line says it all
            return False
        return True

    async def _run_pass(self, audit: AuditConfig) -> None:
        """One pass, whatever happens: it is counted, and the next one comes."""
        async with self._one_at_a_time:
            if not await self._until_connected():
                return
            assert self._auditor is not None
            this_pass = self._auditor.new_pass(audit)
            this_pass.interrupted = self._stopping
            status = self.status.audits[audit.name]
            status.pass_started(Mode.FULL, this_pass.progress)
            try:
                report = await this_pass.run()
            except AuditorError as error:
                status.pass_failed(Mode.FULL, str(error))
                log.error("pass failed", audit=audit.name, why=str(error))  # noqa: TRY400 - the line says it all
            except Exception as error:  # noqa: BLE001 - a bug in one pass must not end the daemon
                status.pass_failed(Mode.FULL, f"internal error ({type(error).__name__})")
                log.error("pass failed", audit=audit.name, why="internal error", error=type(error).__name__)  # noqa: TRY400
            else:
                self._completed(audit, this_pass, report)
            self._tried.add(audit.name)
            if len(self._tried) == len(self._config.audits):
                self.first_passes.set()

    def _completed(self, audit: AuditConfig, this_pass: Pass, report: AuditReport) -> None:
        if self._stopping.is_set():
            return  # cut short by the end of the daemon: it says nothing about the stream
        self.status.audits[audit.name].pass_completed(report, this_pass.settled)
        log.info(
            "pass completed",
            audit=audit.name,
            verdict=report.verdict,
            seconds=round((report.finished_ns - report.started_ns) / NANOSECONDS, 3),
            examined=report.messages.examined,
            findings=sum(report.findings_total.values()),
            incomplete=report.incomplete,
        )
        self._look_again.set()

    async def _until_connected(self) -> bool:
        """Whether there is a connection; False only when the daemon stops first."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._connected, self._stopping)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not self._stopping.is_set()

    async def _watch(self) -> None:
        """Keep readiness and the streams' own account up to date, at once after each connection and each pass."""
        while True:
            await self._look()
            self._look_again.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look_again.wait(), WATCH_SECONDS)

    async def _look(self) -> None:
        auditor = self._auditor
        if auditor is None:
            return
        problem = None
        for audit in self._config.audits:
            try:
                self.status.audits[audit.name].stream_seen(await auditor.source(audit).pin())
            except AuditorError as error:
                problem = problem or str(error)
        if problem and problem != self.status.problem:
            log.warning("not ready", why=problem)
        self.status.problem = problem
