"""The daemon: one connection, each audit when it is due, one pass at a time; what it saw is told over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog

from auditor.app import Auditor
from auditor.core.model.passes import Mode
from auditor.daemon.schedule import Schedule
from auditor.errors import AuditorError, PermissionDeniedError, SideStreamError, StateError, StreamNotFoundError
from auditor.jetstream.connection.client import connect
from auditor.operations.selftest import examine_canary
from auditor.scan.plan import Reading
from auditor.service.http import HttpServer
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.config import AuditConfig, Config
    from auditor.core.report.pass_report import AuditReport
    from auditor.scan.run import Pass
    from auditor.service.status import ServiceStatus

log = structlog.get_logger()

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 10.0
"""Between two attempts to connect."""

GLANCE_SECONDS = 1.0
"""How soon a lost or restored connection is told."""

WATCH_SECONDS = 15.0
"""How old the streams' own account may get; the contract says that unaudited_messages is refreshed this often."""

FAREWELL_SECONDS = 4.0
"""For a pass to end once told to stop: with the next, well below the 10 seconds that the contract allows."""

CLOSING_SECONDS = 2.0
"""For the connection to close in good order."""


FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 300.0
"""After a pass that failed, if its schedule does not come first."""

SHORTEST_ALLOWANCE_NS = 60 * NANOSECONDS
"""A pass is not called late before: waiting for another audit's pass is no trouble yet."""

SLOWEST_RATE = 20_000
"""Messages a second that the first full pass is expected to make at least."""


def _allowed_ns(audit: AuditConfig, took_ns: int) -> int:
    """How long after its time a pass should have completed, by how long the last one took."""
    return audit.schedule.jitter.nanoseconds + max(SHORTEST_ALLOWANCE_NS, 3 * took_ns)


def _full_due_ns(audit: AuditConfig, report: AuditReport) -> int:
    """When everything is to be read again."""
    return report.full_ns + audit.full_pass_every.nanoseconds


