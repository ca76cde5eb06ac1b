"""Runs passes over ports in memory, for tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from auditor.config import AuditConfig
from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.passes import Progress
from auditor.scan.ports import PassPorts
from auditor.scan.reporting import last_report
from auditor.scan.request import MIN_FINDINGS_LISTED, PassRequest, StartFrom
from auditor.scan.run import run_pass, run_to_end
from tests.core.stories import event

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.core.report.pass_report import PassReport
    from auditor.scan.run import Yielded
    from tests.ports.in_memory import InMemoryQuarantine, InMemorySource, InMemoryStateStore

ORDER = "S.events.order.order-1"
GOOD = [(ORDER, event("order-1", version)) for version in range(1, 8)]
TWICE = [*GOOD[:3], (ORDER, event("order-1", 2)), *GOOD[3:]]

TICKS = count(1_700_000_000_000_000_000)
"""The clock of all passes, in nanoseconds: each reading is one more than the last."""


@dataclass
class OnePass:
    """The request and the ports of one pass; the request can be changed until it runs."""

    audit: AuditConfig
    ports: PassPorts
    start_from: StartFrom = StartFrom.AUTO
    should_yield: Callable[[], bool] = lambda: False
    max_findings: int = MIN_FINDINGS_LISTED
    interrupt: asyncio.Event = field(default_factory=asyncio.Event)
    progress: Progress = field(default_factory=Progress)

    @property
    def request(self) -> PassRequest:
        return PassRequest(
            self.audit, self.start_from, self.max_findings, self.should_yield, self.interrupt, self.progress
        )

    async def run(self) -> PassReport:
        return await run_to_end(self.request, self.ports)

    async def advance(self) -> PassReport | Yielded:
        return await run_pass(self.request, self.ports)

    async def last(self) -> PassReport | None:
        return await last_report(self.request, self.ports)


def a_pass(
    stream: InMemorySource,
    quarantine: InMemoryQuarantine | None = None,
    state: InMemoryStateStore | None = None,
    **settings: object,
) -> OnePass:
    """Return a pass of an audit with these settings."""
    prefix = "q" if quarantine else None
    ports = PassPorts(stream, quarantine, prefix, state, ActorTypes(), lambda: next(TICKS), lambda: next(TICKS))
    return OnePass(AuditConfig(name="a", stream="S", **settings), ports)


def report_of(stream: InMemorySource, **settings: object) -> PassReport:
    """Run such a pass and return its report."""
    return asyncio.run(a_pass(stream, **settings).run())


def sums_hold(report: PassReport) -> bool:
    """Return whether every message of the range is in exactly one count."""
    messages, events, snapshots = report.messages, report.events, report.snapshots
    judged = events.ok + events.malformed + events.hidden + events.unreachable + snapshots.ok + snapshots.malformed
    return messages.examined == judged + messages.unjudged and messages.in_range == (
        messages.examined + messages.removed + messages.unreadable + messages.skipped
    )
