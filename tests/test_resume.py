"""Whatever happens to a stream between passes, a pass that goes on from the last one says what a full one says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import auditor.core.audit
import auditor.core.tallies
import auditor.resume
import auditor.scan
from auditor.core.report import Mode
from tests.core.by_the_book import made
from tests.memory import MemoryKeeper, MemoryStream
from tests.test_scan import a_pass, sums_hold

if TYPE_CHECKING:
    from auditor.core.report import AuditReport

HISTORY_OF_ITS_OWN = {"mode", "read", "started_ns", "finished_ns", "full_ns", "newest_ns"}

Step = Callable[[MemoryStream], None]


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


def said(report: AuditReport) -> dict:
    return {name: value for name, value in asdict(report).items() if name not in HISTORY_OF_ITS_OWN}


@pytest.fixture
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (auditor.core.tallies, auditor.core.audit, auditor.resume):
        monkeypatch.setattr(module, "STRETCH", 4)


@pytest.fixture
def whenever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full passes as often as the stream's history changes."""
    monkeypatch.setattr(auditor.scan, "SHORTEST_BETWEEN_FULL_PASSES_NS", 0)


@pytest.mark.usefixtures("short_stretches", "whenever")
@settings(
    deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(STEPS)
def test_after_any_history_an_incremental_pass_says_what_a_full_one_says(steps: list[Step | None]) -> None:
    stream, keeper = MemoryStream(), MemoryKeeper()
    for step in [*steps, None]:
        if step is not None:
            step(stream)
            continue
        went_on = asyncio.run(a_pass(stream, keeper=keeper).run())
        anew = asyncio.run(a_pass(stream).run())
        assert said(went_on) == said(anew)
        assert sums_hold(went_on)


async def test_a_pass_over_nothing_new_reads_nothing() -> None:
    stream, keeper = MemoryStream(), MemoryKeeper()
    for _ in range(3):
        stream.append(("S.events.order.order-1", b"{"))
        await a_pass(stream, keeper=keeper).run()
    stream.on_batch = lambda: pytest.fail("it walked")
    report = await a_pass(stream, keeper=keeper).run()
    assert (report.mode, report.read, report.messages.examined) == (Mode.INCREMENTAL, None, 3)
