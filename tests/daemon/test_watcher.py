"""Readiness, stream info and the state of the connection."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

import auditor.daemon.watcher
from auditor.core.model.passes import Mode
from auditor.daemon.watcher import STREAM_INFO_SECONDS, StreamWatcher
from auditor.errors import StreamNotFoundError
from auditor.units import NANOSECONDS
from tests.core.reports import report
from tests.daemon.apps import GOOD, NOW, InMemoryApp, Stream, audits, status_of


class Watched:
    """A watcher of the audits `a` and `b`, and what it watches."""

    def __init__(self) -> None:
        self.a, self.b = Stream(GOOD), Stream(GOOD)
        self.app = InMemoryApp({"a": self.a, "b": self.b})
        self.status = status_of("a", "b")
        self.status.connection = self.app.client
        self.watcher = StreamWatcher(audits("a", "b"), self.app, self.status, lambda: NOW)


async def test_the_first_check_reads_the_info_of_every_stream_and_makes_the_daemon_ready() -> None:
    watched = Watched()
    assert watched.status.not_ready
    await watched.watcher.check(0)
    assert watched.status.not_ready is None
    assert [audit.stream_info.last_seq for audit in watched.status.audits.values() if audit.stream_info] == [7, 7]


async def test_stream_info_is_read_again_when_it_is_too_old() -> None:
    watched = Watched()
    for now_seconds in (0, 1, STREAM_INFO_SECONDS - 1):
        await watched.watcher.check(now_seconds)
    assert watched.a.pinned == 1
    await watched.watcher.check(STREAM_INFO_SECONDS)
    assert watched.a.pinned == 2


async def test_a_request_makes_the_next_check_read_stream_info_once() -> None:
    watched = Watched()
    await watched.watcher.check(0)
    watched.watcher.request_refresh()
    await watched.watcher.check(1)
    await watched.watcher.check(2)
    assert watched.a.pinned == 2


async def test_a_stream_that_cannot_be_read_is_the_reason_why_the_daemon_is_not_ready_and_is_logged_once() -> None:
    watched = Watched()
    watched.a.refuses = StreamNotFoundError("stream S does not exist")
    with capture_logs() as logged:
        await watched.watcher.refresh()
        await watched.watcher.refresh()
    assert watched.status.not_ready == "stream S does not exist"
    assert [(line["event"], line["reason"]) for line in logged] == [("not ready", "stream S does not exist")]
    assert watched.status.audits["b"].stream_info is not None
    watched.a.refuses = None
    await watched.watcher.refresh()
    assert watched.status.not_ready is None


async def test_without_a_connection_no_stream_is_asked_and_once_it_is_back_all_are_asked_at_once() -> None:
    watched = Watched()
    await watched.watcher.check(0)
    watched.app.client.is_connected, watched.app.client.last_error_text = False, "connection refused"
    with capture_logs() as logged:
        for now_seconds in (1, 2, 1 + STREAM_INFO_SECONDS):
            watched.watcher.request_refresh()
            await watched.watcher.check(now_seconds)
        assert watched.a.pinned == 1
        assert watched.status.not_ready == "the connection to NATS is lost: connection refused"
        watched.app.client.is_connected = True
        await watched.watcher.check(2 + STREAM_INFO_SECONDS)
    assert watched.a.pinned == 2
    assert [line["event"] for line in logged] == ["connection lost", "connected again"]


async def test_the_first_pass_over_a_large_stream_has_more_time() -> None:
    watched = Watched()
    watched.app.streams = {**watched.app.streams, "a": Stream(GOOD * 1000)}
    slow, fast = audits("a", max_rate=10)[0], audits("b")[0]
    await StreamWatcher((slow, fast), watched.app, watched.status, lambda: NOW).refresh()
    assert watched.status.audits["a"].due_ns == {Mode.FULL: NOW + 2_100 * NANOSECONDS}
    assert watched.status.audits["b"].due_ns == {Mode.FULL: NOW + 60 * NANOSECONDS}


async def test_after_a_pass_the_watcher_changes_no_deadline() -> None:
    watched = Watched()
    watched.status.audits["a"].report = report(*GOOD)
    await watched.watcher.refresh()
    assert not watched.status.audits["a"].due_ns


async def test_a_checkpoint_that_a_running_pass_saves_is_shown_with_the_next_check() -> None:
    watched = Watched()
    await watched.watcher.check(0)
    assert watched.status.audits["a"].saved_ns is None
    watched.app.stores["a"].saved_ns = 5
    await watched.watcher.check(1)
    assert (watched.status.audits["a"].saved_ns, watched.status.audits["b"].saved_ns) == (5, None)


@pytest.mark.parametrize("connected", [True, False])
async def test_a_request_ends_the_wait_only_while_there_is_a_connection(connected: bool, monkeypatch) -> None:
    monkeypatch.setattr(auditor.daemon.watcher, "CONNECTION_POLL_SECONDS", 3_600)
    watched = Watched()
    watched.app.client.is_connected = connected
    checks: asyncio.Queue[float] = asyncio.Queue()
    check = watched.watcher.check

    async def counted(now_seconds: float) -> None:
        await check(now_seconds)
        checks.put_nowait(now_seconds)

    watched.watcher.check = counted
    watching = asyncio.create_task(watched.watcher.watch())
    await asyncio.wait_for(checks.get(), 5)
    watched.watcher.request_refresh()
    if connected:
        await asyncio.wait_for(checks.get(), 5)
    else:
        for _ in range(10):
            await asyncio.sleep(0)
        assert checks.empty()
    watching.cancel()
    await asyncio.wait({watching})


async def test_a_refresh_notes_when_the_credentials_expire() -> None:
    watched = Watched()
    watched.app.client.expire_s = 1_800_000_000
    await watched.watcher.refresh()
    assert watched.status.credentials_expire_s == 1_800_000_000
