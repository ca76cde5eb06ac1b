"""A pass reads duplicate versions again to compare their bytes, up to a limit."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

import auditor.scan.duplicates
from auditor.core.model.findings import Cause, Kind
from auditor.core.state.checkpoint import CheckpointKind
from auditor.core.state.duplicates import DuplicateComparison
from auditor.scan.duplicates import resolve_duplicates
from tests.core.stories import event
from tests.ports.in_memory import GoneError, InMemorySource, InMemoryStateStore
from tests.scan.passes import GOOD, ORDER, TWICE, a_pass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def test_duplicates_with_the_same_bytes_and_with_different_bytes_have_different_causes() -> None:
    stream = InMemorySource([*GOOD[:3], (ORDER, event("order-1", 2)), (ORDER, event("order-1", 3, "other")), *GOOD[3:]])
    report = await a_pass(stream).run()
    assert [(f.version, f.cause) for f in report.findings] == [(2, Cause.SAME_PAYLOAD), (3, Cause.DIFFERENT_PAYLOAD)]


async def test_beyond_the_limit_of_actors_the_cause_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.duplicates, "MAX_ACTORS_COMPARED", 0)
    report = await a_pass(InMemorySource([*GOOD[:3], (ORDER, event("order-1", 2)), *GOOD[3:]])).run()
    assert [finding.cause for finding in report.findings] == [Cause.UNKNOWN]


async def test_after_an_exception_in_the_comparison_only_the_cause_is_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr(DuplicateComparison, "add", fail)
    report = await a_pass(InMemorySource(TWICE)).run()
    assert ([finding.cause for finding in report.findings], report.incomplete) == ([Cause.UNKNOWN], None)


async def test_if_the_stream_disappears_during_the_comparison_only_the_cause_is_unknown() -> None:
    stream = InMemorySource([*TWICE, ("S.other", b"")])
    stream.delete(9)
    walks = count(1)
    walk = stream.read

    def only_once(*args: object, **kwargs: object) -> object:
        if next(walks) == 2:
            raise GoneError("no answer")
        return walk(*args, **kwargs)  # type: ignore[arg-type]

    stream.read = only_once  # type: ignore[assignment,method-assign]
    report = await a_pass(stream).run()
    assert [finding.cause for finding in report.findings] == [Cause.UNKNOWN, None]
    assert (report.messages.removed, report.incomplete) == (1, None)


async def test_a_comparison_reads_only_the_subject_of_the_actor_between_its_duplicates() -> None:
    odd = "S.events.unknown.a_b"
    stream = InMemorySource([*GOOD, *[(odd, event("a.b", version)) for version in (1, 2, 2, 3)]])
    asked = []
    walk = stream.read

    def noted(*args: object, **kwargs: object) -> object:
        asked.append((kwargs["first_seq"], kwargs["last_seq"], kwargs["subjects"]))
        return walk(*args, **kwargs)  # type: ignore[arg-type]

    stream.read = noted  # type: ignore[assignment,method-assign]
    report = await a_pass(stream).run()
    assert asked == [(1, 11, ()), (8, 10, [odd])]
    assert [finding.cause for finding in report.findings] == [Cause.SAME_PAYLOAD]


async def test_a_comparison_ends_at_the_limit_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.duplicates, "MAX_MESSAGES_COMPARED", 2)
    report = await a_pass(InMemorySource(TWICE)).run()
    assert [finding.cause for finding in report.findings] == [Cause.UNKNOWN]


async def test_an_interrupted_pass_compares_no_duplicates() -> None:
    stream = InMemorySource(TWICE, batch=5)
    this_pass = a_pass(stream)
    batches = iter([lambda: None, this_pass.interrupt.set])
    stream.on_batch = lambda: next(batches)()
    report = await this_pass.run()
    assert [(finding.kind, finding.cause) for finding in report.findings] == [(Kind.DUPLICATE_VERSION, Cause.UNKNOWN)]


async def test_the_walk_and_the_comparison_keep_the_rate_limit_and_are_closed() -> None:
    stream = InMemorySource(TWICE, batch=2)
    walk = stream.read
    rates: list[object] = []
    closed: list[bool] = []

    async def noted(*args: object, **kwargs: object) -> AsyncIterator[object]:
        rates.append(kwargs["max_rate"])
        try:
            async for batch in walk(*args, **kwargs):  # type: ignore[arg-type]
                yield batch
        finally:
            closed.append(True)

    stream.read = noted  # type: ignore[assignment,method-assign]
    await a_pass(stream, max_rate=1000).run()
    assert (rates, closed) == ([1000, 1000], [True, True])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor.scan.duplicates, "MAX_MESSAGES_COMPARED", 0)
        await a_pass(stream, max_rate=1000).run()
    assert closed == [True] * 4


async def test_duplicates_whose_cause_stays_unknown_are_not_read_again_by_every_pass() -> None:
    stream, state = InMemorySource(TWICE), InMemoryStateStore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor.scan.duplicates, "MAX_MESSAGES_COMPARED", 2)
        await a_pass(stream, state=state).run()
    stream.on_batch = lambda: pytest.fail("it walked")
    report = await a_pass(stream, state=state).run()
    assert [finding.cause for finding in report.findings] == [Cause.UNKNOWN]


async def test_the_causes_are_returned_by_actor_and_sequence_and_the_ledger_is_not_changed() -> None:
    stream, state = InMemorySource([*TWICE, (ORDER, event("order-1", 3, "other"))]), InMemoryStateStore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auditor.scan.duplicates, "MAX_ACTORS_COMPARED", 0)
        one = a_pass(stream, state=state)
        await one.run()
    saved = await state.check_out(CheckpointKind.COMPLETED)
    assert saved is not None
    ledger = saved.checkpoint.state.ledger
    causes = await resolve_duplicates(stream, await stream.info(), ledger, one.request)
    assert causes == {b"order.order-1": {4: Cause.SAME_PAYLOAD, 9: Cause.DIFFERENT_PAYLOAD}}
    assert len(dict(ledger.duplicates())[b"order.order-1"]) == 2
    ledger.set_causes(causes)
    assert dict(ledger.duplicates()) == {}
