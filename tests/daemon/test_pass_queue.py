"""Which pass runs next."""

from __future__ import annotations

import pytest

from auditor.core.model.passes import Mode
from auditor.daemon.pass_queue import MAX_RETRY_NS, MIN_RETRY_NS, Job, PassQueue
from auditor.scan.request import StartFrom
from auditor.units import NANOSECONDS

NOW = 1_800_000_000 * NANOSECONDS
LATER = NOW + 86_400 * NANOSECONDS


def queue_of(*due: str) -> PassQueue:
    queue = PassQueue()
    for name in due:
        queue.come_due(name)
    return queue


def test_an_empty_queue_has_no_job() -> None:
    assert PassQueue().next_job(NOW) is None


def test_an_audit_that_comes_due_twice_before_it_runs_runs_once() -> None:
    queue = queue_of("a", "a")
    assert queue.next_job(NOW) == Job("a", StartFrom.AUTO)
    assert queue.next_job(NOW) is None


def test_an_audit_that_comes_due_while_its_pass_runs_runs_once_more() -> None:
    queue = queue_of("a")
    queue.next_job(NOW)
    for _ in range(3):  # the pass lasts three intervals
        queue.come_due("a")
    queue.completed("a", Mode.FULL, LATER)
    assert queue.next_job(NOW) == Job("a", StartFrom.AUTO)
    queue.completed("a", Mode.INCREMENTAL, LATER)
    assert queue.next_job(NOW) is None


def test_audits_whose_passes_overlap_take_turns_in_the_order_in_which_they_came_due() -> None:
    queue = queue_of("b", "a")
    names = []
    for _ in range(6):
        job = queue.next_job(NOW)
        assert job is not None
        names.append(job.name)
        queue.come_due("a")
        queue.come_due("b")
        queue.completed(job.name, Mode.INCREMENTAL, LATER)
    assert names == ["b", "a"] * 3


def test_audits_that_only_read_new_messages_run_before_those_that_read_everything() -> None:
    queue = queue_of("new", "overdue", "short")
    queue.restored("overdue", NOW)
    queue.restored("short", NOW + 1)
    assert [job.name for _ in range(3) if (job := queue.next_job(NOW))] == ["short", "new", "overdue"]


def test_an_audit_that_fails_again_and_again_keeps_no_healthy_one_from_running() -> None:
    queue = queue_of("failing", "healthy")
    completed = 0
    for _ in range(6):
        job = queue.next_job(NOW)
        assert job is not None
        if job.name == "failing":
            queue.failed("failing", NOW)
        else:
            queue.completed("healthy", Mode.INCREMENTAL, LATER)
            completed += 1
        queue.come_due("failing")
        queue.come_due("healthy")
    assert completed == 3


def test_the_delay_after_a_failure_doubles_up_to_a_bound_and_a_completed_pass_resets_it() -> None:
    queue = PassQueue()
    delays = [queue.failed("a", NOW) - NOW for _ in range(9)]
    assert delays[:3] == [MIN_RETRY_NS, 2 * MIN_RETRY_NS, 4 * MIN_RETRY_NS]
    assert delays[-2:] == [MAX_RETRY_NS, MAX_RETRY_NS]
    assert queue.failed("b", NOW) - NOW == MIN_RETRY_NS
    queue.completed("a", Mode.FULL, LATER)
    assert queue.failed("a", NOW) - NOW == MIN_RETRY_NS
    queue.failed("a", NOW)
    queue.yielded("a")
    assert queue.failed("a", NOW) - NOW == MIN_RETRY_NS


def test_a_full_pass_yields_to_another_audit_that_is_due() -> None:
    queue = queue_of("a")
    queue.next_job(NOW)
    assert not queue.should_yield("a")
    queue.come_due("b")
    assert queue.should_yield("a")


def test_the_first_full_pass_does_not_yield_to_a_later_pass_of_the_same_audit() -> None:
    queue = queue_of("a")
    queue.next_job(NOW)
    queue.come_due("a")
    assert not queue.should_yield("a")
    queue.restored("a", LATER)
    assert queue.should_yield("a")


def test_a_pass_that_yielded_continues_when_nothing_is_due_until_it_completes() -> None:
    queue = queue_of("a")
    queue.next_job(NOW)
    queue.yielded("a")
    assert queue.next_job(NOW) == Job("a", StartFrom.AUTO)
    queue.yielded("a")
    assert queue.next_job(NOW) == Job("a", StartFrom.AUTO)
    queue.completed("a", Mode.FULL, LATER)
    assert queue.next_job(NOW) is None


def test_an_audit_with_a_pass_to_continue_that_comes_due_reads_new_messages_and_then_continues() -> None:
    queue = queue_of("a")
    queue.restored("a", NOW)
    queue.next_job(NOW)
    queue.come_due("a")
    queue.yielded("a")
    assert queue.next_job(NOW) == Job("a", StartFrom.INCREMENTAL)
    queue.completed("a", Mode.INCREMENTAL, NOW)
    assert queue.next_job(NOW) == Job("a", StartFrom.AUTO)


def test_a_pass_that_yielded_continues_although_other_audits_are_always_due() -> None:
    queue = queue_of("full")
    queue.next_job(NOW)
    queue.yielded("full")
    names = []
    for _ in range(6):
        queue.come_due("other")
        job = queue.next_job(NOW)
        assert job is not None
        names.append(job.name)
        if job.name == "full":
            queue.yielded("full")
        else:
            queue.completed("other", Mode.INCREMENTAL, LATER)
    assert names == ["other", "full"] * 3


def test_of_two_passes_that_yielded_the_earlier_one_is_completed_first() -> None:
    queue = queue_of("a", "b")
    for name in ("a", "b"):
        queue.next_job(NOW)
        queue.yielded(name)
    for _ in range(2):
        assert queue.next_job(NOW) == Job("a", StartFrom.AUTO)
        queue.yielded("a")
    queue.next_job(NOW)
    queue.completed("a", Mode.FULL, LATER)
    assert queue.next_job(NOW) == Job("b", StartFrom.AUTO)


@pytest.mark.parametrize("ends", ["failed", "completed"])
def test_a_pass_that_ended_before_its_turn_to_continue_is_not_continued(ends: str) -> None:
    queue = queue_of("a")
    queue.next_job(NOW)
    queue.yielded("a")
    queue.come_due("a")
    assert queue.next_job(NOW) == Job("a", StartFrom.INCREMENTAL)
    if ends == "failed":
        queue.failed("a", NOW)
    else:
        queue.completed("a", Mode.FULL, LATER)
    assert queue.next_job(NOW) is None
