"""One pass, reported to the status of its audit."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

import auditor.scan.checkpoint_writer
from auditor.core.model.passes import Mode, Verdict
from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.daemon.pass_queue import Job
from auditor.daemon.pass_runner import Completed, Failed, Interrupted, PassRunner
from auditor.scan.request import StartFrom
from auditor.scan.run import Yielded
from auditor.units import NANOSECONDS
from tests.daemon.apps import GOOD, NOW, ORDER, InMemoryApp, Stream, audits, status_of
from tests.ports.in_memory import GoneError

JOB = Job("a", StartFrom.AUTO)


def never() -> bool:
    return False


def always() -> bool:
    return True


class Running:
    """A runner of the audit `a`, and of `b`."""

    def __init__(self) -> None:
        self.app = InMemoryApp({"a": Stream(GOOD), "b": Stream(GOOD)})
        self.status = status_of("a", "b")
        self.a = self.status.audits["a"]
        self.stopping = asyncio.Event()
        self.runner = PassRunner(audits("a", "b"), self.app, self.status, self.stopping, lambda: NOW)


async def test_a_completed_pass_is_shown_with_its_deadlines_and_the_time_of_the_saved_state() -> None:
    running = Running()
    running.a.next_pass_ns = NOW + 300 * NANOSECONDS
    with capture_logs() as logged:
        result = await running.runner.run(JOB, never)
    assert isinstance(result, Completed)
    assert running.a.report is result.report
    assert (result.report.verdict, result.report.mode) == (Verdict.CLEAN, Mode.FULL)
    assert running.a.due_ns[Mode.INCREMENTAL] == NOW + 360 * NANOSECONDS
    assert running.a.due_ns[Mode.FULL] > NOW + 86_400 * NANOSECONDS
    assert (running.a.running, running.a.saved_ns) == (None, NOW)
    assert [(line["event"], line["mode"], line["examined"]) for line in logged] == [("pass completed", "full", 7)]


async def test_without_a_next_pass_no_deadline_is_shown() -> None:
    running = Running()
    await running.runner.run(JOB, never)
    assert not running.a.due_ns


async def test_a_pass_begins_as_the_job_says() -> None:
    running = Running()
    await running.runner.run(Job("a", StartFrom.INCREMENTAL), never)
    assert running.app.passes == [("a", StartFrom.INCREMENTAL)]


async def test_a_failing_audit_changes_nothing_for_a_healthy_one() -> None:
    running = Running()
    running.app.streams["a"].refuses = GoneError("stream S does not exist")
    assert await running.runner.run(JOB, never) == Failed("stream S does not exist")
    assert isinstance(await running.runner.run(Job("b", StartFrom.AUTO), never), Completed)
    a, b = running.status.audits.values()
    assert (a.report, a.last_failure, a.passes) == (None, "stream S does not exist", {(Mode.FULL, "failed"): 1})
    assert (b.last_failure, b.passes) == (None, {(Mode.FULL, "clean"): 1})


async def test_a_failed_pass_changes_no_deadline() -> None:
    running = Running()
    running.a.next_pass_ns = NOW
    running.a.due_ns[Mode.FULL] = 7
    running.app.streams["a"].refuses = GoneError("gone")
    await running.runner.run(JOB, never)
    assert running.a.due_ns == {Mode.FULL: 7}


async def test_an_internal_error_is_a_failed_pass_that_shows_no_payload_value() -> None:
    running = Running()
    running.app.streams["a"].refuses = ValueError("hunter2")
    assert await running.runner.run(JOB, never) == Failed("internal error (ValueError)")
    assert running.a.last_failure == "internal error (ValueError)"


async def test_a_full_pass_yields_if_asked_to_and_the_next_one_continues_it(monkeypatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_INTERVAL_NS", 0)
    running = Running()
    running.app.streams["a"].append(*[(ORDER, b"{}")] * 10)
    with capture_logs() as logged:
        yielded = await running.runner.run(JOB, always)
    [line] = [line for line in logged if line["event"] == "full pass paused"]
    assert yielded == Yielded(line["seq"], QuarantineResult())
    assert 0 < line["seq"] < 17
    assert (running.a.running, running.a.report, running.a.last_failure) == (None, None, None)
    result = await running.runner.run(JOB, never)
    assert isinstance(result, Completed)
    assert result.report.read.first_seq == line["seq"] + 1
    assert running.a.examined.total() == 17


async def test_a_pass_that_is_cut_short_by_a_stop_is_not_shown() -> None:
    running = Running()
    stream = running.app.streams["a"]
    stream.goes_on.clear()
    run = asyncio.create_task(running.runner.run(JOB, never))
    await asyncio.wait_for(stream.walking.wait(), 5)
    assert running.a.running is not None
    running.stopping.set()
    assert await asyncio.wait_for(run, 5) == Interrupted()
    assert (running.a.report, running.a.last_failure) == (None, None)
    assert not running.a.passes
