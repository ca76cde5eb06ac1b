"""One pass, with everything that can happen to it in between."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import auditor.scan
from auditor.config import AuditConfig, VersionsConfig
from auditor.core.audit import Audit
from auditor.core.findings import Cause, Kind, Severity
from auditor.core.labels import ActorTypes
from auditor.core.report import Outcome, SeqRange, Verdict
from auditor.scan import Pass
from tests.core.stories import event, snapshot, streams
from tests.memory import GoneError, MemoryQuarantine, MemoryStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.core.message import StoredMessage
    from auditor.core.report import AuditReport

ORDER = "S.events.order.order-1"
GOOD = [(ORDER, event("order-1", version)) for version in range(1, 8)]


def a_pass(stream: MemoryStream, quarantine: MemoryQuarantine | None = None, **settings: object) -> Pass:
    config = AuditConfig(name="a", stream="S", **settings)
    ticks = iter(range(1, 1_000_000))
    return Pass(config, stream, quarantine, "q" if quarantine else None, ActorTypes(), lambda: next(ticks))


def report_of(stream: MemoryStream, **settings: object) -> AuditReport:
    return asyncio.run(a_pass(stream, **settings).run())


def sums_hold(report: AuditReport) -> bool:
    messages, events, snapshots = report.messages, report.events, report.snapshots
    judged = events.ok + events.malformed + events.hidden + events.unreachable + snapshots.ok + snapshots.malformed
    return messages.examined == judged + messages.unjudged and messages.in_range == (
        messages.examined + messages.deleted + messages.unreadable + messages.skipped
    )


async def test_a_stream_with_nothing_wrong_is_clean() -> None:
    this_pass = a_pass(MemoryStream([*GOOD, ("S.snapshots.order.order-1", snapshot("order-1", 7))]))
    report = await this_pass.run()
    assert (report.verdict, report.coverage, report.findings) == (Verdict.CLEAN, 1.0, ())
    assert (report.range, report.read) == (SeqRange(1, 8), SeqRange(1, 8))
    assert (report.actors.seen, report.actors.replayable) == (1, 1)
    assert this_pass.progress.ratio == 1.0
    assert this_pass.progress.outcomes[Outcome.OK] == 8


@pytest.mark.parametrize("purged", [False, True])
async def test_an_empty_stream_is_clean_and_nothing_was_read(*, purged: bool) -> None:
    stream = MemoryStream(GOOD if purged else ())
    if purged:
        stream.purge(7)
    report = await a_pass(stream).run()
    assert (report.verdict, report.coverage, report.read, report.messages.in_range) == (Verdict.CLEAN, 1.0, None, 0)


@given(streams, st.sets(st.integers(1, 40)), st.sets(st.integers(1, 40)), st.integers(0, 20), st.booleans())
def test_every_sequence_is_accounted_for_whatever_the_stream_holds(
    stored: list[tuple[str | bytes, bytes]],
    deleted: set[int],
    unreadable: set[int],
    purged: int,
    only_one_actor: bool,
) -> None:
    stream = MemoryStream(stored)
    stream.delete(*(deleted & set(stream.messages)))
    stream.unreadable = unreadable & set(stream.messages)
    stream.purge(min(purged, stream.last_seq))
    settings = {"actors": ("order-1",)} if only_one_actor else {}
    report = report_of(stream, **settings)
    assert sums_hold(report)
    if not only_one_actor:
        assert report.coverage == 1.0
        lost = {seq for seq in stream.unreadable if seq >= stream.first_seq}
        assert report.findings_total.get(Kind.UNREADABLE_MESSAGE, 0) == report.messages.unreadable == len(lost)
    assert json.loads(json.dumps(report.to_json())) == report.to_json()
    json.dumps(report.to_json(), ensure_ascii=False).encode()


async def test_a_head_that_leaves_while_the_pass_runs_is_no_corruption() -> None:
    stream = MemoryStream(GOOD)
    batches = iter([lambda: None, lambda: stream.purge(4), lambda: None])
    stream.on_batch = lambda: next(batches)()
    report = await a_pass(stream).run()
    assert [(f.kind, f.cause, f.severity, f.missing) for f in report.findings] == [
        (Kind.MISSING_HEAD, Cause.EXPIRED, Severity.NOTICE, 4)
    ]
    assert (report.verdict, report.messages.examined, report.messages.deleted) == (Verdict.CLEAN, 6, 1)
    assert sums_hold(report)


async def test_a_message_that_is_deleted_while_the_pass_runs_is_a_gap_whose_cause_is_known() -> None:
    stream = MemoryStream(GOOD)
    batches = iter([lambda: None, lambda: stream.delete(2, 6), lambda: None])
    stream.on_batch = lambda: next(batches)()
    report = await a_pass(stream).run()
    assert [(f.kind, f.cause) for f in report.findings] == [
        (Kind.VERSION_GAP, Cause.DELETED),
        (Kind.DELETED_MESSAGES, None),
    ]
    assert (report.messages.examined, report.messages.deleted) == (6, 1)
    assert sums_hold(report)


async def test_messages_stored_while_the_pass_runs_are_left_for_the_next() -> None:
    stream = MemoryStream(GOOD)
    stream.on_batch = lambda: stream.append((ORDER, b"{"))
    report = await a_pass(stream).run()
    assert (report.range.last_seq, report.messages.examined, report.verdict) == (7, 7, Verdict.CLEAN)


async def test_a_message_that_nobody_is_shown_is_corruption_and_explains_the_gap() -> None:
    stream = MemoryStream(GOOD)
    stream.unreadable = {4, 5}
    report = await a_pass(stream).run()
    assert report.verdict is Verdict.CORRUPT
    found = {finding.kind: finding for finding in report.findings}
    assert (found[Kind.UNREADABLE_MESSAGE].first_seq, found[Kind.UNREADABLE_MESSAGE].count) == (4, 2)
    assert found[Kind.VERSION_GAP].cause is Cause.UNREADABLE


async def test_a_readable_message_that_was_not_delivered_makes_the_pass_inconclusive() -> None:
    stream = MemoryStream(GOOD)
    stream.unreadable = {4}
    stream.is_stored = lambda _: asyncio.sleep(0, result=True)  # type: ignore[method-assign]
    report = await a_pass(stream, versions=VersionsConfig(contiguous=False)).run()
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "sequence 4 is stored but was not delivered" in str(report.incomplete)
    assert report.coverage < 1


async def test_a_walk_that_ends_early_is_inconclusive_and_keeps_what_was_found() -> None:
    stream = MemoryStream([*GOOD[:2], (ORDER, b"{"), *GOOD[2:]])
    stream.fails_at[3] = GoneError("the stream is gone")
    report = await a_pass(stream).run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, "the stream is gone")
    assert report.coverage < 1
    stream.fails_at = {4: GoneError("the stream is gone")}
    report = await a_pass(stream).run()
    assert (report.verdict, report.incomplete) == (Verdict.CORRUPT, "the stream is gone")


async def test_a_stream_that_cannot_be_pinned_has_no_report() -> None:
    stream = MemoryStream()
    this_pass = a_pass(stream)

    async def gone() -> None:
        raise GoneError("no such stream")

    stream.pin = gone  # type: ignore[assignment,method-assign]
    with pytest.raises(GoneError, match="no such stream"):
        await this_pass.run()


async def test_an_interrupted_pass_ends_at_once_and_is_inconclusive() -> None:
    stream = MemoryStream(GOOD, batch=1)
    this_pass = a_pass(stream)
    batches = iter([lambda: None, lambda: None, this_pass.interrupted.set])
    stream.on_batch = lambda: next(batches)()
    report = await this_pass.run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, "interrupted at sequence 3 of 7")


async def test_a_pass_that_waits_for_its_stream_can_be_interrupted() -> None:
    stream = MemoryStream(GOOD)
    this_pass = a_pass(stream)

    async def stuck(*_: object, **__: object) -> AsyncIterator[list[StoredMessage]]:
        this_pass.interrupted.set()
        await asyncio.Event().wait()
        yield []

    stream.walk = stuck  # type: ignore[method-assign]
    report = await asyncio.wait_for(this_pass.run(), 5)
    assert report.verdict is Verdict.INCONCLUSIVE


async def test_a_message_that_the_auditor_fails_on_is_counted_and_the_pass_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    judge = Audit.receive

    def receive(audit: Audit, message: object) -> object:
        if message.seq == 3:  # type: ignore[attr-defined]
            raise ValueError("hunter2")
        return judge(audit, message)  # type: ignore[arg-type]

    monkeypatch.setattr(Audit, "receive", receive)
    report = await a_pass(MemoryStream(GOOD), versions=VersionsConfig(contiguous=False)).run()
    assert report.verdict is Verdict.INCONCLUSIVE
    assert (report.messages.unjudged, report.messages.examined, sums_hold(report)) == (1, 7, True)
    assert report.coverage == 6 / 7
    assert "hunter2" not in caplog.text


async def test_every_condemned_message_goes_to_the_quarantine_once() -> None:
    stream = MemoryStream([*GOOD[:2], (ORDER, b"{"), ("S.events.x.y.z", b"{"), ("S.snapshots.order.order-1", b"[")])
    quarantine = MemoryQuarantine()
    first = await a_pass(stream, quarantine).run()
    second = await a_pass(stream, quarantine).run()
    assert [evidence.message.seq for evidence in quarantine.records.values()] == [3, 5]
    assert {f.quarantine for f in first.findings if f.quarantine} == {f"q.{key}" for key in quarantine.records}
    assert (second.findings, second.quarantine_pending) == (first.findings, 0)


async def test_a_quarantine_that_refuses_changes_nothing_about_what_is_found() -> None:
    stream = MemoryStream([*GOOD[:2], (ORDER, b"{"), *GOOD[2:], (ORDER, b"")])
    taken = await a_pass(stream, MemoryQuarantine()).run()
    refused_pass = a_pass(stream, MemoryQuarantine("the side stream is full"))
    refused = await refused_pass.run()
    assert (refused.verdict, refused.findings) == (taken.verdict, taken.findings)
    assert refused.quarantine_pending == 2
    assert refused_pass.settled is not None
    assert refused_pass.settled.why == "the side stream is full"


async def test_duplicates_are_told_apart_by_their_bytes() -> None:
    stream = MemoryStream([*GOOD[:3], (ORDER, event("order-1", 2)), (ORDER, event("order-1", 3, "other")), *GOOD[3:]])
    report = await a_pass(stream).run()
    assert [(f.version, f.cause) for f in report.findings] == [(2, Cause.SAME_PAYLOAD), (3, Cause.DIFFERENT_PAYLOAD)]


async def test_beyond_its_bounds_a_comparison_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan, "MOST_ACTORS_COMPARED", 0)
    report = await a_pass(MemoryStream([*GOOD[:3], (ORDER, event("order-1", 2)), *GOOD[3:]])).run()
    assert [finding.cause for finding in report.findings] == [Cause.UNKNOWN]


async def test_an_audit_of_actors_reads_exactly_these() -> None:
    other = "S.events.order.order-2"
    stream = MemoryStream([*GOOD, (other, b"{"), ("S.snapshots.order.order-1", snapshot("order-1", 7))])
    report = await a_pass(stream, actors=("order-1",)).run()
    assert (report.verdict, report.messages.examined, report.messages.skipped) == (Verdict.CLEAN, 8, 1)
    assert sums_hold(report)


async def test_a_deleted_event_is_a_gap_whose_cause_is_known() -> None:
    stream = MemoryStream(GOOD)
    stream.delete(4)
    for settings in ({}, {"actors": ("order-1",)}):
        report = await a_pass(stream, **settings).run()
        assert {f.kind: f.cause for f in report.findings} == {
            Kind.VERSION_GAP: Cause.DELETED,
            Kind.DELETED_MESSAGES: None,
        }
        assert sums_hold(report)
