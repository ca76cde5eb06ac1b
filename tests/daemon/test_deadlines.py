"""When passes should have completed."""

from __future__ import annotations

from dataclasses import replace

from auditor.config import AuditConfig, Duration
from auditor.core.model.passes import Mode
from auditor.daemon.deadlines import MIN_EXPECTED_RATE, MIN_GRACE_NS, after_pass, before_first, full_pass_due_ns
from auditor.units import NANOSECONDS
from tests.core.reports import NOW, report

MINUTE = 60 * NANOSECONDS
HOUR = 60 * MINUTE
AUDIT = AuditConfig(name="orders", stream="S", full_pass_every=Duration(24 * HOUR))


def test_the_first_pass_has_a_minute_on_a_small_stream() -> None:
    assert before_first(AUDIT, NOW, 0) == before_first(AUDIT, NOW, 1000) == NOW + MIN_GRACE_NS


def test_the_first_pass_over_a_large_stream_has_three_times_as_long_as_it_is_expected_to_take() -> None:
    assert before_first(AUDIT, NOW, 3600 * MIN_EXPECTED_RATE) == NOW + 3 * HOUR


def test_the_first_pass_is_expected_to_be_as_slow_as_max_rate_makes_it() -> None:
    slow = AuditConfig(name="orders", stream="S", max_rate=10)
    assert before_first(slow, NOW, 36_000) == NOW + 3 * HOUR


def test_jitter_is_added_to_the_time_that_a_pass_has() -> None:
    schedule = {"every": Duration(HOUR), "jitter": Duration(MINUTE)}
    assert before_first(AuditConfig(name="orders", stream="S", schedule=schedule), NOW, 0) == NOW + 2 * MINUTE


def test_the_next_full_pass_is_due_full_pass_every_after_the_last_one_began() -> None:
    assert full_pass_due_ns(AUDIT, replace(report(), full_pass_started_ns=NOW), NOW + 1) == NOW + 24 * HOUR


def test_a_full_pass_that_began_while_the_clock_was_ahead_is_due_again_now() -> None:
    ahead = replace(report(), full_pass_started_ns=NOW + HOUR)
    assert full_pass_due_ns(AUDIT, ahead, NOW) == NOW
    due_ns = after_pass(AUDIT, ahead, {}, begins_ns=NOW + MINUTE, now_ns=NOW)
    assert due_ns[Mode.FULL] == NOW + MINUTE + MIN_GRACE_NS


def test_after_a_pass_the_next_one_has_three_times_as_long_as_the_last_one_of_its_mode_took() -> None:
    last = replace(report(), full_pass_started_ns=NOW)
    took_ns = {Mode.INCREMENTAL: 2 * MINUTE, Mode.FULL: HOUR}
    due_ns = after_pass(AUDIT, last, took_ns, begins_ns=NOW + 5 * MINUTE, now_ns=NOW)
    assert due_ns[Mode.INCREMENTAL] == NOW + 11 * MINUTE
    assert due_ns[Mode.FULL] == NOW + 24 * HOUR + 5 * MINUTE + 3 * HOUR


def test_a_mode_without_a_pass_so_far_has_a_minute() -> None:
    due_ns = after_pass(AUDIT, replace(report(), full_pass_started_ns=NOW), {}, begins_ns=NOW + HOUR, now_ns=NOW)
    assert due_ns[Mode.INCREMENTAL] == NOW + HOUR + MIN_GRACE_NS


def test_a_full_pass_that_is_due_should_complete_with_the_next_pass_that_begins() -> None:
    overdue = replace(report(), full_pass_started_ns=NOW - 48 * HOUR)
    due_ns = after_pass(AUDIT, overdue, {}, begins_ns=NOW + HOUR, now_ns=NOW)
    assert due_ns[Mode.FULL] == NOW + HOUR + MIN_GRACE_NS


def test_a_pass_that_lasted_longer_than_its_interval_has_its_time_from_when_the_next_one_was_scheduled() -> None:
    due_ns = after_pass(
        AUDIT, replace(report(), full_pass_started_ns=NOW), {Mode.FULL: HOUR}, begins_ns=NOW + MINUTE, now_ns=NOW + HOUR
    )
    assert due_ns == {Mode.INCREMENTAL: NOW + MINUTE + MIN_GRACE_NS, Mode.FULL: NOW + 27 * HOUR}
