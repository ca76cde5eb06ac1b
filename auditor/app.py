"""Constructs the adapters to NATS for the configured audits, on one connection."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

import auditor
from auditor.core.model.actor_types import ActorTypes
from auditor.jetstream.api_client import PrefixedClient, domain_of
from auditor.jetstream.connection.client import connect
from auditor.jetstream.other_domains import check_other_domains
from auditor.jetstream.quarantine.stream_settings import quarantine_stream
from auditor.jetstream.quarantine.writer import QuarantineWriter
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.state.acceptances import Acceptances
from auditor.jetstream.state.part_store import PartStore
from auditor.jetstream.state.state_store import JetStreamStateStore
from auditor.jetstream.state.stream_settings import state_stream
from auditor.scan.ports import PassPorts
from auditor.scan.reporting import last_report
from auditor.scan.request import MIN_FINDINGS_LISTED, PassRequest
from auditor.scan.run import Yielded, run_pass, run_to_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from auditor.config import AuditConfig, Config, QuarantineConfig, StateConfig
    from auditor.core.model.findings import Kind
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.acceptance import Acceptance
    from auditor.jetstream.api_client import ApiClient
    from auditor.jetstream.connection.client import Client
    from auditor.jetstream.own_streams import OwnedStream


log = structlog.get_logger()


@dataclass(slots=True)
class App:
    """The configured audits, on one connection to NATS."""

    config: Config
    client: Client
    """Its requests go to the nearest JetStream API."""
    actor_types: dict[str, ActorTypes] = field(default_factory=dict)
    """By audit: the actor types that have a label of their own. Each pass continues with those of the pass before."""
    _clients: dict[str, PrefixedClient] = field(default_factory=dict)
    """By API prefix."""
    _state_stores: dict[tuple[str, bool], JetStreamStateStore] = field(default_factory=dict)

    def client_for(self, section: AuditConfig | QuarantineConfig | StateConfig) -> ApiClient:
        """Returns the client whose requests go to the API that has the stream of `section`: one for each API."""
        prefix = self.config.api_prefix(section)
        if prefix == self.client.api_prefix:
            return self.client
        if prefix not in self._clients:
            self._clients[prefix] = PrefixedClient(self.client, prefix)
        return self._clients[prefix]

    def source(self, audit: AuditConfig) -> StreamSource:
        """Returns the reader of the stream that `audit` reads."""
        return StreamSource(self.client_for(audit), audit.stream, read_by=audit.read_by)

    def quarantine(self, audit: AuditConfig) -> QuarantineWriter:
        """Returns the writer of the quarantine entries of `audit`."""
        return QuarantineWriter(self.client_for(self.config.quarantine), self.config.quarantine, self.source(audit))

    def part_store(self, audit: AuditConfig) -> PartStore:
        """Returns the store of the parts of the saved state of `audit`."""
        state = self.config.state
        return PartStore(self.client_for(state), state, self.source(audit), audit.name, auditor.__version__)

    def acceptances(self, audit: AuditConfig) -> Acceptances:
        """Returns the store of the acceptances of `audit`."""
        state = self.config.state
        return Acceptances(self.client_for(state), state, self.source(audit), audit.name, auditor.__version__)

    def state_store(self, audit: AuditConfig, *, store: bool = True) -> JetStreamStateStore:
        """Returns the state store of `audit`. Without `store`, its `save` does nothing.

        Every call with the same arguments returns the same object, which may keep a checkpoint in memory between passes.
        """
        key = (audit.name, store)
        if key not in self._state_stores:
            self._state_stores[key] = JetStreamStateStore(
                audit.name,
                self.part_store(audit),
                self.acceptances(audit),
                time.time_ns,
                saves=store,
            )
        return self._state_stores[key]

    @property
    def audited_streams(self) -> list[StreamSource]:
        """The reader of each audited stream."""
        audits = {(self.config.api_prefix(audit), audit.stream): audit for audit in self.config.audits}
        return [self.source(audit) for audit in audits.values()]

    async def ensure_own_streams(self) -> None:
        """Create the quarantine stream and the state stream if they are absent and the configuration allows it.

        Raises QuarantineStreamError or StateError for a stream that could lose messages or overlaps an audited stream, and
        the AuditorErrors of a request.
        """
        await self._check_other_domains()
        config, audited = self.config, self.audited_streams
        await quarantine_stream(config.quarantine).ensure(self.client_for(config.quarantine), *audited)
        await state_stream(config.state).ensure(self.client_for(config.state), *audited)

    async def _check_other_domains(self) -> None:
        """Raise the error of a stream of the auditor if the streams of several domains take its messages.

        With another prefix than the default, the messages of auditors have different subjects: a warning is logged instead.
        """
        own = (quarantine_stream(self.config.quarantine), state_stream(self.config.state))
        clients = [(self.client_for(each.config), each) for each in own]
        if self.client.nearest_domain or any(domain_of(client) for client, _ in clients):
            checks = [self._check_other_domain(client, each) for client, each in clients]
            for result in await asyncio.gather(*checks, return_exceptions=True):
                if result is not None:
                    raise result

    async def _check_other_domain(self, client: ApiClient, own: OwnedStream) -> None:
        try:
            await check_other_domains(self.client, client, own)
        except own.error as error:
            if own.config.subject_prefix == type(own.config).model_fields["subject_prefix"].default:
                raise
            log.warning("another stream stores a copy of each message", reason=str(error))

    def ports(self, audit: AuditConfig, *, store: bool) -> PassPorts:
        """Returns the ports of a pass of `audit`. Without `store`, the pass writes neither records nor saved state."""
        return PassPorts(
            source=self.source(audit),
            quarantine=self.quarantine(audit) if store else None,
            quarantine_prefix=self.config.quarantine.subject_prefix if store else None,
            state=self.state_store(audit, store=store),
            actor_types=self.actor_types.setdefault(audit.name, ActorTypes(audit.actor_types)),
            clock=time.time_ns,
            steady_clock=time.monotonic_ns,
        )

    async def run_pass(self, request: PassRequest, *, store: bool = True) -> PassReport | Yielded:
        """Run one pass. Without `store`, it writes nothing. Raises as `auditor.scan.run.run_pass`."""
        return await run_pass(request, self.ports(request.audit, store=store))

    async def run_to_end(self, request: PassRequest, *, store: bool = True) -> PassReport:
        """Run one pass whose request never lets it yield. Otherwise as `run_pass`."""
        return await run_to_end(request, self.ports(request.audit, store=store))

    async def last_report(
        self,
        audit: AuditConfig,
        accepted: Mapping[Kind, Acceptance] | None = None,
        *,
        store: bool = True,
        max_findings: int = MIN_FINDINGS_LISTED,
    ) -> PassReport | None:
        """Returns the report of the last completed pass, from `state_store` with the same `store`.

        `max_findings`: findings that it lists, at most. Of findings about single messages the saved state has only the first.
        Raises as `auditor.scan.reporting.last_report`.
        """
        return await last_report(
            PassRequest(audit, max_findings=max_findings), self.ports(audit, store=store), accepted
        )


@asynccontextmanager
async def open_app(config: Config, *, ensure_own_streams: bool) -> AsyncIterator[App]:
    """Connect to NATS while the block runs. With `ensure_own_streams`, first create or check the auditor's own streams.

    Raises AuditorError if there is no connection, and as `App.ensure_own_streams`.
    """
    client = await connect(config.nats)
    try:
        app = App(config, client)
        if ensure_own_streams:
            await app.ensure_own_streams()
        yield app
    finally:
        await client.close()
