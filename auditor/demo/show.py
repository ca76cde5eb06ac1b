"""The demo: a server of its own, a damaged stream, and the auditor at work on it."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.config import AuditConfig, Config, HttpConfig, LogConfig, NatsConfig, ScheduleConfig
from auditor.config.values import Duration, Listen
from auditor.demo.publish import RawPublisher
from auditor.demo.sample import STREAM
from auditor.demo.server import EmbeddedServer
from auditor.demo.stream import keep_writing, plant
from auditor.jetstream.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from auditor.core.findings import Finding
    from auditor.core.report import AuditReport
    from auditor.demo.damage import Expected, Planted

PASS_EVERY_NS = 5_000_000_000
"""Often enough that somebody who watches sees the metrics move."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running server with the damaged stream, and the configuration to audit it."""

    config: Config
    planted: tuple[Planted, ...]


@asynccontextmanager
async def demo(listen: Listen, *, writing: bool) -> AsyncIterator[Demo]:
    """The demo while the block runs; `writing`: events keep coming. Raises AuditorError."""
    async with EmbeddedServer() as server:
        nats = NatsConfig(servers=(server.url,))
        client = await connect(nats)
        try:
            async with RawPublisher(server.port) as publisher:
                planted = await plant(client, publisher)
                writer = asyncio.create_task(keep_writing(publisher), name="demo writer") if writing else None
                try:
                    yield Demo(_config(nats, listen), planted)
                finally:
                    if writer is not None:
                        writer.cancel()
                        with contextlib.suppress(asyncio.CancelledError):
                            await writer
        finally:
            await client.close()


def _config(nats: NatsConfig, listen: Listen) -> Config:
    schedule = ScheduleConfig(every=Duration(PASS_EVERY_NS))
    return Config(
        nats=nats,
        audits=(AuditConfig(name="orders", stream=STREAM, schedule=schedule),),
        http=HttpConfig(listen=listen),
        log=LogConfig(level="warning", format="console"),
    )


@dataclass(frozen=True, slots=True)
class Proof:
    """What was planted beside what was found."""

    found: tuple[tuple[Planted, tuple[tuple[Expected, Finding | None], ...]], ...]
    """For each damage, each finding that it must cause; None if it is not in the report."""
    besides: tuple[Finding, ...]
    """Findings that nothing planted accounts for."""

    @property
    def complete(self) -> bool:
        """Whether everything planted was found, and nothing else."""
        return not self.besides and all(finding for _, findings in self.found for _, finding in findings)


def prove(planted: Sequence[Planted], report: AuditReport) -> Proof:
    """Match the report's findings with what was planted."""
    left = list(report.findings)
    found = []
    for damage in planted:
        matches: list[tuple[Expected, Finding | None]] = []
        for expected in damage.expected:
            finding = next((each for each in left if damage.causes(expected, each)), None)
            if finding is not None:
                left.remove(finding)
            matches.append((expected, finding))
        found.append((damage, tuple(matches)))
    return Proof(tuple(found), tuple(left))
