"""An audit that selects no message of a stream that has messages is not clean."""

from __future__ import annotations

import pytest

from auditor.core.model.passes import Verdict
from tests.core.stories import event
from tests.ports.in_memory import FaultySource, GoneError, InMemorySource
from tests.scan.passes import GOOD, ORDER, a_pass

OTHER = [("archive.events.order.order-1", event("order-1", version)) for version in (1, 2, 4)]


async def test_an_audit_whose_subjects_hold_no_message_is_inconclusive_and_names_those_that_do() -> None:
    report = await a_pass(InMemorySource([*OTHER, ("x", b"")])).run()
    assert (report.verdict, report.messages.skipped) == (Verdict.INCONCLUSIVE, 4)
    assert report.incomplete == (
        "none of the 4 messages of stream S is on the subjects of this audit: it holds messages on archive.events.>, x;"
        " set subject_prefix of audit a to archive"
    )
    assert report.notes == ("messages on archive.events.> were skipped: they are not on the subjects of this audit",)


async def test_an_empty_stream_is_clean() -> None:
    assert (await a_pass(InMemorySource()).run()).verdict is Verdict.CLEAN


async def test_skipped_events_of_another_prefix_are_named_although_the_audit_selects_messages() -> None:
    report = await a_pass(InMemorySource([*GOOD, *OTHER])).run()
    assert (report.verdict, len(report.notes)) == (Verdict.CLEAN, 1)
    assert report.to_json()["notes"] == list(report.notes)


async def test_a_configured_actor_without_messages_is_clean_with_a_note() -> None:
    report = await a_pass(InMemorySource(GOOD), actors=("order-2",)).run()
    assert (report.verdict, report.notes) == (Verdict.CLEAN, ('nothing is stored for actor "order-2"',))


async def test_configured_actors_in_a_stream_without_any_event_are_inconclusive() -> None:
    report = await a_pass(InMemorySource(OTHER), actors=("order-1", "order-2")).run()
    assert report.verdict is Verdict.INCONCLUSIVE


async def test_a_server_that_does_not_list_its_subjects_leaves_the_audit_inconclusive() -> None:
    stream = FaultySource(OTHER)
    stream.silent["subjects"] = GoneError("not allowed to ask")
    report = await a_pass(stream).run()
    assert str(report.incomplete).endswith("those of the stream are not known: not allowed to ask")


@pytest.mark.parametrize("count", [5, 6])
async def test_of_many_prefixes_only_some_are_named(count: int) -> None:
    stream = InMemorySource([(f"a{number}.b.c", b"") for number in range(count)])
    incomplete = str((await a_pass(stream).run()).incomplete)
    assert ("other subjects" in incomplete) == (count == 6)
    assert ORDER not in incomplete


async def test_messages_that_were_removed_before_they_were_read_are_no_wrong_selection() -> None:
    stream = InMemorySource(GOOD)
    stream.on_batch = lambda: stream.purge(7)
    report = await a_pass(stream).run()
    assert (report.verdict, report.messages.examined) == (Verdict.CLEAN, 0)
