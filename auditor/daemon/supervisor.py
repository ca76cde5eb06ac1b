"""Runs the audits on schedule, one pass at a time, over one NATS connection, and serves their status over HTTP."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from auditor.core.model.passes import Mode
from auditor.daemon.deadlines import before_first, full_pass_due_ns
from auditor.daemon.pass_queue import PassQueue
from auditor.daemon.pass_runner import Completed, Failed, Interrupted, PassRunner
from auditor.daemon.schedule import Schedule
from auditor.daemon.startup import connect_with_retries, ensure_own_streams, open_app, restore_status, run_self_test
from auditor.daemon.watcher import StreamWatcher
from auditor.errors import AuditorError
from auditor.scan.run import Yielded
from auditor.service.http import HttpServer
from auditor.service.web_files import WebFiles
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from auditor.config import Config
    from auditor.daemon.pass_runner import PassResult
    from auditor.daemon.ports import App
    from auditor.service.status import ServiceStatus

log = structlog.get_logger()

Result = TypeVar("Result")

STOP_PASS_SECONDS = 4.0
"""How long a stop waits for the running pass to end."""

CLOSE_SECONDS = 2.0
"""How long a stop waits for the connection to close, and after that for cancelled tasks to end.

All three waits together stay below the 10 seconds in which the daemon must stop.
"""


class Supervisor:
    """Starts the tasks of the daemon, passes the results of passes to the queue, and stops everything in order."""

    def __init__(
        self,
        config: Config,
        status: ServiceStatus,
        open_app: Callable[[Config], Awaitable[App]] = open_app,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`open_app` connects once, or raises AuditorError; `clock` returns nanoseconds since 1970."""
        self.status = status
        self.first_round_done = asyncio.Event()
        """Set once a pass of every audit has completed or failed."""
        self._config = config
        self._audits = {audit.name: audit for audit in config.audits}
        self._open_app = open_app
        self._clock = clock
        self._start_ns = clock()
        self._schedule = Schedule(lambda: clock() / NANOSECONDS, self._follow_clock)
        self._queue = PassQueue()
        self._queue_changed = asyncio.Event()
        self._not_run_yet = {audit.name for audit in config.audits}
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._app: App | None = None
        """None until the first connection."""
        self._passes: asyncio.Task[None] | None = None
        """None until passes may run."""

    async def run(self, stop: asyncio.Event, serving: Callable[[HttpServer], None]) -> None:
        """Run the audits until `stop` is set. `serving` is called when the HTTP server accepts requests.

        Raises AuditorError if the HTTP address, the web configuration file, the quarantine stream or the state stream
        cannot be used.
        """
        http = self._config.http
        async with HttpServer(http.host, http.port, self.status, WebFiles(http.web_config_file)) as server:
            serving(server)
            self._start_schedule()
            try:
                await self._supervise(self._start(stop.wait(), "stop"))
            finally:
                log.info("stopping")
                await self._shut_down()

    async def _supervise(self, stopped: asyncio.Task[Any]) -> None:
        """Start the tasks in order; return when `stopped` ends. Raises if another task ends before it."""
        connecting = self._start(self._start_up(), "start up")
        await asyncio.wait({connecting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            return
        app = connecting.result()
        watcher = StreamWatcher(self._config.audits, app, self.status, lambda: self._start_ns)
        watching = self._start(watcher.watch(), "watch")
        self._passes = self._start(self._run_passes(app, watcher), "passes")
        done, _ = await asyncio.wait({watching, self._passes, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            log.error("task ended", task=task.get_name(), reason=_failure_of(task))
            task.result()
            raise AuditorError(f"internal error: the task {task.get_name()} ended")

    def _start(self, work: Coroutine[Any, Any, Result], name: str) -> asyncio.Task[Result]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        return task

    def _start_schedule(self) -> None:
        for audit in self._config.audits:
            every, cron, jitter = audit.schedule.every, audit.schedule.cron, audit.schedule.jitter
            self._schedule.add(
                audit.name,
                partial(self._come_due_on_schedule, audit.name),
                every=every.seconds if every else None,
                cron=cron,
                jitter=jitter.seconds,
            )
            status = self.status.audits[audit.name]
            status.next_pass_ns = self._schedule.next_run_ns(audit.name)
            status.due_ns[Mode.FULL] = before_first(audit, self._start_ns, messages=0)
        self._schedule.start()

    def _follow_clock(self, set_back_seconds: float) -> None:
        """Move what is announced for the future, after the system clock was set back."""
        set_back_ns = int(set_back_seconds * NANOSECONDS)
        self._start_ns -= set_back_ns
        for name, status in self.status.audits.items():
            status.next_pass_ns = self._schedule.next_run_ns(name)
            status.due_ns = {mode: due_ns - set_back_ns for mode, due_ns in status.due_ns.items()}
        log.warning("system clock was set back", seconds=round(set_back_seconds, 3))

    async def _come_due_on_schedule(self, name: str) -> None:
        self.status.audits[name].next_pass_ns = self._schedule.next_run_ns(name)
        self._come_due(name)

    def _come_due(self, name: str) -> None:
        self._queue.come_due(name)
        self._queue_changed.set()

    async def _start_up(self) -> App:
        """Connect, and run the steps before the first pass."""
        app = self._app = await connect_with_retries(partial(self._open_app, self._config), self.status)
        self.status.connection = app.client
        log.info("connected")
        await ensure_own_streams(app)
        for audit in self._config.audits:
            report = await restore_status(app, audit, self.status, self._clock())
            if report is not None:
                self._queue.restored(audit.name, full_pass_due_ns(audit, report, self._clock()))
        await run_self_test(app, self.status, self._stopping)
        return app

    async def _run_passes(self, app: App, watcher: StreamWatcher) -> None:
        """Run passes as they come due, until the daemon stops."""
        runner = PassRunner(self._config.audits, app, self.status, self._stopping, self._clock)
        while not self._stopping.is_set():
            job = self._queue.next_job(self._clock())
            if job is None:
                await self._queue_changed.wait()
                self._queue_changed.clear()
                continue
            result = await runner.run(job, partial(self._queue.should_yield, job.name))
            self._update_queue(job.name, result)
            if isinstance(result, Completed):
                watcher.request_refresh()
                if result.report.mode is Mode.FULL:
                    await run_self_test(app, self.status, self._stopping)
            if isinstance(result, Completed | Failed):
                self._not_run_yet.discard(job.name)
                if not self._not_run_yet:
                    self.first_round_done.set()

    def _update_queue(self, name: str, result: PassResult) -> None:
        match result:
            case Completed(report):
                self._queue.completed(name, report.mode, full_pass_due_ns(self._audits[name], report, self._clock()))
            case Yielded():
                self._queue.yielded(name)
            case Failed(reason):
                now_ns = self._clock()
                retry_seconds = (self._queue.failed(name, now_ns) - now_ns) / NANOSECONDS
                asyncio.get_running_loop().call_later(retry_seconds, self._come_due, name)
                log.error("pass failed", audit=name, reason=reason, retry_seconds=retry_seconds)
            case Interrupted():
                pass

    async def _shut_down(self) -> None:
        """Stop the schedule, the tasks and the connection, in this order. Takes 8 seconds at most."""
        self._schedule.stop()
        for status in self.status.audits.values():
            status.next_pass_ns = None
        self._stopping.set()
        self._queue_changed.set()
        running = {task for task in self._tasks if not task.done()}
        for task in running - {self._passes}:
            task.cancel()
        if self._passes is not None:
            await asyncio.wait({self._passes}, timeout=STOP_PASS_SECONDS)  # the running pass ends at its next batch
            self._passes.cancel()
        if self._app is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._app.client.close()
        if running:
            ended, _ = await asyncio.wait(running, timeout=CLOSE_SECONDS)
            for task in ended:
                if reason := _failure_of(task):
                    log.warning("task failed while stopping", task=task.get_name(), reason=reason)


def _failure_of(task: asyncio.Task[Any]) -> str | None:
    """Return why an ended task failed, in one line without payload values; None if it did not fail."""
    error = None if task.cancelled() else task.exception()
    if error is None:
        return None
    return str(error) if isinstance(error, AuditorError) else f"internal error ({type(error).__name__})"
