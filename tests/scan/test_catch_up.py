"""After any change of the stream between passes, an incremental pass reports what a full pass reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import auditor.core.state.examiner
import auditor.core.state.segments
import auditor.scan.catch_up
import auditor.scan.plan
from auditor.core.model.findings import Cause, Kind
from auditor.core.model.passes import Mode, SeqRange, Verdict
from auditor.core.state.checkpoint import CheckpointKind
from auditor.scan.catch_up import CatchUp, catch_up
from auditor.scan.plan import audited_stream
from tests.core.by_the_book import made
from tests.core.stories import event, snapshot, subjects
from tests.ports.in_memory import InMemorySource, InMemoryStateStore
from tests.scan.passes import a_pass, sums_hold

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

DIFFERING_FIELDS = {"mode", "read", "started_ns", "finished_ns", "full_pass_started_ns", "newest_finding_ns"}

Step = Callable[[InMemorySource], None]


def trimmed_stream(stored: Sequence[tuple[str | bytes, bytes]] = ()) -> InMemorySource:
    """A stream whose limit explains that its start moves."""
    stream = InMemorySource(stored)
    stream.config = {"max_msgs_per_subject": 1}
    return stream


def append(stored: list) -> Step:
    return lambda stream: stream.append(*((one.subject, one.data) for one in stored))


def purge(share: float) -> Step:
    return lambda stream: stream.purge(stream.first_seq - 1 + round(share * (stream.last_seq - stream.first_seq + 1)))


def delete(shares: list[float]) -> Step:
    return lambda stream: stream.delete(*(stream.first_seq + round(share * stream.last_seq) for share in shares))


SHARES = st.floats(0, 1)
STEPS = st.lists(
    st.lists(made(), max_size=8).map(append)
    | st.lists(made(), max_size=8).map(append)
    | SHARES.map(lambda share: purge(share / 2))
    | st.just(purge(1))
    | st.lists(SHARES, min_size=1, max_size=3).map(delete)
    | st.none(),  # a pass
    max_size=14,
)


def compared(report: PassReport) -> dict:
    return {name: value for name, value in asdict(report).items() if name not in DIFFERING_FIELDS}


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.core.state.segments, "SEGMENT_SIZE", 4)


@pytest.fixture
def a_full_pass_for_every_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every deletion lead to a full pass, without a minimal interval."""
    monkeypatch.setattr(auditor.scan.plan, "SHARE_OF_DELETION_PASSES", 0)


@pytest.mark.usefixtures("short_segments", "a_full_pass_for_every_deletion")
@settings(
    deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(STEPS)
def test_after_any_history_an_incremental_pass_has_the_same_report_as_a_full_one(steps: list[Step | None]) -> None:
    stream, state = trimmed_stream(), InMemoryStateStore()
    for step in [*steps, None]:
        if step is not None:
            step(stream)
            continue
        incremental = asyncio.run(a_pass(stream, state=state).run())
        full = asyncio.run(a_pass(stream).run())
        assert compared(incremental) == compared(full)
        assert sums_hold(incremental)


async def test_a_pass_without_new_messages_reads_nothing() -> None:
    stream, state = trimmed_stream(), InMemoryStateStore()
    for _ in range(3):
        stream.append(("S.events.order.order-1", b"{"))
        await a_pass(stream, state=state).run()
    stream.on_batch = lambda: pytest.fail("it walked")
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.read, report.messages.examined) == (Mode.INCREMENTAL, None, 3)


@pytest.mark.parametrize("first_seq", [1, 2, 5, 9, 12])
async def test_actors_whose_first_events_expired_begin_at_the_same_version_as_in_a_full_pass(first_seq: int) -> None:
    actors = ("order-1", "order-2", "cart-1")
    stream, state = trimmed_stream(), InMemoryStateStore()
    for version in range(1, 5):
        stream.append(*((subjects(actor)[0], event(actor, version)) for actor in actors))
    await a_pass(stream, state=state).run()
    stream.purge(first_seq - 1)
    stream.append((subjects("order-1")[0], event("order-1", 5)))
    incremental = await a_pass(stream, state=state).run()
    assert compared(incremental) == compared(await a_pass(stream).run())
    assert incremental.mode is Mode.INCREMENTAL


