"""The daemon as a whole, over streams in memory."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

import auditor.daemon.startup
import auditor.daemon.supervisor
import auditor.scan.checkpoint_writer
from auditor.config import Duration
from auditor.core.model.passes import Mode, Verdict
from auditor.daemon.supervisor import Supervisor
from auditor.errors import ConnectionFailedError, StateError
from auditor.scan.request import StartFrom
from auditor.service.status import ServiceStatus
from auditor.units import NANOSECONDS
from tests.daemon.apps import GOOD, InMemoryApp, Stream, config
from tests.ports.in_memory import GoneError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from auditor.config import Config


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.daemon.supervisor, "STOP_PASS_SECONDS", 0.2)
    monkeypatch.setattr(auditor.daemon.supervisor, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(auditor.daemon.startup, "MIN_PAUSE_SECONDS", 0.01)


class Daemon:
    """A supervisor in a task of its own; `stop` ends it as SIGTERM does."""

    def __init__(self, configured: Config, app: InMemoryApp, clock: Callable[[], int] = time.time_ns) -> None:
        self.app = app
        self.reachable = asyncio.Event()
        """Cleared, no attempt to connect succeeds."""
        self.reachable.set()
        self.attempts = 0
        self.status = ServiceStatus("1.2.3", configured.audits)
        self.supervisor = Supervisor(configured, self.status, self._open_app, clock)
        self.stopping = asyncio.Event()
        self.urls: list[str] = []
        self.task: asyncio.Task[None] | None = None

    async def _open_app(self, _: Config) -> InMemoryApp:
        self.attempts += 1
        if not self.reachable.is_set():
            raise ConnectionFailedError("connection refused")
        return self.app

    def start(self) -> None:
        self.task = asyncio.create_task(
            self.supervisor.run(self.stopping, lambda server: self.urls.append(server.url)), name="daemon"
        )

    async def stop(self) -> None:
        """Raises what `run` raises."""
        assert self.task is not None
        self.stopping.set()
        await asyncio.wait_for(self.task, 5)

    async def until(self, holds: Callable[[], object]) -> None:
        assert self.task is not None
        async with asyncio.timeout(10):
            while not holds():
                assert not self.task.done(), self.task
                await asyncio.sleep(0.005)

    def passes(self, name: str) -> int:
        return self.status.audits[name].passes.total()


def running(configured: Config, app: InMemoryApp) -> AbstractAsyncContextManager[Daemon]:
    return started(Daemon(configured, app))


@asynccontextmanager
async def started(daemon: Daemon) -> AsyncIterator[Daemon]:
    """Stops it in the end, after which none of its tasks may be left."""
    daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()
    left = {task.get_name() for task in asyncio.all_tasks()} & {"start up", "watch", "passes", "stop"}
    assert not left


def every(milliseconds: int) -> dict[str, object]:
    return {"schedule": {"every": Duration(milliseconds * 1_000_000)}}


def app_of(*names: str) -> InMemoryApp:
    return InMemoryApp({name: Stream(GOOD) for name in names})


async def test_every_audit_runs_at_the_start_and_what_was_found_is_served() -> None:
    async with running(config("a", "b"), app_of("a", "b")) as daemon:
        await asyncio.wait_for(daemon.supervisor.first_round_done.wait(), 10)
        assert daemon.status.verdict is Verdict.CLEAN
        await daemon.until(lambda: daemon.status.not_ready is None)
        assert daemon.status.audits["a"].next_pass is not None
        assert set(daemon.status.audits["a"].due_ns) == {Mode.FULL, Mode.INCREMENTAL}
        assert daemon.urls
    assert daemon.app.client.closed
    assert daemon.status.audits["a"].next_pass is None


async def test_the_self_test_runs_at_the_start_and_after_each_full_pass() -> None:
    async with running(config("a", **every(20)), app_of("a")) as daemon:
        await daemon.until(lambda: daemon.passes("a") >= 4)
    assert daemon.status.audits["a"].passes[Mode.FULL, "clean"] == 1
    assert daemon.app.self_tests == 2


async def test_a_pass_that_lasts_longer_than_its_interval_is_followed_by_one_other_at_once() -> None:
    app = app_of("a")
    stream = app.streams["a"]
    stream.goes_on.clear()
    async with running(config("a", **every(20)), app) as daemon:
        await asyncio.wait_for(stream.walking.wait(), 10)
        first = daemon.status.audits["a"].next_pass_ns
        assert first is not None
        await daemon.until(lambda: (daemon.status.audits["a"].next_pass_ns or 0) >= first + 60_000_000)
        assert app.passes == [("a", StartFrom.AUTO)]
        stream.goes_on.set()
        await daemon.until(lambda: daemon.passes("a") >= 2)
    assert daemon.status.audits["a"].report is not None


async def test_a_failing_audit_is_tried_again_and_keeps_no_healthy_one_from_running() -> None:
    app = app_of("failing", "healthy")
    app.streams["failing"].refuses = GoneError("stream S does not exist")
    with capture_logs() as logged:
        async with running(config("failing", "healthy", **every(20)), app) as daemon:
            await daemon.until(lambda: daemon.passes("failing") >= 3 and daemon.passes("healthy") >= 3)
            assert daemon.supervisor.first_round_done.is_set()
            assert daemon.status.not_ready == "stream S does not exist"
            app.streams["failing"].refuses = None
            await daemon.until(lambda: daemon.status.audits["failing"].report)
    delays = [line["retry_seconds"] for line in logged if line["event"] == "pass failed"]
    assert delays[:3] == [5, 10, 20]


async def test_a_failed_pass_is_tried_again_although_its_schedule_comes_later(monkeypatch) -> None:
    monkeypatch.setattr("auditor.daemon.pass_queue.MIN_RETRY_NS", 20_000_000)
    app = app_of("a")
    app.streams["a"].refuses = GoneError("gone")
    async with running(config("a"), app) as daemon:
        await daemon.until(lambda: daemon.passes("a") >= 2)


async def test_a_full_pass_yields_to_another_audit_and_continues(monkeypatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_INTERVAL_NS", 0)
    app = app_of("long", "short")
    long = app.streams["long"]
    long.append(*GOOD[-1:] * 30)
    with capture_logs() as logged:
        async with running(config("long", "short"), app) as daemon:
            await asyncio.wait_for(daemon.supervisor.first_round_done.wait(), 10)
    events = [(line["event"], line["audit"]) for line in logged if line["event"].startswith(("pass c", "full pass"))]
    assert events == [("full pass paused", "long"), ("pass completed", "short"), ("pass completed", "long")]
    assert app.passes[-3:] == [(name, StartFrom.AUTO) for name in ("long", "short", "long")]


async def test_after_the_system_clock_was_set_back_the_announced_times_are_those_of_the_new_time() -> None:
    hour_ns, set_back_ns = 3_600 * NANOSECONDS, 0
    configured = config("a", **every(7_200_000))
    daemon = Daemon(configured, app_of("a"), lambda: time.time_ns() - set_back_ns)
    async with started(daemon):
        await daemon.until(lambda: len(daemon.status.audits["a"].due_ns) == 2)
        status = daemon.status.audits["a"]
        next_ns, due_ns = status.next_pass_ns, dict(status.due_ns)
        assert next_ns is not None
        set_back_ns = hour_ns
        await daemon.until(lambda: status.next_pass_ns != next_ns)
        second_ns = NANOSECONDS  # between two readings of the clocks
        assert abs(next_ns - (status.next_pass_ns or 0) - hour_ns) < second_ns
        for mode, before_ns in due_ns.items():
            assert abs(before_ns - status.due_ns[mode] - hour_ns) < second_ns


async def test_it_connects_once_the_server_is_there() -> None:
    daemon = Daemon(config("a"), app_of("a"))
    daemon.reachable.clear()
    daemon.start()
    await daemon.until(lambda: daemon.attempts >= 2)
    assert daemon.status.not_ready == "connection refused"
    daemon.reachable.set()
    await daemon.until(lambda: daemon.passes("a"))
    await daemon.stop()


STATES = ["not connected", "in the self-test", "idle", "walking", "in a pass that does not end", "connection hangs"]


@pytest.mark.parametrize("state", STATES)
async def test_a_stop_ends_every_task_in_every_state(state: str, monkeypatch) -> None:
    app = app_of("a")
    stream = app.streams["a"]
    if state == "in the self-test":
        app.canary = asyncio.Event()
    if state in {"walking", "in a pass that does not end"}:
        stream.goes_on.clear()
    if state == "in a pass that does not end":
        monkeypatch.setattr("auditor.scan.walk.take_until", lambda interrupted, batches: batches)
    if state == "connection hangs":
        app.client.on_close.clear()
    with capture_logs() as logged:
        daemon = Daemon(config("a"), app)
        if state == "not connected":
            daemon.reachable.clear()
        async with started(daemon):
            if state == "not connected":
                await daemon.until(lambda: daemon.attempts)
            elif state == "in the self-test":
                await daemon.until(lambda: app.self_tests)
            elif state in {"walking", "in a pass that does not end"}:
                await asyncio.wait_for(stream.walking.wait(), 10)
            else:
                await daemon.until(lambda: daemon.passes("a"))
    assert not [line for line in logged if line["log_level"] in {"error", "critical"}]
    assert app.client.closed is (state not in {"not connected", "connection hangs"})
    assert daemon.passes("a") == (state in {"idle", "connection hangs"})


@pytest.mark.parametrize("task", ["watch", "passes"])
async def test_a_task_that_ends_before_a_stop_is_logged_and_ends_the_daemon(task: str, monkeypatch) -> None:
    if task == "watch":
        monkeypatch.setattr("auditor.daemon.watcher.StreamWatcher.check", broken)
    else:
        monkeypatch.setattr("auditor.daemon.pass_runner.PassRunner.run", broken)
    daemon = Daemon(config("a"), app_of("a"))
    daemon.start()
    with capture_logs() as logged, pytest.raises(ValueError, match="hunter2"):
        await asyncio.wait_for(daemon.task, 10)
    assert [(line["task"], line["reason"]) for line in logged if line["event"] == "task ended"] == [
        (task, "internal error (ValueError)")
    ]
    assert daemon.app.client.closed
    assert "hunter2" not in str(logged)


async def test_an_own_stream_that_cannot_be_used_ends_the_daemon_before_its_first_pass() -> None:
    app = app_of("a")
    app.refuses_own_streams = StateError("it expires")
    daemon = Daemon(config("a"), app)
    daemon.start()
    with pytest.raises(StateError):
        await asyncio.wait_for(daemon.task, 10)
    assert (app.passes, app.client.closed) == ([], True)


async def broken(*_: object) -> None:
    raise ValueError("hunter2")
