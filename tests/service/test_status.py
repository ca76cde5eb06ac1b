"""The status keeps the results of passes, counts them, and says whether the daemon is ready."""

from __future__ import annotations

from dataclasses import replace

from auditor.core.model.message import StreamInfo
from auditor.core.model.passes import Mode, Outcome, Progress, Verdict
from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.service.status import DURATION_BUCKETS, Durations
from tests.core.reports import report
from tests.core.stories import event
from tests.service.statuses import Connected, status

ORDER = "S.events.order.order-1"
GOOD = [(ORDER, event("order-1", version)) for version in (1, 2, 3)]


def test_there_is_no_verdict_before_the_first_completed_pass() -> None:
    audit = status().audits["orders"]
    audit.pass_started(Progress())
    audit.set_stream_info(StreamInfo("S", 5, 1, 9, 9, 0))
    assert (audit.report, audit.unaudited_messages, audit.completed_ns, audit.to_json()["verdict"]) == (
        None,
        None,
        {},
        None,
    )


def test_the_report_of_the_last_completed_pass_stays_while_the_next_pass_runs_or_fails() -> None:
    audit = status().audits["orders"]
    audit.pass_started(Progress())
    audit.pass_completed(first := report(*GOOD))
    audit.pass_started(Progress())
    assert audit.report is first
    audit.pass_failed("the stream is gone")
    assert (audit.report, audit.last_failure, audit.running) == (first, "the stream is gone", None)
    assert audit.passes == {(Mode.FULL, "clean"): 1, (Mode.INCREMENTAL, "failed"): 1}
    audit.pass_completed(first)
    assert audit.last_failure is None


def test_after_a_restart_the_last_report_is_restored() -> None:
    audit = status().audits["orders"]
    audit.restore(before := report(*GOOD), {Mode.FULL: 7, Mode.INCREMENTAL: before.finished_ns})
    assert (audit.report, audit.completed_ns[Mode.FULL]) == (before, 7)
    assert not audit.passes
    audit.pass_started(progress := Progress())
    assert progress.mode is Mode.INCREMENTAL


def test_a_pass_that_yields_is_neither_completed_nor_failed_and_its_messages_are_counted() -> None:
    audit = status().audits["orders"]
    audit.pass_started(progress := Progress())
    progress.outcomes[Outcome.OK] += 5
    audit.pass_yielded(QuarantineResult(stored=1))
    assert (audit.running, audit.report, audit.last_failure) == (None, None, None)
    assert (audit.examined[Outcome.OK], audit.records["stored"]) == (5, 1)
    assert not audit.passes


def test_the_count_of_examined_messages_grows_while_a_pass_runs_and_never_decreases() -> None:
    audit = status().audits["orders"]
    seen = []
    for ending in ("completed", "failed"):
        progress = Progress()
        audit.pass_started(progress)
        for _ in range(3):
            progress.outcomes[Outcome.OK] += 5
            progress.bytes += 100
            seen.append((audit.examined[Outcome.OK], audit.bytes_examined))
        if ending == "completed":
            audit.pass_completed(report(*GOOD))
        else:
            audit.pass_failed("why")
        seen.append((audit.examined[Outcome.OK], audit.bytes_examined))
    assert seen == [(5, 100), (10, 200), (15, 300), (15, 300), (20, 400), (25, 500), (30, 600), (30, 600)]


def test_unaudited_messages_are_those_stored_after_the_range_of_the_last_pass() -> None:
    audit = status().audits["orders"]
    records = QuarantineResult(stored=2, already_stored=1, failed=4, reason="full")
    audit.pass_completed(replace(report(*GOOD), quarantine=records))
    audit.set_stream_info(StreamInfo("S", 5, 1, 9, 9, 0))
    assert audit.unaudited_messages == 6
    assert audit.records == {"stored": 2, "already_stored": 1, "failed": 4}


def test_the_schedule_is_shown_as_it_was_configured() -> None:
    assert status().audits["orders"].to_json()["schedule"] == {"every": "5m", "cron": None, "jitter": "0"}


def test_the_time_of_the_next_pass_is_shown_in_utc() -> None:
    audit = status().audits["orders"]
    assert audit.to_json()["next_pass"] is None
    audit.next_pass_ns = 1_700_000_000_250_000_000
    assert audit.to_json()["next_pass"] == "2023-11-14T22:13:20.250000+00:00"


def test_the_overall_verdict_is_the_worst_one_and_none_while_an_audit_has_none() -> None:
    service = status()
    assert service.verdict is None
    service.audits["orders"].pass_completed(report(*GOOD))
    assert service.verdict is None
    service.audits["carts"].pass_completed(report(*GOOD))
    assert service.verdict is Verdict.CLEAN
    service.audits["carts"].pass_completed(report((ORDER, b"{")))
    assert service.verdict is Verdict.CORRUPT


def test_the_daemon_is_ready_only_while_it_is_connected_and_has_no_problem() -> None:
    service = status()
    assert service.not_ready
    connection = Connected()
    service.connection, service.problem = connection, None
    assert service.not_ready is None
    service.problem = "no such stream"
    assert service.not_ready == "no such stream"
    service.problem, connection.is_connected, connection.last_error_text = None, False, "connection refused"
    assert service.not_ready == "the connection to NATS is lost: connection refused"


def test_a_duration_falls_into_the_first_bucket_that_holds_it() -> None:
    durations = Durations()
    for seconds in (0.05, 0.1, 0.2, 100_000):
        durations.observe(seconds)
    assert durations.counts[:2] == [2, 1]
    assert durations.counts[-1] == 1
    assert (sum(durations.counts), len(durations.counts)) == (4, len(DURATION_BUCKETS) + 1)


def test_a_stream_of_which_nothing_can_be_read_makes_the_daemon_not_ready() -> None:
    service = status()
    service.problem, service.connection = None, Connected()
    audit = service.audits["orders"]
    audit.pass_completed(replace(report(*GOOD), read_error="NATS does not allow it"))
    assert service.not_ready == "stream S cannot be read: NATS does not allow it"
    audit.pass_completed(report(*GOOD))
    assert service.not_ready is None


def test_a_report_without_anything_read_or_known_says_nothing_of_findings() -> None:
    audit = status().audits["orders"]
    unread = replace(report(), read_error="NATS does not allow it")
    audit.pass_completed(unread)
    assert (audit.report, audit.findings_report) == (unread, None)
    known = replace(report(*GOOD), read_error="NATS does not allow it")
    audit.pass_completed(known)
    assert audit.findings_report is known