class Daemon:
    """Everything that runs between start and SIGTERM."""

    def __init__(self, config: Config, status: ServiceStatus) -> None:
        self.status = status
        self.tried = asyncio.Event()
        """Set once every audit has tried one pass."""
        self._config = config
        self._auditor: Auditor | None = None
        self._connected = asyncio.Event()
        self._due: dict[str, AuditConfig] = {}
        """Audits whose time has come, in this order; one that comes due again while it waits or runs is run once more."""
        self._underway: dict[str, AuditConfig] = {}
        """Audits with a full pass that has yielded, and goes on when nothing is due."""
        self._retry_seconds: dict[str, float] = {}
        """By audit: how long after its last failure the pass was tried again."""
        self._started_ns = time.time_ns()
        self._took_ns: defaultdict[str, Counter[Mode]] = defaultdict(Counter)
        """By audit: how long its last passes took, nanoseconds."""
        self._something_due = asyncio.Event()
        self._stopping = asyncio.Event()
        self._look_now = asyncio.Event()
        self._untried = {audit.name for audit in config.audits}

    async def run(self, stop: asyncio.Event, serving: Callable[[HttpServer], None]) -> None:
        """Audit until `stop` is set.

        Raises AuditorError if the HTTP address, the side stream or the state stream cannot be used.
        """
        http = self._config.http
        async with HttpServer(http.host, http.port, self.status) as server:
            serving(server)
            schedule = Schedule()
            for audit in self._config.audits:
                self._add(schedule, audit)
            schedule.start()
            work = asyncio.create_task(self._connect_and_watch(), name="connect and watch")
            passes = asyncio.create_task(self._run_passes(), name="passes")
            stopped = asyncio.create_task(stop.wait(), name="stop")
            try:
                done, _ = await asyncio.wait({work, passes, stopped}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                log.info("stopping")
                schedule.stop()
                await self._farewell(passes, work, stopped)

    async def _connect_and_watch(self) -> None:
        await self._connect()
        await self._watch()

    async def _run_passes(self) -> None:
        """One pass after another, as they come due. Ends when the daemon stops."""
        await self._connected.wait()
        while not self._stopping.is_set():
            await self._something_due.wait()
            self._something_due.clear()
            while (self._due or self._underway) and not self._stopping.is_set():
                await self._run_round()

    async def _run_round(self) -> None:
        """Every pass that is due, what is only new first; then a full pass that has yielded before goes on until it does again."""
        yielded = next(iter(self._underway), None)
        for name in sorted(self._due, key=self._reads_everything):
            if self._stopping.is_set():
                return
            await self._run_pass(self._due.pop(name), Reading.TAIL if name in self._underway else Reading.AS_DUE)
        if yielded in self._underway and not self._stopping.is_set():
            await self._run_pass(self._underway[yielded], Reading.AS_DUE)

    def _reads_everything(self, name: str) -> bool:
        """Whether the next pass of an audit will most likely be a full one."""
        report = self.status.audits[name].report
        return name not in self._underway and (
            report is None or _full_due_ns(self._due[name], report) <= time.time_ns()
        )

    def _should_yield(self, audit: AuditConfig) -> bool:
        """Whether a full pass of `audit` stands in the way: of its own next pass only if that has something to go on from."""
        first = self.status.audits[audit.name].report is None
        return any(name != audit.name or not first for name in self._due)

    async def _farewell(self, passes: asyncio.Task[None], *others: asyncio.Task[Any]) -> None:
        for task in others:
            task.cancel()
        self._stopping.set()
        self._something_due.set()
        if self._auditor is None:
            passes.cancel()
            return
        await asyncio.wait({passes}, timeout=FAREWELL_SECONDS)  # the pass in progress ends at its next batch
        passes.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._auditor.client.close()

    def _add(self, schedule: Schedule, audit: AuditConfig) -> None:
        status = self.status.audits[audit.name]

        async def job() -> None:
            self._come_due(audit)

        every, cron, jitter = audit.schedule.every, audit.schedule.cron, audit.schedule.jitter
        schedule.add(audit.name, job, every=every.seconds if every else None, cron=cron, jitter=jitter.seconds)
        status.next_pass = lambda: schedule.next_run(audit.name)
        status.due_ns[Mode.FULL] = self._started_ns + _allowed_ns(audit, 0)

    def _come_due(self, audit: AuditConfig) -> None:
        self._due[audit.name] = audit
        self._something_due.set()

    async def _connect(self) -> None:
        """Connect, however long it takes; from then on the client reconnects by itself. Raises SideStreamError."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                client = await connect(self._config.nats)
                break
            except AuditorError as error:
                if str(error) != self.status.problem:
                    log.warning("not connected, trying on", why=str(error))
                self.status.problem = str(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._auditor = Auditor(self._config, client)
        self.status.connection = client
        log.info("connected")
        try:
            await self._auditor.check_own_streams()
        except (SideStreamError, StateError):
            raise
        except AuditorError as error:  # each pass looks again, and detection does not wait for it
            log.error("quarantine or state unavailable", why=str(error))  # noqa: TRY400 - the line says it all
        for audit in self._config.audits:
            await self._recall(self._auditor, audit)
        await self._test_self(self._auditor)
        self._connected.set()

    async def _recall(self, auditor: Auditor, audit: AuditConfig) -> None:
        """Show at once what the last pass said."""
        status = self.status.audits[audit.name]
        status.saved_ns = lambda: auditor.keeper(audit).saved_ns
        try:
            report = await auditor.new_pass(audit).last()
            chronicle = await auditor.keeper(audit).open()
        except AuditorError as error:
            log.warning("saved state not read", audit=audit.name, why=str(error))
            return
        if report is not None:
            status.recalled(report, {mode: times.finished_ns for mode, times in chronicle.last_passes.items()})
            self._set_due(audit, report, begins_ns=time.time_ns())

    async def _test_self(self, auditor: Auditor) -> None:
        """Whether what is planted in the canary is still seen; where there is none, or none for this user, nothing is said."""
        try:
            tested = await examine_canary(auditor, writes=False, interrupted=self._stopping)
        except (StreamNotFoundError, PermissionDeniedError):
            self.status.selftest_ok = None
            return
        except AuditorError as error:
            ok, why = False, str(error)
        except Exception as error:  # noqa: BLE001 - a failure to see is what this is to find out
            ok, why = False, f"internal error ({type(error).__name__})"
        else:
            ok, why = tested.ok, tested.why
        if self._stopping.is_set():
            return
        self.status.selftest_ok = ok
        if not ok:
            log.error("self-test failed", why=why)

    async def _watch(self) -> None:
        """Keep readiness and the streams' own account fresh: at once after a pass or a change of the connection."""
        assert self._auditor is not None
        loop = asyncio.get_running_loop()
        connected, looked = True, -WATCH_SECONDS
        while True:
            if self._auditor.client.is_connected is not connected:
                connected = not connected
                if connected:
                    log.info("connected again")
                else:
                    log.warning("connection lost", why=self._auditor.client.trouble)
                self._look_now.set()
            if connected and (self._look_now.is_set() or loop.time() - looked >= WATCH_SECONDS):
                self._look_now.clear()
                looked = loop.time()
                await self._look(self._auditor)
            with suppress(TimeoutError):
                async with asyncio.timeout(GLANCE_SECONDS):
                    await (self._look_now if connected else asyncio.Event()).wait()

    async def _look(self, auditor: Auditor) -> None:
        problem = None
        for audit in self._config.audits:
            status = self.status.audits[audit.name]
            try:
                status.stream_seen(await auditor.source(audit).pin())
                if status.report is None and status.stream_state is not None:
                    takes_ns = status.stream_state.messages * NANOSECONDS // (audit.max_rate or SLOWEST_RATE)
                    status.due_ns[Mode.FULL] = self._started_ns + _allowed_ns(audit, takes_ns)
            except AuditorError as error:
                problem = problem or str(error)
        if problem and problem != self.status.problem:
            log.warning("not ready", why=problem)
        self.status.problem = problem

    async def _run_pass(self, audit: AuditConfig, reading: Reading) -> None:
        """One pass, whatever happens: it is counted, and the next one comes."""
        assert self._auditor is not None
        this_pass = self._auditor.new_pass(audit, reading=reading)
        this_pass.interrupted = self._stopping
        this_pass.yields = lambda: self._should_yield(audit)
        status = self.status.audits[audit.name]
        status.pass_started(this_pass.progress)
        try:
            report = await this_pass.advance()
        except AuditorError as error:
            self._failed(audit, this_pass, str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one pass must not end the daemon
            self._failed(
                audit, this_pass, f"internal error ({type(error).__name__})"
            )  # its text may hold payload values
        else:
            self._retry_seconds.pop(audit.name, None)
            if report is None:
                self._underway[audit.name] = audit
                status.pass_yielded(this_pass.settled)
                log.info("full pass yields", audit=audit.name, seq=this_pass.progress.seq)
                return
            self._completed(audit, this_pass, report)
            if report.mode is Mode.FULL:
                await self._test_self(self._auditor)
        self._untried.discard(audit.name)
        if not self._untried:
            self.tried.set()

    def _failed(self, audit: AuditConfig, this_pass: Pass, why: str) -> None:
        self.status.audits[audit.name].pass_failed(why, this_pass.settled)
        self._underway.pop(audit.name, None)  # what is left of it is gone on with when the audit is due
        pause = min(2 * self._retry_seconds.get(audit.name, FIRST_RETRY_SECONDS / 2), LONGEST_RETRY_SECONDS)
        self._retry_seconds[audit.name] = pause
        asyncio.get_running_loop().call_later(pause, self._come_due, audit)
        log.error("pass failed", audit=audit.name, why=why, retry_seconds=pause)

    def _completed(self, audit: AuditConfig, this_pass: Pass, report: AuditReport) -> None:
        if self._stopping.is_set():
            return  # cut short by the end of the daemon: it says nothing about the stream
        status = self.status.audits[audit.name]
        status.pass_completed(report, this_pass.settled)
        if report.mode is Mode.FULL:
            self._underway.pop(audit.name, None)
        begins = status.next_pass()
        if begins is not None:
            # A pass that fails moves nothing: what is due stays due.
            self._set_due(audit, report, begins_ns=int(begins.timestamp()) * NANOSECONDS)
        log.info(
            "pass completed",
            audit=audit.name,
            mode=report.mode,
            verdict=report.verdict,
            seconds=round((report.finished_ns - report.started_ns) / NANOSECONDS, 3),
            examined=report.messages.examined,
            findings=sum(report.findings_total.values()),
            incomplete=report.incomplete,
        )
        self._look_now.set()

    def _set_due(self, audit: AuditConfig, report: AuditReport, *, begins_ns: int) -> None:
        """When the next passes should have completed, if the next one begins at `begins_ns`."""
        status, took_ns = self.status.audits[audit.name], self._took_ns[audit.name]
        took_ns[report.mode] = report.finished_ns - report.started_ns
        status.due_ns[Mode.INCREMENTAL] = begins_ns + _allowed_ns(audit, took_ns[Mode.INCREMENTAL])
        # A full pass takes the place of the first pass that begins after it is due.
        until_next_ns = max(0, begins_ns - time.time_ns())
        full_ns = max(begins_ns, _full_due_ns(audit, report) + until_next_ns)
        status.due_ns[Mode.FULL] = full_ns + _allowed_ns(audit, took_ns[Mode.FULL])
