"""The one place that wires everything together: a configuration becomes audits over one connection."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from auditor.core.labels import ActorTypes
from auditor.jetstream.client import connect
from auditor.jetstream.quarantine import QuarantineStream
from auditor.jetstream.source import StreamSource
from auditor.scan import Pass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.config import AuditConfig, Config
    from auditor.jetstream.client import Client


@dataclass(slots=True)
class Auditor:
    """The configured audits, on a connection that works."""

    config: Config
    client: Client
    writes: bool = True
    """False for a look that keeps no evidence."""
    actor_types: dict[str, ActorTypes] = field(default_factory=dict)
    """What each audit has learned of label values; handed from one pass to the next."""

    def source(self, audit: AuditConfig) -> StreamSource:
        """The stream that `audit` looks at."""
        return StreamSource(self.client, audit.stream)

    def side_stream(self, audit: AuditConfig) -> QuarantineStream:
        """Where evidence from `audit` is kept."""
        return QuarantineStream(self.client, self.config.quarantine, audit.stream)

    async def check_side_stream(self) -> None:
        """Create the side stream if need be. Raises SideStreamError if a record could be lost in it."""
        for audit in self.config.audits:
            await self.side_stream(audit).ensure()

    def new_pass(self, audit: AuditConfig, *, most_findings: int = 1000) -> Pass:
        """A pass of `audit`, ready to run."""
        return Pass(
            config=audit,
            source=self.source(audit),
            quarantine=self.side_stream(audit) if self.writes else None,
            quarantine_prefix=self.config.quarantine.subject_prefix if self.writes else None,
            actor_types=self.actor_types.setdefault(audit.name, ActorTypes(audit.actor_types)),
            clock=time.time_ns,
            most_findings=most_findings,
        )


@asynccontextmanager
async def connected(config: Config, *, writes: bool) -> AsyncIterator[Auditor]:
    """An auditor for one command. Raises AuditorError if there is no connection, or no safe side stream to write to."""
    client = await connect(config.nats)
    try:
        auditor = Auditor(config, client, writes)
        if writes:
            await auditor.check_side_stream()
        yield auditor
    finally:
        await client.close()
