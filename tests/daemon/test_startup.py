"""The steps before the first pass, and the self-test."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from auditor.canary.match import MatchResult
from auditor.core.model.passes import Mode
from auditor.core.report.pass_report import PassReport
from auditor.daemon.startup import (
    MAX_PAUSE_SECONDS,
    connect_with_retries,
    ensure_own_streams,
    restore_status,
    run_self_test,
)
from auditor.errors import (
    ConnectionFailedError,
    PermissionDeniedError,
    QuarantineStreamError,
    StateError,
    StateNewerError,
    StreamNotFoundError,
)
from auditor.operations.selftest import SelfTest
from auditor.scan.request import PassRequest
from auditor.units import NANOSECONDS
from tests.daemon.apps import GOOD, HEALTHY, NOW, InMemoryApp, Stream, audits, status_of


def app_of(stream: Stream | None = None) -> InMemoryApp:
    return InMemoryApp({"a": stream or Stream(GOOD)})


async def test_it_tries_to_connect_until_it_can_and_logs_each_reason_once() -> None:
    status, app = status_of("a"), app_of()
    answers = iter(["refused"] * 3 + ["wrong password"] * 3)
    pauses: list[float] = []

    async def open_once() -> InMemoryApp:
        reason = next(answers, None)
        if reason is not None:
            raise ConnectionFailedError(reason)
        return app

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        assert status.not_ready in {"refused", "wrong password"}

    with capture_logs() as logged:
        assert await connect_with_retries(open_once, status, pause) is app
    assert [line["reason"] for line in logged] == ["refused", "wrong password"]
    assert pauses == [1, 2, 4, 8, MAX_PAUSE_SECONDS, MAX_PAUSE_SECONDS]


@pytest.mark.parametrize("error", [QuarantineStreamError("it expires"), StateError("it expires")])
async def test_an_own_stream_that_cannot_be_used_safely_ends_the_start(error: Exception) -> None:
    app = app_of()
    app.refuses_own_streams = error
    with pytest.raises(type(error)):
        await ensure_own_streams(app)


async def test_own_streams_that_cannot_be_reached_are_logged() -> None:
    app = app_of()
    app.refuses_own_streams = PermissionDeniedError("allow it")
    with capture_logs() as logged:
        await ensure_own_streams(app)
    assert [(line["event"], line["reason"]) for line in logged] == [("quarantine or state unavailable", "allow it")]


async def test_the_report_of_the_last_pass_is_shown_again_after_a_restart() -> None:
    app, status, [audit] = app_of(), status_of("a"), audits("a")
    before = await app.run_pass(PassRequest(audit))
    assert isinstance(before, PassReport)
    report = await restore_status(app, audit, status, NOW + NANOSECONDS)
    shown = status.audits["a"]
    assert report is not None
    assert shown.report is report
    assert (report.verdict, report.range, report.mode) == (before.verdict, before.range, Mode.FULL)
    assert set(shown.completed_ns) == {Mode.FULL}
    assert shown.saved_ns == NOW
    assert shown.due_ns[Mode.INCREMENTAL] == NOW + 61 * NANOSECONDS
    assert shown.due_ns[Mode.FULL] > NOW + 86_400 * NANOSECONDS


async def test_without_saved_state_nothing_is_shown() -> None:
    app, status, [audit] = app_of(), status_of("a"), audits("a")
    assert await restore_status(app, audit, status, NOW) is None
    shown = status.audits["a"]
    assert (shown.report, shown.saved_ns, shown.due_ns) == (None, None, {})


async def test_saved_state_that_cannot_be_read_is_logged() -> None:
    app, status, [audit] = app_of(), status_of("a"), audits("a")
    app.stores["a"].unreadable = StateNewerError("saved by a later version")
    with capture_logs() as logged:
        assert await restore_status(app, audit, status, NOW) is None
    assert [(line["event"], line["audit"]) for line in logged] == [("saved state not read", "a")]


@pytest.mark.parametrize(
    ("outcome", "ok"),
    [
        (HEALTHY, True),
        (SelfTest(MatchResult((), ()), ("key",)), False),
        (StreamNotFoundError("no canary"), None),
        (PermissionDeniedError("not allowed"), None),
        (ConnectionFailedError("no answer"), False),
        (ValueError("hunter2"), False),
    ],
)
async def test_the_self_test_is_shown_and_a_failure_is_logged(outcome: SelfTest | Exception, ok: bool | None) -> None:
    app, status = app_of(), status_of("a")
    app.canary = outcome
    with capture_logs() as logged:
        await run_self_test(app, status, asyncio.Event())
    assert status.selftest_ok is ok
    assert [line["event"] for line in logged] == (["self-test failed"] if ok is False else [])
    assert "hunter2" not in str(logged)


async def test_a_self_test_that_is_cut_short_by_a_stop_shows_nothing() -> None:
    app, status, stopping = app_of(), status_of("a"), asyncio.Event()
    app.canary = ConnectionFailedError("interrupted")
    stopping.set()
    with capture_logs() as logged:
        await run_self_test(app, status, stopping)
    assert (status.selftest_ok, logged) == (None, [])
