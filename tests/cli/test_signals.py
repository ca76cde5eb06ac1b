"""The signals that stop a command."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from auditor.cli import signals
from auditor.cli.signals import result_until, stop_signal

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def _handlers_of_before() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_stop_signal_sets_the_event_and_does_not_end_the_process(number: int) -> None:
    stop = stop_signal()
    assert not stop.is_set()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(stop.wait(), 5)


async def test_work_that_ends_first_returns_its_result_or_raises_its_error() -> None:
    async def work() -> int:
        return 7

    async def fail() -> int:
        raise ValueError("as it was")

    assert await result_until(asyncio.Event(), work()) == 7
    with pytest.raises(ValueError, match="as it was"):
        await result_until(asyncio.Event(), fail())


async def test_work_is_cancelled_and_has_ended_when_a_stop_comes_first() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()

    async def work() -> int:
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 7

    assert await result_until(stop, work()) is None
    assert ended.is_set()


async def test_work_that_loses_a_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "CANCEL_AGAIN_SECONDS", 0.01)
    stop = asyncio.Event()

    async def work() -> None:
        try:
            stop.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()  # it goes on, as if it had not been cancelled

    assert await asyncio.wait_for(result_until(stop, work()), 5) is None
