"""What a walk delivers is what the server returns for a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from auditor.core.model.passes import Verdict
from auditor.scan.confirmation import MAX_BYTES, DeliveredSample, confirm
from tests.core.stories import message
from tests.ports.in_memory import FaultySource, GoneError, InMemorySource
from tests.scan.passes import GOOD, a_pass

if TYPE_CHECKING:
    from auditor.core.model.message import StoredMessage


def seqs_kept(*batches: list[StoredMessage]) -> list[int]:
    sample = DeliveredSample()
    for batch in batches:
        sample.observe(batch)
    return [each.seq for each in sample.messages]


def test_the_first_message_and_the_last_are_kept_and_few_between_them() -> None:
    assert seqs_kept() == []
    assert seqs_kept([message(1, "S.x", b"")]) == [1]
    assert seqs_kept(*([message(seq, "S.x", b"")] for seq in range(1, 101))) == [1, 2, 4, 8, 16, 32, 64, 100]
    assert seqs_kept([message(seq, "S.x", b"") for seq in range(1, 101)]) == [1, 100]


def test_a_large_message_is_not_kept() -> None:
    large = message(2, "S.x", b"x" * (MAX_BYTES + 1))
    assert seqs_kept([message(1, "S.x", b"x" * MAX_BYTES)], [large]) == [1]


@pytest.mark.parametrize("change", [{"data": b"{}"}, {"headers": b"x"}, {"time_ns": 5}, {"subject": b"S.y"}])
async def test_a_message_that_differs_is_named(change: dict[str, object]) -> None:
    stream = InMemorySource(GOOD)
    delivered = stream.messages[3]
    assert await confirm(stream, await stream.info(), [delivered]) is None
    reason = await confirm(stream, await stream.info(), [msgspec.structs.replace(delivered, **change)])
    assert str(reason).startswith("the message at sequence 3 was delivered, and the server returns another one")


async def test_a_subject_that_is_not_utf_8_is_not_compared() -> None:
    stream = InMemorySource([(b"S.events.order.\xff", b"{")])
    assert await confirm(stream, await stream.info(), [stream.messages[1]]) is None


async def test_a_message_that_was_deleted_or_purged_meanwhile_is_explained_and_another_is_named() -> None:
    stream = InMemorySource(GOOD)
    messages = [stream.messages[seq] for seq in (1, 4, 6)]
    stream.purge(1)
    stream.delete(4)
    info = await stream.info()
    assert await confirm(stream, info, messages) is None
    stream.unreadable = {6}
    assert str(await confirm(stream, info, messages)).startswith(
        "the message at sequence 6 was delivered, and the server"
    )


async def test_a_pass_whose_messages_cannot_be_confirmed_is_inconclusive() -> None:
    stream = FaultySource(GOOD)
    stream.silent["get"] = GoneError("no answer")
    report = await a_pass(stream).run()
    assert (report.verdict, report.incomplete) == (Verdict.INCONCLUSIVE, "no answer")