async def test_a_bad_snapshot_that_was_superseded_stays_a_notice_when_its_segment_is_counted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.core.state.segments, "SEGMENT_SIZE", 4)
    events, snapshots = subjects("order-1")
    stream = trimmed_stream([(events, event("order-1", 1)), (events, event("order-1", 2))])
    state = InMemoryStateStore()
    stream.append((snapshots, b"{"), (snapshots, snapshot("order-1", 2)), (snapshots, snapshot("order-1", 2)))
    await a_pass(stream, state=state).run()
    stream.purge(1)
    incremental = await a_pass(stream, state=state).run()
    assert compared(incremental) == compared(await a_pass(stream).run())
    assert incremental.findings_total[Kind.MALFORMED_SNAPSHOT] == 1


async def test_a_message_that_could_not_be_judged_is_tried_again_until_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events, _ = subjects("order-1")
    stream = trimmed_stream([(events, event("order-1", version)) for version in (1, 2, 3)])
    state = InMemoryStateStore()
    judge = auditor.core.state.examiner.judge_event

    def failing(data: bytes) -> object:
        if b'"version":2' in data:
            raise ZeroDivisionError
        return judge(data)

    with monkeypatch.context() as patch:
        patch.setattr(auditor.core.state.examiner, "judge_event", failing)
        patch.setattr(auditor.core.state.examiner.Examiner, "examine_expected", lambda _self, _messages, at=0: at)
        for _ in range(2):
            report = await a_pass(stream, state=state).run()
            assert (report.verdict, report.messages.unjudged) == (Verdict.INCONCLUSIVE, 1)
    stream.append((events, event("order-1", 4)))
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.verdict, report.messages.unjudged) == (Mode.INCREMENTAL, Verdict.CLEAN, 0)
    assert compared(report) == compared(await a_pass(stream).run())


async def test_if_too_many_actors_have_to_be_looked_up_a_full_pass_reads_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(auditor.scan.catch_up, "MAX_LOOKUPS", 2)
    stream, state = trimmed_stream(), InMemoryStateStore()
    for version in (1, 2):
        stream.append(*((f"S.events.order.order-{n}", event(f"order-{n}", version)) for n in range(5)))
    await a_pass(stream, state=state).run()
    stream.purge(3)
    report = await a_pass(stream, state=state).run()
    assert report.mode is Mode.FULL
    assert compared(report) == compared(await a_pass(stream).run())


async def test_an_event_deleted_after_it_was_read_is_the_cause_of_a_gap_of_an_actor_that_is_read_again() -> None:
    """The actor's first event is purged within the hour in which deletions lead to no other full pass."""
    stream, state = trimmed_stream(), InMemoryStateStore()
    events, _ = subjects("order-1")
    stream.append(*[(events, event("order-1", version)) for version in (1, 2, 4, 5, 6, 7)])
    await a_pass(stream, state=state).run()
    stream.delete(2)
    await a_pass(stream, state=state).run()  # reads everything, for the first deletion
    stream.delete(5)
    stream.purge(1)
    stream.append((events, event("order-1", 8)))
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.read) == (Mode.INCREMENTAL, SeqRange(7, 7))
    gaps = [finding.cause for finding in report.findings if finding.kind is Kind.VERSION_GAP]
    assert gaps == [Cause.DELETED]
    assert sums_hold(report)
    assert (report.messages.in_range, report.messages.examined, report.messages.removed) == (5, 4, 1)


async def test_catch_up_returns_whether_the_checkpoint_changed() -> None:
    stream, state = trimmed_stream(), InMemoryStateStore()
    stream.append(*[(subjects("order-1")[0], event("order-1", version)) for version in (1, 2, 3)])
    one = a_pass(stream, state=state)
    await one.run()

    async def catching_up() -> tuple[CatchUp, int]:
        saved = await state.check_out(CheckpointKind.COMPLETED)
        assert saved is not None
        info = await stream.info()
        outcome = await catch_up(
            stream, info, saved.checkpoint, audited_stream(info, one.ports, one.request), one.request
        )
        state.put_back(saved)
        return outcome, saved.checkpoint.first_seq

    assert await catching_up() == (CatchUp.UNCHANGED, 1)
    stream.purge(1)
    assert await catching_up() == (CatchUp.CHANGED, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor.scan.catch_up, "MAX_LOOKUPS", 0)
        stream.purge(2)
        assert (await catching_up())[0] is CatchUp.TOO_MUCH
