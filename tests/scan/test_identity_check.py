"""A pass detects a stream that was rolled back, created again or rewritten since the last pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import auditor.scan.identity_check
from auditor.aether.stream_layout import StreamLayout
from auditor.core.model.findings import Kind, Severity
from auditor.core.model.passes import Mode, Verdict
from auditor.scan.identity_check import check_identity
from auditor.scan.request import StartFrom
from tests.core.findings import acceptance_by_rule
from tests.core.stories import event
from tests.ports.in_memory import FaultySource, GoneError, InMemorySource, InMemoryStateStore
from tests.scan.passes import GOOD, ORDER, a_pass

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

OTHER = "S.events.order.order-2"


def history_of(report: PassReport) -> dict[Kind, str | None]:
    return {found.kind: found.detail for found in report.findings if found.noticed_at}


async def audited_once(*more: tuple[str, bytes]) -> tuple[FaultySource, InMemoryStateStore]:
    """Return a stream that was audited once, and its saved state."""
    stream, state = FaultySource([*GOOD, *more]), InMemoryStateStore()
    assert (await a_pass(stream, state=state).run()).verdict is Verdict.CLEAN
    return stream, state


async def test_a_rollback_is_reported_with_the_actors_that_lost_versions_until_it_is_accepted() -> None:
    stream, state = await audited_once((OTHER, event("order-2", 1)), (OTHER, event("order-2", 2)))
    stream.roll_back(5)
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.verdict) == (Mode.FULL, Verdict.CORRUPT)
    assert history_of(report) == {
        Kind.STREAM_ROLLBACK: "the stream ends at sequence 5 and ended at 9 before: 4 are lost; of 2 actors: order-1"
        " versions 6 to 7, order-2 versions 1 to 2"
    }
    again = await a_pass(stream, state=state).run()
    full = a_pass(stream, state=state)
    full.start_from = StartFrom.BEGINNING
    assert history_of(again) == history_of(await full.run()) == history_of(report)
    assert (again.mode, again.read) == (Mode.INCREMENTAL, None)

    accepted_ns = full.ports.clock()
    state.acceptances = {
        Kind.STREAM_ROLLBACK: acceptance_by_rule(Kind.STREAM_ROLLBACK, 5, accepted_ns=accepted_ns, created_ns=1)
    }
    report = await a_pass(stream, state=state).run()
    assert (report.verdict, report.accepted_total) == (Verdict.CLEAN, {Kind.STREAM_ROLLBACK: 1})
    stream.roll_back(4)
    report = await a_pass(stream, state=state).run()
    assert (report.findings_total, report.accepted_total) == ({Kind.STREAM_ROLLBACK: 1}, {Kind.STREAM_ROLLBACK: 1})


async def test_the_detail_of_a_rollback_marks_actors_that_were_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.identity_check, "MAX_ACTORS_NAMED", 3)
    more = [(f"S.events.order.order-{number}", event(f"order-{number}", 1)) for number in range(2, 7)]
    stream, state = await audited_once(*more)
    stream.roll_back(4)
    stream.append((ORDER, b"{"), (more[0][0], event("order-2", 1)))
    report = await a_pass(stream, state=state).run()
    assert str(history_of(report)[Kind.STREAM_ROLLBACK]).endswith(
        "; of 6 actors: order-1 up to version 7, order-2 (written again since), order-3 version 1 and 3 more"
    )


async def test_a_rollback_whose_lost_sequences_were_stored_again_is_found_by_the_digests() -> None:
    stream, state = await audited_once()
    stream.roll_back(5)
    stream.append((ORDER, event("order-1", 6)), *[("S.other", b"x")] * 4)
    report = await a_pass(stream, state=state).run()
    assert (report.mode, set(history_of(report))) == (Mode.FULL, {Kind.HISTORY_CHANGED})
    again = await a_pass(stream, state=state).run()
    assert (again.mode, again.findings) == (Mode.INCREMENTAL, report.findings)


async def test_another_stream_of_the_same_name_is_reported() -> None:
    stream, state = await audited_once()
    fresh = InMemorySource(GOOD)
    fresh.created_ns = stream.created_ns + 1
    report = await a_pass(fresh, state=state).run()
    assert (report.mode, set(history_of(report))) == (Mode.FULL, {Kind.STREAM_RECREATED})
    assert (await a_pass(fresh, state=state).run()).mode is Mode.INCREMENTAL


async def test_changed_settings_are_a_notice_and_lead_to_no_full_pass() -> None:
    stream, state = await audited_once()
    stream.config = {"max_age": 5}
    report = await a_pass(stream, state=state).run()
    assert (report.verdict, report.read, set(history_of(report))) == (Verdict.CLEAN, None, {Kind.CONFIG_CHANGED})


@pytest.mark.parametrize("how", ["deleted", "purged"])
async def test_a_sampled_message_that_was_removed_is_not_reported(how: str) -> None:
    stream, state = await audited_once()
    if how == "deleted":
        stream.delete(7)
    else:
        stream.purge(7)
        stream.append((ORDER, event("order-1", 8)))
    report = await a_pass(stream, state=state).run()
    assert history_of(report) == {}
    assert report.verdict is Verdict.CLEAN


async def test_a_sampled_message_that_becomes_unreadable_leads_to_one_full_pass_at_once() -> None:
    stream, state = await audited_once()
    stream.unreadable = {7}
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.findings_total) == (Mode.FULL, {Kind.UNREADABLE_MESSAGE: 1})
    assert (await a_pass(stream, state=state).run()).mode is Mode.INCREMENTAL


async def test_an_incremental_pass_reads_few_sampled_messages_and_a_full_one_reads_all() -> None:
    stream, state = InMemorySource([("S.other", b"x")] * 400), InMemoryStateStore()
    await a_pass(stream, state=state).run()
    asked: list[int] = []
    get = stream.get

    async def noted(seq: int) -> object:
        asked.append(seq)
        return await get(seq)

    stream.get = noted  # type: ignore[assignment,method-assign]
    await a_pass(stream, state=state).run()
    assert len(asked) == 8
    full = a_pass(stream, state=state)
    full.start_from = StartFrom.BEGINNING
    asked.clear()
    await full.run()
    assert 30 < len(set(asked)) <= 64


async def test_a_checkpoint_from_before_a_change_is_not_used_even_if_the_full_pass_fails() -> None:
    stream, state = await audited_once()
    stream.roll_back(5)
    stream.append(*[(OTHER, event("order-2", version)) for version in (1, 2, 3, 4)])
    stream.fails_at[6] = GoneError("the stream is gone")
    report = await a_pass(stream, state=state).run()
    assert report.incomplete == "the stream is gone"
    stream.fails_at.clear()
    report = await a_pass(stream, state=state).run()
    assert (report.mode, report.read.first_seq if report.read else 0) in {(Mode.FULL, 1), (Mode.FULL, 6)}
    assert set(history_of(report)) == {Kind.HISTORY_CHANGED}
    assert report.actors.seen == 2


async def test_without_saved_state_nothing_is_compared() -> None:
    stream = InMemorySource(GOOD)
    await a_pass(stream).run()
    stream.roll_back(3)
    assert (await a_pass(stream).run()).verdict is Verdict.CLEAN


async def test_a_check_returns_a_new_identity_and_does_not_change_the_old_one() -> None:
    stream, state = await audited_once()
    before = (await state.load_history()).history.identity
    stream.roll_back(5)
    result = await check_identity(stream, state, await stream.info(), before, 99, StreamLayout("S"))
    assert str(result.reason).startswith("stream_rollback: the stream ends at sequence 5")
    assert (len(result.identity.incidents), result.identity.generation) == (1, 1)
    assert (before.incidents, before.generation) == ((), 0)
    assert (await state.load_history()).history.identity is before


async def test_a_check_of_an_unchanged_stream_finds_nothing() -> None:
    stream, state = await audited_once()
    before = (await state.load_history()).history.identity
    result = await check_identity(stream, state, await stream.info(), before, 99, StreamLayout("S"))
    assert (result.reason, result.identity.incidents) == (None, ())
    assert result.identity.last_info is not None
    assert result.identity.last_info.checked_ns == 99
    assert result.identity.samples == before.samples


async def test_the_same_damage_on_sequences_that_were_used_again_is_not_accepted() -> None:
    skipping = [(ORDER, event("order-1", version)) for version in (1, 2, 5, 6)]
    stream, state = InMemorySource(skipping), InMemoryStateStore()
    gap = Kind.VERSION_GAP
    state.acceptances = {gap: acceptance_by_rule(gap, 9, created_ns=stream.created_ns)}
    for _ in range(2):
        assert (await a_pass(stream, state=state).run()).accepted_total == {gap: 1}
    stream.roll_back(2)
    await a_pass(stream, state=state).run()
    stream.append(*skipping[2:])
    report = await a_pass(stream, state=state).run()
    assert (report.findings_total, report.accepted_total) == ({gap: 1, Kind.STREAM_ROLLBACK: 1}, {})
    assert report.newest_finding_ns[gap, Severity.CORRUPTION] > 0


async def test_after_messages_were_replaced_a_gap_is_not_accepted() -> None:
    skipping = [(ORDER, event("order-1", version)) for version in (1, 2, 5, 6)]
    stream, state = InMemorySource(skipping), InMemoryStateStore()
    gap = Kind.VERSION_GAP
    state.acceptances = {gap: acceptance_by_rule(gap, 9, created_ns=stream.created_ns)}
    await a_pass(stream, state=state).run()
    stream.roll_back(3)
    stream.append((ORDER, event("order-1", 6) + b" "))
    report = await a_pass(stream, state=state).run()
    assert (report.findings_total, report.accepted_total) == ({gap: 1, Kind.HISTORY_CHANGED: 1}, {})
