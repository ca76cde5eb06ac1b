"""What differs between copies is read message by message, and again until it is certain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import auditor.scan.copy_comparison
from auditor.core.replicas.blame import ComparedCopies
from auditor.core.replicas.comparison import Confirmed, Difference
from auditor.scan.copy_comparison import CopyLostError, confirm_differences
from tests.ports.in_memory import ReplicatedSource
from tests.scan.passes import GOOD, a_pass

if TYPE_CHECKING:
    from collections.abc import Callable

COPIES = ComparedCopies(("n1", "n2", "n3"), (7, 7, 7), "n1", 3, 7)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor.scan.copy_comparison, "READ_AGAIN_SECONDS", (0.0, 0.0, 0.0, 0.0))


async def confirm(stream: ReplicatedSource, *, max_age: int = 0, copies: ComparedCopies = COPIES) -> Confirmed:
    info = replace(await stream.info(), config={"max_age": max_age})
    return await confirm_differences(stream, info, copies, [(1, 7)], a_pass(stream).request, (), lambda: 10**11)


def on_read(stream: ReplicatedSource, name: str, count: int, action: Callable[[], object]) -> None:
    """Call `action` before the batch with this number is read from a copy."""
    calls: list[int] = []

    def on_batch() -> None:
        calls.append(1)
        if len(calls) == count:
            action()

    stream.copies[name].on_batch = on_batch


async def test_what_differs_in_each_reading_is_certain() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].unreadable.add(3)
    stream.copies["n3"].swap(5, b"other")
    assert await confirm(stream) == Confirmed((Difference(3, 3, (0, None, 0)), Difference(5, 5, (0, 0, 1))), [])


async def test_a_message_that_one_copy_deletes_later_does_not_differ() -> None:
    stream = ReplicatedSource(GOOD)
    for name in ("n1", "n2"):
        stream.copies[name].delete(3, 4)
    on_read(stream, "n3", 7, lambda: stream.copies["n3"].delete(3, 4))
    assert await confirm(stream) == Confirmed((), [])


async def test_messages_that_expire_soon_are_left_out() -> None:
    stream = ReplicatedSource(GOOD)  # stored in the first nanoseconds of 1970
    stream.copies["n2"].delete(1)
    assert await confirm(stream, max_age=10**11) == Confirmed()
    assert (await confirm(stream, max_age=2 * 10**11)).differences


async def test_a_copy_that_cannot_be_read_any_more_is_named() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n1"].delete(3)
    on_read(stream, "n2", 5, lambda: setattr(stream.copies["n2"], "absent", "no answer"))
    with pytest.raises(CopyLostError, match="no answer") as caught:
        await confirm(stream)
    assert caught.value.name == "n2"


async def test_after_an_interrupt_nothing_is_certain() -> None:
    stream = ReplicatedSource(GOOD)
    stream.copies["n2"].unreadable.add(3)
    one = a_pass(stream)
    on_read(stream, "n1", 5, one.interrupt.set)
    info = await stream.info()
    assert await confirm_differences(stream, info, COPIES, [(1, 7)], one.request, (), lambda: 0) == Confirmed()
