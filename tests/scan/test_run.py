"""A whole pass: its report, its saved state and its records, also after faults and kills."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

import auditor.scan.checkpoint_writer
import auditor.scan.plan
import auditor.scan.walk
from auditor.config import Duration
from auditor.core.history.saved_state import EncodedState
from auditor.core.model.findings import Cause, Kind, Severity
from auditor.core.model.message import Loss
from auditor.core.model.passes import Mode, Outcome, SeqRange, Verdict
from auditor.core.model.quarantine_entry import QuarantineResult
from auditor.core.state.codec import decode_checkpoint
from auditor.core.state.examiner import Examiner
from auditor.errors import PermissionDeniedError, StateError
from auditor.jetstream.state.state_store import HISTORY_PART
from auditor.scan.request import StartFrom
from auditor.scan.run import Yielded
from tests.core.findings import acceptance_by_rule
from tests.core.stories import event, snapshot, streams, subjects
from tests.ports.in_memory import FaultySource, GoneError, InMemoryQuarantine, InMemorySource, InMemoryStateStore
from tests.scan.passes import GOOD, ORDER, OnePass, a_pass, report_of, sums_hold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.acceptance import Acceptance

T = TypeVar("T")


async def test_a_stream_with_nothing_wrong_is_clean() -> None:
    this_pass = a_pass(InMemorySource([*GOOD, ("S.snapshots.order.order-1", snapshot("order-1", 7))]))
    report = await this_pass.run()
    assert (report.verdict, report.coverage, report.findings) == (Verdict.CLEAN, 1.0, ())
    assert (report.range, report.read) == (SeqRange(1, 8), SeqRange(1, 8))
    assert (report.actors.seen, report.actors.replayable) == (1, 1)
    assert this_pass.progress.ratio == 1.0
    assert this_pass.progress.outcomes[Outcome.OK] == 8


@pytest.mark.parametrize("purged", [False, True])
async def test_an_empty_stream_is_clean_and_nothing_was_read(*, purged: bool) -> None:
    stream = InMemorySource(GOOD if purged else ())
    if purged:
        stream.purge(7)
    report = await a_pass(stream).run()
    assert (report.verdict, report.coverage, report.read, report.messages.in_range) == (Verdict.CLEAN, 1.0, None, 0)


@dataclass(frozen=True)
class Faults:
    """What happens to a stream before and during a pass."""

    deleted: set[int]
    unreadable: set[int]
    forgotten: set[int]
    """Not delivered, although readable."""
    failing: set[int]
    """Messages on which the auditor raises an exception."""
    purged: int
    walk_ends_at: int
    silent: str
    """The method of the source that raises."""
    interrupted_at: int
    """The number of the batch before which the pass is interrupted; 0 for none."""
    deleted_during: tuple[int, set[int]]
    purged_during: tuple[int, int]
    only_one_actor: bool
    bound: int

    @property
    def leaves_the_walk_complete(self) -> bool:
        """Return whether the walk can be complete: neither the source nor the auditor fails."""
        return not (self.forgotten or self.failing or self.walk_ends_at or self.silent or self.interrupted_at)

    def pass_with(self, patch: pytest.MonkeyPatch, stored: list[tuple[str | bytes, bytes]], batch: int) -> OnePass:
        """Return a pass over a stream with these faults."""
        stream = FaultySource(stored, batch=batch)
        stream.delete(*self.deleted)
        stream.purge(min(self.purged, stream.last_seq))
        stream.unreadable, stream.forgotten = self.unreadable, self.forgotten
        if self.walk_ends_at:
            stream.fails_at[self.walk_ends_at] = GoneError("the stream is gone")
        if self.silent:
            stream.silent[self.silent] = GoneError("no answer")
        this_pass = a_pass(stream, actors=("order-1",) if self.only_one_actor else ())
        this_pass.max_findings = self.bound
        batches = count(1)

        def cause_faults() -> None:
            number = next(batches)
            if number == self.interrupted_at:
                this_pass.interrupt.set()
            if number == self.deleted_during[0]:
                stream.delete(*self.deleted_during[1])
            if number == self.purged_during[0]:
                stream.purge(min(self.purged_during[1], stream.last_seq))

        stream.on_batch = cause_faults
        fails_on(patch, self.failing)
        return this_pass


def fails_on(patch: pytest.MonkeyPatch, seqs: Container[int]) -> None:
    """Let the auditor raise on the messages with these sequences."""
    judge = Examiner.examine

    def examine(audit: Examiner, message: StoredMessage) -> object:
        if message.seq in seqs:
            raise ValueError("hunter2")
        return judge(audit, message)

    patch.setattr(Examiner, "examine", examine)
    patch.setattr(Examiner, "examine_expected", lambda _, __, at=0: at)


numbers = st.integers(1, 40)


@st.composite
def faults(draw: st.DrawFn) -> Faults:
    """Most examples have few faults, so that passes end in each possible way."""

    def some(chance: int, what: st.SearchStrategy[T], otherwise: T) -> T:
        return otherwise if draw(st.integers(0, chance)) else draw(what)

    return Faults(
        deleted=some(2, st.sets(numbers), set()),
        unreadable=some(3, st.sets(numbers), set()),
        forgotten=some(5, st.sets(numbers), set()),
        failing=some(5, st.sets(numbers), set()),
        purged=some(2, st.integers(0, 20), 0),
        walk_ends_at=some(5, numbers, 0),
        silent=some(9, st.sampled_from(["deleted", "is_readable"]), ""),
        interrupted_at=some(5, st.integers(1, 10), 0),
        deleted_during=some(3, st.tuples(st.integers(1, 10), st.sets(numbers)), (0, set())),
        purged_during=some(3, st.tuples(st.integers(1, 10), numbers), (0, 0)),
        only_one_actor=some(3, st.just(value=True), False),
        bound=some(5, st.just(2), 1000),
    )


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams, faults(), st.integers(1, 7))
def test_with_any_faults_every_sequence_is_accounted_for_and_only_a_fully_judged_pass_is_clean(
    monkeypatch: pytest.MonkeyPatch, stored: list[tuple[str | bytes, bytes]], fault: Faults, batch: int
) -> None:
    with monkeypatch.context() as patch:
        this_pass = fault.pass_with(patch, stored, batch)
        report = asyncio.run(this_pass.run())
    messages = report.messages
    assert sums_hold(report)
    assert min(asdict(messages).values()) >= 0
    assert 0 <= report.coverage <= 1
    everything_judged = not messages.unjudged
    assert (report.coverage == 1) == everything_judged
    corrupt = any(count for (_, severity), count in report.totals.items() if severity is Severity.CORRUPTION)
    assert (report.verdict is Verdict.CORRUPT) == corrupt
    if report.verdict is Verdict.CLEAN:
        assert report.incomplete is None
        assert everything_judged
        assert not messages.unreadable
    if fault.leaves_the_walk_complete:
        assert report.incomplete is None or (
            "is on the subjects of this audit" in report.incomplete and not messages.examined
        )
        assert messages.unjudged == 0
    actors = report.actors
    assert actors.seen == actors.replayable + actors.replayable_from_snapshot + actors.broken
    listed: Counter[tuple[Kind, Severity]] = Counter()
    for finding in report.findings:
        listed[finding.kind, finding.severity] += finding.count or 1
    assert report.findings_cut == (listed != Counter(report.totals))
    assert len(report.findings) <= fault.bound
    text = json.dumps(report.to_json(), ensure_ascii=False)
    assert json.loads(text.encode()) == report.to_json()
    assert this_pass.progress.ratio <= 1


@st.composite
def healthy_streams(draw: st.DrawFn) -> list[tuple[str | bytes, bytes]]:
    """Streams with notices at most: superseded bad snapshots, and subjects without an actor."""
    stored: list[tuple[str | bytes, bytes]] = []
    versions: dict[str, int] = {}
    for actor, what in draw(
        st.lists(st.tuples(st.sampled_from(("order-1", "cart-1", "a_b")), st.sampled_from("eeesbu")))
    ):
        events, snapshots = subjects(actor)
        if what == "e":
            versions[actor] = versions.get(actor, 0) + 1
            stored.append((events, event(actor, versions[actor])))
        elif what == "u":
            stored.append(("S.events.x.y.z", b"{"))
        elif actor in versions:
            stored.append((snapshots, snapshot(actor, versions[actor]) if what == "s" else b"{"))
    return stored + [(subjects(actor)[1], snapshot(actor, version)) for actor, version in versions.items()]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(healthy_streams(), st.sets(numbers, max_size=4), st.sets(numbers, max_size=2), st.just(0) | numbers)
def test_a_pass_that_misses_messages_of_a_healthy_stream_is_inconclusive_and_not_corrupt(
    monkeypatch: pytest.MonkeyPatch,
    stored: list[tuple[str | bytes, bytes]],
    failing: set[int],
    forgotten: set[int],
    ends_at: int,
) -> None:
    stream = FaultySource(stored)
    assert report_of(stream).verdict is Verdict.CLEAN
    stream.forgotten = forgotten
    if ends_at:
        stream.fails_at[ends_at] = GoneError("the stream is gone")
    with monkeypatch.context() as patch:
        fails_on(patch, failing)
        report = report_of(stream)
    missed = (failing | forgotten) & set(stream.messages) or 0 < ends_at <= stream.last_seq
    assert report.verdict is (Verdict.INCONCLUSIVE if missed else Verdict.CLEAN)


async def test_first_events_that_are_purged_during_the_pass_are_a_notice() -> None:
    stream = InMemorySource(GOOD)
    batches = iter([lambda: None, lambda: stream.purge(4), lambda: None])
    stream.on_batch = lambda: next(batches)()
    report = await a_pass(stream).run()
    assert [(f.kind, f.cause, f.severity, f.missing) for f in report.findings] == [
        (Kind.MISSING_HEAD, Cause.EXPIRED, Severity.NOTICE, 4)
    ]
    assert (report.verdict, report.messages.examined, report.messages.removed) == (Verdict.CLEAN, 6, 1)
    assert sums_hold(report)


async def test_a_message_that_is_deleted_during_the_pass_is_a_gap_whose_cause_is_known() -> None:
    stream = InMemorySource(GOOD)
    batches = iter([lambda: None, lambda: stream.delete(2, 6), lambda: None])
    stream.on_batch = lambda: next(batches)()
    report = await a_pass(stream).run()
    assert [(f.kind, f.cause) for f in report.findings] == [
        (Kind.VERSION_GAP, Cause.DELETED),
        (Kind.DELETED_MESSAGES, None),
    ]
    assert (report.messages.examined, report.messages.removed) == (6, 1)
    assert sums_hold(report)


async def test_messages_that_are_stored_during_a_pass_are_read_by_the_next_pass() -> None:
    stream = InMemorySource(GOOD)
    stream.on_batch = lambda: stream.append((ORDER, b"{"))
    report = await a_pass(stream).run()
    assert (report.range.last_seq, report.messages.examined, report.verdict) == (7, 7, Verdict.CLEAN)


async def test_a_walk_that_ends_early_is_inconclusive_or_corrupt_by_its_findings() -> None:
    stream = FaultySource([*GOOD[:2], (ORDER, b"{"), *GOOD[2:]])
    stream.fails_at[3] = GoneError("the stream is gone")
    report = await a_pass(stream).run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, "the stream is gone")
    assert report.coverage < 1
    stream.fails_at = {4: GoneError("the stream is gone")}
    report = await a_pass(stream).run()
    assert (report.verdict, report.incomplete) == (Verdict.CORRUPT, "the stream is gone")


async def test_without_stream_info_a_pass_fails_and_has_no_report() -> None:
    stream = InMemorySource()
    this_pass = a_pass(stream)

    async def gone(**_: object) -> None:
        raise GoneError("no such stream")

    stream.info = gone  # type: ignore[assignment,method-assign]
    with pytest.raises(GoneError, match="no such stream"):
        await this_pass.run()


async def test_an_interrupted_pass_ends_at_once_and_is_inconclusive() -> None:
    stream = InMemorySource(GOOD, batch=1)
    this_pass = a_pass(stream)
    batches = iter([lambda: None, lambda: None, this_pass.interrupt.set])
    stream.on_batch = lambda: next(batches)()
    report = await this_pass.run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, "interrupted at sequence 3 of 7")


async def test_a_pass_that_waits_for_its_stream_can_be_interrupted() -> None:
    stream = InMemorySource(GOOD)
    this_pass = a_pass(stream)

    async def stuck(*_: object, **__: object) -> AsyncIterator[list[StoredMessage]]:
        this_pass.interrupt.set()
        await asyncio.Event().wait()
        yield []

    stream.read = stuck  # type: ignore[method-assign]
    report = await asyncio.wait_for(this_pass.run(), 5)
    assert report.verdict is Verdict.INCONCLUSIVE


async def test_a_message_that_the_auditor_fails_on_is_counted_and_the_pass_continues(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fails_on(monkeypatch, {3})
    report = await a_pass(InMemorySource(GOOD)).run()
    assert report.verdict is Verdict.INCONCLUSIVE
    assert (report.messages.unjudged, report.messages.examined, sums_hold(report)) == (1, 7, True)
    assert report.coverage == 6 / 7
    assert "hunter2" not in caplog.text


async def test_every_quarantined_message_is_submitted_and_stored_once() -> None:
    stream = InMemorySource([*GOOD[:2], (ORDER, b"{"), ("S.events.x.y.z", b"{"), ("S.snapshots.order.order-1", b"[")])
    quarantine = InMemoryQuarantine()
    first = await a_pass(stream, quarantine).run()
    second = await a_pass(stream, quarantine).run()
    assert [entry.message.seq for entry in quarantine.records.values()] == [3, 5]
    assert {f.quarantine for f in first.findings if f.quarantine} == {f"q.{key}" for key in quarantine.records}
    assert (second.findings, second.quarantine_pending) == (first.findings, 0)


async def test_if_the_quarantine_refuses_records_the_findings_are_the_same() -> None:
    stream = InMemorySource([*GOOD[:2], (ORDER, b"{"), *GOOD[2:], (ORDER, b"")])
    taken = await a_pass(stream, InMemoryQuarantine()).run()
    refused = await a_pass(stream, InMemoryQuarantine("the stream is full")).run()
    assert (refused.verdict, refused.findings) == (taken.verdict, taken.findings)
    assert refused.quarantine_pending == 2
    assert refused.quarantine == QuarantineResult(failed=2, reason="the stream is full")


async def test_an_audit_of_actors_reads_exactly_these() -> None:
    other = "S.events.order.order-2"
    stream = InMemorySource([*GOOD, (other, b"{"), ("S.snapshots.order.order-1", snapshot("order-1", 7))])
    report = await a_pass(stream, actors=("order-1",)).run()
    assert (report.verdict, report.messages.examined, report.messages.skipped) == (Verdict.CLEAN, 8, 1)
    assert sums_hold(report)


async def test_a_deleted_event_is_a_gap_whose_cause_is_known() -> None:
    stream = InMemorySource(GOOD)
    stream.delete(4)
    for actors in ((), ("order-1",)):
        report = await a_pass(stream, actors=actors).run()
        assert {f.kind: f.cause for f in report.findings} == {
            Kind.VERSION_GAP: Cause.DELETED,
            Kind.DELETED_MESSAGES: None,
        }
        assert sums_hold(report)


@pytest.mark.parametrize(("ends_at", "read"), [(1, None), (4, SeqRange(1, 3)), (8, SeqRange(1, 7))])
async def test_a_report_has_the_range_that_was_read(ends_at: int, read: SeqRange | None) -> None:
    stream = FaultySource(GOOD)
    stream.fails_at[ends_at] = GoneError("the stream is gone")
    report = await a_pass(stream).run()
    assert (report.range, report.read) == (SeqRange(1, 7), read)


async def test_a_pass_that_is_interrupted_after_the_last_message_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    this_pass = a_pass(InMemorySource(GOOD, batch=7))
    show = auditor.scan.walk._show

    def and_interrupt(*arguments: object) -> None:
        show(*arguments)
        this_pass.interrupt.set()

    monkeypatch.setattr(auditor.scan.walk, "_show", and_interrupt)
    report = await this_pass.run()
    assert report.verdict is Verdict.CLEAN


async def test_a_pass_that_is_cancelled_closes_its_walk() -> None:
    stream = InMemorySource(GOOD)
    closed, waiting = asyncio.Event(), asyncio.Event()

    async def stuck(*_: object, **__: object) -> AsyncIterator[list[StoredMessage]]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield []
        finally:
            closed.set()

    stream.read = stuck  # type: ignore[method-assign]
    running = asyncio.create_task(a_pass(stream).run())
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert closed.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_only_messages_on_the_subjects_of_the_audit_are_judged() -> None:
    stream = InMemorySource(
        [*GOOD, ("S.events.cart.cart-1", b"{"), ("S.snapshots.order.order-1", b"{"), ("S.other", b"{")]
    )
    report = await a_pass(stream, subjects=("S.events.order.*",), snapshots=False).run()
    assert (report.verdict, report.messages.skipped, sums_hold(report)) == (Verdict.CLEAN, 3, True)
    report = await a_pass(stream, subjects=("S.events.cart.>",)).run()
    assert report.findings_total == {Kind.MALFORMED_EVENT: 1}
    assert (report.messages.skipped, sums_hold(report)) == (9, True)


async def test_progress_counts_the_examined_messages_by_outcome() -> None:
    stream = InMemorySource([*GOOD[:2], (ORDER, b"{"), (ORDER, event("order-1", 0)), ("S.events.x", b"12")])
    this_pass = a_pass(stream)
    await this_pass.run()
    assert this_pass.progress.outcomes == {
        Outcome.OK: 2,
        Outcome.MALFORMED: 1,
        Outcome.HIDDEN: 1,
        Outcome.UNREACHABLE: 1,
        Outcome.UNJUDGED: 0,
    }
    assert this_pass.progress.bytes == sum(len(message.data) for message in stream.messages.values())


async def test_of_several_errors_the_report_gives_the_first() -> None:
    stream = FaultySource(GOOD)
    stream.fails_at[3] = GoneError("the stream is gone")
    stream.silent["deleted"] = GoneError("no answer")
    assert (await a_pass(stream).run()).incomplete == "the stream is gone"


async def test_failures_are_logged_by_the_name_of_the_exception_and_only_ten_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fails_on(monkeypatch, range(100))
    with capture_logs() as logs:
        report = await a_pass(InMemorySource(GOOD * 3)).run()
    assert report.messages.unjudged == 21
    assert [(entry["seq"], entry["reason"]) for entry in logs] == [(seq, "ValueError") for seq in range(1, 11)]
    assert "hunter2" not in str(logs)


async def test_progress_grows_with_each_batch_up_to_the_last_sequence() -> None:
    stream = InMemorySource([*GOOD, ("S.other", b"")])
    stream.delete(8)
    this_pass = a_pass(stream)
    seen: list[int] = []
    stream.on_batch = lambda: seen.append(this_pass.progress.seq)
    await this_pass.run()
    assert (seen, this_pass.progress.seq) == ([0, 3, 6], 8)


async def test_an_audit_of_actors_can_exclude_their_snapshots() -> None:
    stream = InMemorySource([*GOOD, ("S.snapshots.order.order-1", b"{")])
    report = await a_pass(stream, actors=("order-1",), snapshots=False).run()
    assert (report.verdict, report.messages.skipped) == (Verdict.CLEAN, 1)
    report = await a_pass(stream, actors=("order-1",)).run()
    assert report.findings_total == {Kind.MALFORMED_SNAPSHOT: 1}


async def test_records_that_were_refused_are_stored_by_the_next_pass() -> None:
    stream = InMemorySource([(ORDER, b"{"), *GOOD, (ORDER, b"[")], batch=4)
    quarantine = InMemoryQuarantine()
    batches = iter([None, None, "the quarantine stream is full"])
    stream.on_batch = lambda: setattr(quarantine, "refuses", next(batches))
    report = await a_pass(stream, quarantine).run()
    assert (report.quarantine_pending, report.findings_total) == (1, {Kind.MALFORMED_EVENT: 2})
    stream.on_batch = lambda: setattr(quarantine, "refuses", None)
    report = await a_pass(stream, quarantine).run()
    assert (report.quarantine_pending, len(quarantine.records)) == (0, 2)
    assert report.quarantine == QuarantineResult(stored=1, already_stored=1)


# Saved state ----------------------------------------------------------------------------------------------


class DiedError(BaseException):
    """The auditor was killed."""


class Mortal:
    """Raises `DiedError` at the n-th call of a pass to one of its ports."""

    def __init__(
        self, stream: InMemorySource, quarantine: InMemoryQuarantine, state: InMemoryStateStore, dies_at: int
    ) -> None:
        self.left = dies_at
        stream.on_batch = self.touch
        quarantine.on_put = self.touch
        state.on_save = self.touch

    def touch(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise DiedError


@pytest.mark.parametrize("dies_at", range(1, 40))
async def test_a_kill_at_any_moment_loses_no_finding_and_no_record(
    monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 4)
    story = [*GOOD[:3], (ORDER, b"{"), *GOOD[4:], (ORDER, b"["), (ORDER, event("order-1", 2)), ("S.other", b"")] * 2
    stream, quarantine, state = InMemorySource(story), InMemoryQuarantine(), InMemoryStateStore()
    Mortal(stream, quarantine, state, dies_at)
    with contextlib.suppress(DiedError):
        await a_pass(stream, quarantine, state).run()
    state = InMemoryStateStore(saved=state.saved)
    Mortal(stream, quarantine, state, 0)
    report = await a_pass(stream, quarantine, state).run()
    whole = InMemoryQuarantine()
    assert (report.findings, report.totals) == ((fresh := await a_pass(stream, whole).run()).findings, fresh.totals)
    assert report.messages == fresh.messages
    assert quarantine.records == whole.records


async def test_after_a_kill_only_messages_after_the_last_checkpoint_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 6)
    stream, state = InMemorySource([("S.other", b"")] * 20), InMemoryStateStore()
    Mortal(stream, InMemoryQuarantine(), state, 8)  # five batches, a checkpoint after the second and the fourth
    with pytest.raises(DiedError):
        await a_pass(stream, state=state).run()
    state = InMemoryStateStore(saved=state.saved)
    Mortal(stream, InMemoryQuarantine(), state, 0)
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.read) == (Mode.FULL, SeqRange(13, 20))
    assert report.messages.skipped == 20


async def test_messages_not_delivered_before_a_checkpoint_are_accounted_for_after_a_kill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    stream.delete(2)
    stream.unreadable = {3}
    Mortal(stream, InMemoryQuarantine(), state, 3)  # one batch, its checkpoint, and the next batch never comes
    with pytest.raises(DiedError):
        await a_pass(stream, state=state).run()
    state = InMemoryStateStore(saved=state.saved)
    Mortal(stream, InMemoryQuarantine(), state, 0)
    report = await a_pass(stream, state=state).run()
    assert report.read == SeqRange(6, 7)
    assert (report.messages, report.findings) == ((fresh := await a_pass(stream).run()).messages, fresh.findings)
    assert (report.messages.removed, report.messages.unreadable) == (1, 1)


async def test_a_checkpoint_never_covers_a_record_that_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state = InMemorySource([*GOOD, (ORDER, b"{"), *GOOD[:3]]), InMemoryStateStore()
    report = await a_pass(stream, InMemoryQuarantine("it is full"), state).run()
    assert report.quarantine_pending == 1
    quarantine = InMemoryQuarantine()
    again = await a_pass(stream, quarantine, state).run()
    assert again.read is not None
    assert again.read.first_seq <= 8
    assert (again.quarantine_pending, len(quarantine.records), again.findings) == (
        0,
        1,
        (await a_pass(stream, quarantine).run()).findings,
    )


async def test_a_full_pass_that_yields_is_continued_later_and_the_last_completed_pass_stays_usable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state = InMemorySource([*GOOD, (ORDER, b"{")]), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    full = a_pass(stream, state=state)
    full.start_from, full.should_yield = StartFrom.BEGINNING, lambda: True
    assert isinstance(await full.advance(), Yielded)
    assert full.progress.seq == 3

    stream.append((ORDER, b"["))
    incremental = a_pass(stream, state=state)
    incremental.start_from = StartFrom.INCREMENTAL
    report = await incremental.run()
    assert (report.mode, report.read, report.findings_total) == (
        Mode.INCREMENTAL,
        SeqRange(9, 9),
        {Kind.MALFORMED_EVENT: 2},
    )

    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.read, report.findings_total) == (Mode.FULL, SeqRange(4, 9), {Kind.MALFORMED_EVENT: 2})
    assert set(state.parts) == {HISTORY_PART, "completed"}
    assert (await a_pass(stream, state=state).run()).read is None


async def test_an_incremental_pass_continues_a_full_one_if_none_was_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    first = a_pass(stream, state=state)
    first.should_yield = lambda: True
    assert isinstance(await first.advance(), Yielded)
    incremental = a_pass(stream, state=state)
    incremental.start_from = StartFrom.INCREMENTAL
    report = await incremental.run()
    assert (report.mode, report.read, report.verdict) == (Mode.FULL, SeqRange(4, 7), Verdict.CLEAN)


async def test_a_full_pass_yields_if_the_quarantine_refuses_and_nothing_is_saved_before_every_record_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state = InMemorySource([*GOOD[:4], (ORDER, b"{"), *GOOD[4:]]), InMemoryStateStore()
    quarantine = InMemoryQuarantine("it is full")
    first = a_pass(stream, quarantine, state)
    first.should_yield = lambda: first.progress.seq == 6
    assert await first.advance() == Yielded(6, QuarantineResult(failed=1, reason="it is full"))
    saved = state.parts["underway"]
    assert decode_checkpoint(saved).next_seq == 4  # at the checkpoint before the record that was refused

    quarantine.refuses = None
    report = await a_pass(stream, quarantine, state).run()
    assert (report.read, report.quarantine_pending) == (SeqRange(7, 8), 1)
    assert report.quarantine == QuarantineResult()
    assert (set(state.parts), state.parts["underway"]) == ({HISTORY_PART, "underway"}, saved)

    report = await a_pass(stream, quarantine, state).run()
    assert (report.mode, report.read, report.quarantine_pending) == (Mode.FULL, SeqRange(4, 8), 0)
    assert len(quarantine.records) == 1
    assert set(state.parts) == {HISTORY_PART, "completed"}
    assert (await a_pass(stream, quarantine, state).run()).read is None


async def test_a_full_pass_that_is_continued_counts_the_records_refused_to_all_its_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream = InMemorySource([(ORDER, b"{"), *GOOD[1:4], (ORDER, b"["), *GOOD[5:], (ORDER, b"")])
    state = InMemoryStateStore()
    quarantine = InMemoryQuarantine("it is full")
    counted = []
    for _ in range(2):
        part = a_pass(stream, quarantine, state)
        part.should_yield = lambda: True
        yielded = await part.advance()
        assert isinstance(yielded, Yielded)
        counted.append(yielded.quarantine.failed)
    report = await a_pass(stream, quarantine, state).run()
    assert ([*counted, report.quarantine.failed], report.quarantine_pending) == ([1, 1, 1], 3)
    quarantine.refuses = None
    assert (await a_pass(stream, quarantine, state).run()).quarantine_pending == 0
    assert len(quarantine.records) == 3


async def test_a_full_pass_that_yields_to_incremental_ones_ends_even_if_the_quarantine_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state, quarantine = InMemorySource([(ORDER, b"{"), *GOOD]), InMemoryStateStore(), InMemoryQuarantine()
    await a_pass(stream, quarantine, state).run()
    quarantine.records.clear()
    quarantine.refuses = "it is full"
    reached: list[int] = []
    report: PassReport | Yielded = Yielded(0, QuarantineResult())
    while isinstance(report, Yielded):
        full = a_pass(stream, quarantine, state)
        full.start_from, full.should_yield = StartFrom.AUTO if reached else StartFrom.BEGINNING, lambda: True
        report = await full.advance()
        reached.append(full.progress.seq)
        if isinstance(report, Yielded):
            incremental = a_pass(stream, quarantine, state)
            incremental.start_from = StartFrom.INCREMENTAL
            assert (await incremental.run()).read is None
    assert (reached, report.mode, report.quarantine_pending) == ([3, 6, 8], Mode.FULL, 1)


async def test_a_refused_record_still_counts_as_pending_after_a_pass_that_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state, quarantine = (
        InMemorySource([(ORDER, b"{"), *GOOD]),
        InMemoryStateStore(),
        InMemoryQuarantine("it is full"),
    )
    first = a_pass(stream, quarantine, state)
    first.should_yield = lambda: True
    assert isinstance(await first.advance(), Yielded)
    quarantine.refuses = None
    with monkeypatch.context() as patch:
        patch.setattr(InMemorySource, "info", gone)
        with pytest.raises(GoneError):
            await a_pass(stream, quarantine, state).run()
    assert (await a_pass(stream, quarantine, state).run()).quarantine_pending == 1
    assert (await a_pass(stream, quarantine, state).run()).quarantine_pending == 0
    assert len(quarantine.records) == 1


async def gone(*_: object, **__: object) -> StreamInfo:
    raise GoneError


async def test_an_incremental_pass_never_yields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state = InMemorySource(GOOD[:1]), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    stream.append(*GOOD[1:])
    one = a_pass(stream, state=state)
    one.should_yield = lambda: True
    assert (await one.run()).read == SeqRange(2, 7)


async def test_records_that_are_refused_after_the_first_refusal_are_counted_as_pending_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream = InMemorySource([(ORDER, b"{"), *GOOD[1:4], (ORDER, b"["), *GOOD[5:], (ORDER, b"")])
    report = await a_pass(stream, InMemoryQuarantine("it is full"), InMemoryStateStore()).run()
    assert (report.quarantine_pending, report.quarantine.failed) == (3, 3)


async def test_the_times_of_a_pass_are_the_same_after_a_restart() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    report = await a_pass(stream, state=state).run()
    again = await a_pass(stream, state=InMemoryStateStore(saved=state.saved)).last()
    assert again is not None
    assert (again.started_ns, again.finished_ns) == (report.started_ns, report.finished_ns)


async def test_a_clock_that_is_set_back_during_a_pass_does_not_make_its_duration_negative() -> None:
    stream = InMemorySource(GOOD)
    one = a_pass(stream)
    times, steady = count(10**18, -3_600 * 10**9), count(0, 5)
    one.ports = replace(one.ports, clock=lambda: next(times), steady_clock=lambda: next(steady))
    report = await one.run()
    assert 0 < report.finished_ns - report.started_ns < 1_000


async def test_a_pass_over_read_only_state_resumes_from_it_and_saves_nothing() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    stream.append((ORDER, b"{"))
    saved = dict(state.parts)
    read_only = InMemoryStateStore(saved=state.saved, saves=False)
    report = await a_pass(stream, state=read_only).run()
    assert (report.read, report.verdict) == (SeqRange(8, 8), Verdict.CORRUPT)
    assert (read_only.saves_made, state.parts) == (0, saved)


async def test_incidents_that_were_found_by_a_pass_that_then_failed_are_found_again() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    stream.roll_back(5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InMemoryStateStore, "check_out", gone)
        with pytest.raises(GoneError):
            await a_pass(stream, state=state).run()
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.findings_total) == (Mode.FULL, {Kind.STREAM_ROLLBACK: 1})


async def test_full_passes_begin_when_they_are_due_or_asked_for() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    modes = []
    never, always = Duration(10**15), Duration(1)
    for reading, every in [
        (StartFrom.AUTO, never),
        (StartFrom.AUTO, never),
        (StartFrom.AUTO, always),
        (StartFrom.INCREMENTAL, always),
        (StartFrom.BEGINNING, never),
    ]:
        one = a_pass(stream, state=state, full_pass_every=every)
        one.start_from = reading
        modes.append((await one.run()).mode)
    assert modes == [Mode.FULL, Mode.INCREMENTAL, Mode.FULL, Mode.INCREMENTAL, Mode.FULL]


async def test_messages_deleted_from_the_middle_lead_to_a_full_pass_or_to_an_inconclusive_one() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    stream.delete(3)
    first = await a_pass(stream, state=state).run()
    assert (first.mode, first.verdict, first.messages.removed) == (Mode.FULL, Verdict.CORRUPT, 1)
    stream.delete(5)
    too_soon = await a_pass(stream, state=state).run()
    assert (too_soon.mode, too_soon.messages.removed) == (Mode.INCREMENTAL, 1)
    assert "were deleted since" in str(too_soon.incomplete)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor.scan.plan, "SHARE_OF_DELETION_PASSES", 0)
        later = await a_pass(stream, state=state).run()
    assert (later.mode, later.messages.removed, later.incomplete) == (Mode.FULL, 2, None)


async def test_a_loss_that_the_server_reports_stays_corruption_after_the_server_has_forgotten_it() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    stream.purge(2)
    stream.lost = Loss(((1, 2),), 99)
    report = await a_pass(stream, state=state).run()
    assert report.findings_total == {Kind.LOST_MESSAGES: 2, Kind.MISSING_HEAD: 1}
    assert {finding.cause for finding in report.findings if finding.kind is Kind.MISSING_HEAD} == {Cause.UNKNOWN}
    stream.lost = Loss()
    for start_from in StartFrom:
        one = a_pass(stream, state=InMemoryStateStore(saved=state.saved))
        one.start_from = start_from
        assert (await one.run()).findings_total == report.findings_total


async def test_an_audit_that_is_moved_to_another_stream_begins_a_new_history() -> None:
    state, moved = InMemoryStateStore(), InMemorySource(GOOD)
    await a_pass(InMemorySource([(ORDER, b"{"), *GOOD]), state=state).run()
    info, moved.created_ns = moved.info, moved.created_ns + 1

    async def renamed(*, lost: bool = False) -> StreamInfo:
        return replace(await info(lost=lost), name="OTHER")

    moved.info = renamed  # type: ignore[method-assign]
    with capture_logs() as logged:
        report = await a_pass(moved, state=state).run()
    assert Kind.STREAM_RECREATED not in report.findings_total
    assert logged[0]["event"] == "audit reads another stream: its history begins anew"
    history = (await state.load_history()).history
    assert (
        history.identity.incidents,
        history.identity.is_of(await renamed()),
        history.identity.is_of(await info()),
    ) == (
        (),
        True,
        False,
    )


@pytest.mark.parametrize(
    ("before", "after", "is_recreated", "is_moved"),
    [
        ("A", "B", True, True),
        ("A", "A", True, False),
        ("", "B", True, False),
        ("A", "", True, False),
        ("A", "B", False, False),
    ],
)
async def test_a_stream_of_the_same_name_in_another_account_begins_a_new_history(
    before: str, after: str, *, is_recreated: bool, is_moved: bool
) -> None:
    state, stream = InMemoryStateStore(), InMemorySource(GOOD)
    stream.account = before
    await a_pass(stream, state=state).run()
    stream.account = after
    if is_recreated:
        stream.recreate()
        stream.append(*GOOD)
    with capture_logs() as logged:
        report = await a_pass(stream, state=state).run()
    assert (Kind.STREAM_RECREATED in report.findings_total) == (is_recreated and not is_moved)
    assert ("audit reads another stream: its history begins anew" in [each["event"] for each in logged]) == is_moved


async def test_a_pass_over_an_older_version_of_the_history_is_a_full_one_and_inconclusive_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    state, stream = InMemoryStateStore(), InMemorySource(GOOD)
    await a_pass(stream, state=state).run()
    older = (await state.load_history()).history.in_place_of_newer("its previous version is used")
    await state.save(EncodedState(older, {}))
    yielding = a_pass(stream, state=state)
    yielding.should_yield = lambda: True
    assert isinstance(await yielding.advance(), Yielded)
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.verdict, report.incomplete) == (Mode.FULL, Verdict.INCONCLUSIVE, older.recovered)
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.verdict) == (Mode.INCREMENTAL, Verdict.CLEAN)


async def test_a_loss_during_the_walk_is_found_by_the_same_pass() -> None:
    stream = InMemorySource(GOOD)

    def lose() -> None:
        stream.purge(2)
        stream.lost = Loss(((1, 2),), 99)

    batches = iter([lambda: None, lose, lambda: None])
    stream.on_batch = lambda: next(batches)()
    report = await a_pass(stream).run()
    assert (report.verdict, report.findings_total) == (Verdict.CORRUPT, {Kind.LOST_MESSAGES: 2})


async def test_a_stream_that_begins_at_a_configured_sequence_has_lost_nothing_to_expiry() -> None:
    stream = InMemorySource()
    stream.config, stream.last_seq, stream.first_seq = {"first_seq": 1000}, 999, 1000
    stream.append(*[(ORDER, event("order-1", version)) for version in (3, 4)])
    report = await a_pass(stream).run()
    assert [(each.kind, each.cause, each.severity) for each in report.findings] == [
        (Kind.MISSING_HEAD, Cause.UNKNOWN, Severity.CORRUPTION)
    ]


async def test_first_events_that_left_the_stream_although_no_limit_explains_it_are_a_notice_that_says_so() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    stream.purge(2)
    report = await a_pass(stream, state=state).run()
    assert (report.verdict, [each.cause for each in report.findings]) == (Verdict.CLEAN, [Cause.EXPIRED])
    detail = str(report.findings[0].detail)
    assert "sequences 1 to 2" in detail
    assert detail.endswith(
        "no limit of the stream explains it: purged, or lost without a report; 1 actors lost their first events,"
        " and 0 of them all events that were read"
    )
    stream.config = {"max_msgs_per_subject": 5}
    report = await a_pass(stream).run()
    assert "no limit" not in str(report.findings[0].detail)


@pytest.mark.parametrize("with_state", [False, True])
async def test_a_stream_info_that_contradicts_itself_is_inconclusive_and_nothing_is_saved(
    monkeypatch: pytest.MonkeyPatch, *, with_state: bool
) -> None:
    monkeypatch.setattr(auditor.scan.checkpoint_writer, "CHECKPOINT_MESSAGES", 3)
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    if with_state:
        await a_pass(stream, state=state).run()
    before = dict(state.parts)
    stream.append(*[(ORDER, event("order-1", version)) for version in range(8, 15)])
    stream.contradiction = "the server's stream info contradicts itself"
    report = await a_pass(stream, state=state).run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, stream.contradiction)
    assert state.parts == before


async def test_a_stream_info_that_contradicts_itself_is_inconclusive_after_deletions() -> None:
    stream, state = InMemorySource(GOOD), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    stream.delete(2)
    stream.contradiction = "the server's stream info contradicts itself"
    report = await a_pass(stream, state=state).run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, stream.contradiction)


async def test_the_last_report_is_made_without_reading_the_stream() -> None:
    stream, state = InMemorySource([*GOOD[:3], (ORDER, b"{"), *GOOD[4:]]), InMemoryStateStore()
    stream.delete(2)
    assert await a_pass(stream, state=state).last() is None
    report = await a_pass(stream, state=state).run()
    stream.append((ORDER, b"["))
    again = await a_pass(stream, state=state).last()
    assert again is not None
    assert (again.findings, again.totals, again.messages) == (report.findings, report.totals, report.messages)
    assert (again.mode, again.verdict, again.range, again.read) == (Mode.FULL, report.verdict, report.range, None)
    assert again.coverage == report.coverage


async def test_if_the_state_cannot_be_saved_the_findings_are_the_same() -> None:
    stream = InMemorySource([*GOOD, (ORDER, b"{")])
    with capture_logs() as logs:
        report = await a_pass(stream, state=InMemoryStateStore(refuses=StateError("it is full"))).run()
    assert report.findings == (await a_pass(stream).run()).findings
    assert [entry["reason"] for entry in logs if entry["event"] == "state not saved"] == ["it is full"]


async def test_an_acceptance_for_an_older_stream_of_the_same_name_has_no_effect() -> None:
    stream, state = InMemorySource([(ORDER, b"{"), *GOOD]), InMemoryStateStore()
    known = acceptance_by_rule(Kind.MALFORMED_EVENT, 9)
    state.acceptances = {known.kind: known}
    assert (await a_pass(stream, state=state).run()).verdict is Verdict.CORRUPT
    info = await stream.info()
    state.acceptances = {known.kind: acceptance_by_rule(Kind.MALFORMED_EVENT, 9, created_ns=info.created_ns)}
    report = await a_pass(stream, state=state).run()
    assert (report.verdict, report.accepted_total) == (Verdict.CLEAN, {Kind.MALFORMED_EVENT: 1})


async def test_a_rule_is_replaced_by_the_findings_of_the_first_pass_that_reads_to_its_end() -> None:
    stream, state = InMemorySource([(ORDER, b"{"), *GOOD]), InMemoryStateStore()
    rule = acceptance_by_rule(Kind.MALFORMED_EVENT, 99, created_ns=stream.created_ns)
    state.acceptances = {rule.kind: rule}
    interrupted = a_pass(stream, state=state)
    interrupted.interrupt.set()
    await interrupted.run()
    assert state.acceptances == {rule.kind: rule}
    state.saves = False
    assert (await a_pass(stream, state=state).run()).accepted_total == {rule.kind: 1}
    assert state.acceptances == {rule.kind: rule}
    state.saves = True
    for _ in range(2):
        assert (await a_pass(stream, state=state).run()).accepted_total == {rule.kind: 1}
        assert [each.rule for each in state.acceptances.values()] == [None]
    stream.append((ORDER, b"{"))
    report = await a_pass(stream, state=state).run()
    assert (report.findings_total, report.accepted_total) == ({rule.kind: 1}, {rule.kind: 1})


async def test_acceptances_that_cannot_be_saved_are_logged() -> None:
    class Full(InMemoryStateStore):
        async def replace_acceptances(self, accepted: dict[Kind, Acceptance]) -> None:
            raise StateError("it is full")

    stream, state = InMemorySource([(ORDER, b"{"), *GOOD]), Full()
    rule = acceptance_by_rule(Kind.MALFORMED_EVENT, 99, created_ns=stream.created_ns)
    state.acceptances = {rule.kind: rule}
    with capture_logs() as logs:
        assert (await a_pass(stream, state=state).run()).verdict is Verdict.CLEAN
    assert [entry["reason"] for entry in logs if entry["event"] == "acceptances not saved"] == ["it is full"]


DENIED = PermissionDeniedError("NATS does not allow it")


def denied(stream: InMemorySource, from_batch: int = 1) -> None:
    """Let the stream refuse this batch of every later walk, and those after it."""
    batches = count(1)

    def refuse() -> None:
        if next(batches) >= from_batch:
            raise DENIED

    stream.on_batch = refuse


@pytest.mark.parametrize("from_batch", [1, 2])
async def test_a_full_pass_that_does_not_reach_its_end_keeps_the_findings_of_the_last_one(from_batch: int) -> None:
    stream, state = InMemorySource([*GOOD, (ORDER, b"{")]), InMemoryStateStore()
    first = await a_pass(stream, state=state).run()
    denied(stream, from_batch)
    full = a_pass(stream, state=state)
    full.start_from = StartFrom.BEGINNING
    report = await full.run()
    assert (report.verdict, report.incomplete) == (Verdict.CORRUPT, str(DENIED))
    assert (report.findings, report.totals, report.malformed_events) == (
        first.findings,
        first.totals,
        first.malformed_events,
    )
    assert report.actors == first.actors
    assert (report.read_error, report.read is None) == ((str(DENIED), True) if from_batch == 1 else (None, False))
    assert report.notes[-1].endswith("findings of the last completed pass are included")
    assert sums_hold(report)


async def test_findings_of_another_stream_or_of_before_a_rollback_are_not_kept() -> None:
    for change in (InMemorySource.recreate, lambda stream: stream.roll_back(3)):
        stream, state = InMemorySource([*GOOD, (ORDER, b"{")]), InMemoryStateStore()
        await a_pass(stream, state=state).run()
        change(stream)
        stream.append(*GOOD)
        denied(stream)
        report = await a_pass(stream, state=state).run()
        assert Kind.MALFORMED_EVENT not in report.findings_total


async def test_an_interrupted_pass_reports_only_what_it_has_read() -> None:
    stream, state = InMemorySource([*GOOD, (ORDER, b"{")]), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    full = a_pass(stream, state=state)
    full.start_from = StartFrom.BEGINNING
    full.interrupt.set()
    assert (await full.run()).verdict is Verdict.INCONCLUSIVE


async def test_a_finding_that_was_reported_before_an_unreadable_pass_is_not_new_after_it() -> None:
    stream, state = InMemorySource([*GOOD, (ORDER, b"{")]), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    denied(stream)
    for denies in (True, False):
        full = a_pass(stream, state=state)
        full.start_from = StartFrom.BEGINNING
        assert (await full.run()).newest_finding_ns == {}
        if denies:
            stream.on_batch = lambda: None


async def test_the_time_of_the_newest_finding_is_kept_over_full_passes() -> None:
    stream, state = InMemorySource([(ORDER, b"{"), *GOOD]), InMemoryStateStore()
    key = (Kind.MALFORMED_EVENT, Severity.CORRUPTION)
    assert key not in (await a_pass(stream, state=state).run()).newest_finding_ns
    stream.append((ORDER, b"["))
    newest_ns = (await a_pass(stream, state=state).run()).newest_finding_ns[key]
    for reading in StartFrom:
        one = a_pass(stream, state=state)
        one.start_from = reading
        assert (await one.run()).newest_finding_ns == {key: newest_ns}


async def test_a_pass_whose_saved_history_cannot_be_used_is_inconclusive_and_the_report_gives_the_problem() -> None:
    state = InMemoryStateStore()
    state.problem = "the saved history of audit orders cannot be used"
    report = await a_pass(InMemorySource([(ORDER, event("order-1", 1))]), state=state).run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, state.problem)
    assert (report.messages.examined, report.read) == (1, SeqRange(1, 1))
