"""The one place that wires everything together: a configuration becomes audits over one connection."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import auditor
from auditor.core.model.actor_types import ActorTypes
from auditor.jetstream.connection.client import connect
from auditor.jetstream.quarantine.writer import QuarantineWriter
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.state.acceptances import Acceptances
from auditor.jetstream.state.part_store import PartStore
from auditor.jetstream.state.state_store import JetStreamStateStore
from auditor.scan.ports import PassPorts
from auditor.scan.reporting import last_report
from auditor.scan.request import PassRequest
from auditor.scan.run import Yielded, run_pass, run_to_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from auditor.config import AuditConfig, Config
    from auditor.core.model.findings import Kind
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.acceptance import Acceptance
    from auditor.jetstream.connection.client import Client


@dataclass(slots=True)
class Auditor:
    """The configured audits, on a connection that works."""

    config: Config
    client: Client
    writes: bool = True
    """False for a look that keeps no evidence."""
    actor_types: dict[str, ActorTypes] = field(default_factory=dict)
    """What each audit has learned of label values; handed from one pass to the next."""
    _keepers: dict[str, JetStreamStateStore] = field(default_factory=dict)

    def source(self, audit: AuditConfig) -> StreamSource:
        """The stream that `audit` looks at."""
        return StreamSource(self.client, audit.stream)

    def side_stream(self, audit: AuditConfig) -> QuarantineWriter:
        """Where evidence from `audit` is kept."""
        return QuarantineWriter(self.client, self.config.quarantine, audit.stream)

    def checkpoints(self, audit: AuditConfig) -> PartStore:
        """Where the state of `audit` is saved."""
        return PartStore(self.client, self.config.state, audit.stream, audit.name, auditor.__version__)

    def acceptances(self, audit: AuditConfig) -> Acceptances:
        """What operators accepted of what `audit` found."""
        return Acceptances(self.client, self.config.state, audit.name)

    def keeper(self, audit: AuditConfig) -> JetStreamStateStore:
        """What keeps the memory of `audit`: always the same one, which may hold it from one pass to the next."""
        if audit.name not in self._keepers:
            self._keepers[audit.name] = JetStreamStateStore(
                audit.name,
                self.checkpoints(audit),
                self.acceptances(audit),
                time.time_ns,
                saves=self.writes,
            )
        return self._keepers[audit.name]

    async def check_own_streams(self) -> None:
        """Create side stream and state stream if need be. Raises QuarantineStreamError or StateError if one could lose something."""
        for audit in self.config.audits:
            await self.side_stream(audit).ensure()
            await self.checkpoints(audit).ensure()

    def ports(self, audit: AuditConfig) -> PassPorts:
        """The ports of a pass of `audit`."""
        return PassPorts(
            source=self.source(audit),
            quarantine=self.side_stream(audit) if self.writes else None,
            quarantine_prefix=self.config.quarantine.subject_prefix if self.writes else None,
            state=self.keeper(audit),
            actor_types=self.actor_types.setdefault(audit.name, ActorTypes(audit.actor_types)),
            clock=time.time_ns,
        )

    async def run_pass(self, request: PassRequest) -> PassReport | Yielded:
        """Run one pass. Raises as `auditor.scan.run.run_pass`."""
        return await run_pass(request, self.ports(request.audit))

    async def run_to_end(self, request: PassRequest) -> PassReport:
        """Run one pass whose request never lets it yield. Raises as `run_pass`."""
        return await run_to_end(request, self.ports(request.audit))

    async def last_report(
        self, audit: AuditConfig, accepted: Mapping[Kind, Acceptance] | None = None
    ) -> PassReport | None:
        """The report of the last completed pass. Raises as `auditor.scan.reporting.last_report`."""
        return await last_report(PassRequest(audit), self.ports(audit), accepted)


@asynccontextmanager
async def connected(config: Config, *, writes: bool) -> AsyncIterator[Auditor]:
    """An auditor for one command. Raises AuditorError if there is no connection, or no safe stream of its own to write to."""
    client = await connect(config.nats)
    try:
        wired = Auditor(config, client, writes)
        if writes:
            await wired.check_own_streams()
        yield wired
    finally:
        await client.close()
