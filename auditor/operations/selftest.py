"""Audits the canary, whose damage is known, and checks that exactly this damage is found."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.canary.match import MatchResult, match_findings
from auditor.canary.stream import CANARY, contents, settings
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.findings import place_of
from auditor.embedded_server import EmbeddedServer
from auditor.errors import AuditorError, NotFoundError, StreamNotFoundError
from auditor.jetstream.api import stream_info
from auditor.jetstream.quarantine.reader import get_record
from auditor.jetstream.seed import create_and_fill
from auditor.scan.ports import PassPorts
from auditor.scan.request import PassRequest
from auditor.scan.run import run_to_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.app import App
    from auditor.core.model.findings import Finding

RECREATE_HINT = f"delete stream {CANARY} as an administrator, and run `auditor selftest` with the same configuration"


class CanaryError(AuditorError):
    """The canary exists and does not hold what this version seeds, or could not be audited."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """The result of a self-test."""

    match_result: MatchResult
    bad_records: tuple[str | None, ...] = ()
    """Keys of records that are absent from the quarantine stream or hold other bytes."""

    @property
    def ok(self) -> bool:
        """Whether all seeded damage was found and stored as records, and nothing else was found."""
        return self.match_result.is_exact and not self.bad_records

    @property
    def problems(self) -> str:
        """Every problem, in one line; empty if there is none."""
        problems = [f"not found: {title}" for title in self.match_result.missing]
        problems += [
            f"found, and not seeded: {finding.kind} ({_place(finding)})" for finding in self.match_result.unexpected
        ]
        problems += [f"no such record in the quarantine stream: {key}" for key in self.bad_records]
        return "; ".join(problems)


async def create_canary(app: App) -> bool:
    """Create the canary if it is absent. Returns whether it was. Without a quarantine stream, which is created first, none is.

    Raises CanaryError for a canary with other contents, QuarantineStreamError, and the AuditorErrors of a request.
    """
    try:
        await _check(app)
    except StreamNotFoundError:
        await app.quarantine(_canary_audit(app)).ensure()
        messages = [message.raw for message in contents().messages]
        await create_and_fill(
            app.client_for(app.config.state), settings(app.config.state.replicas), messages, contents().deleted
        )
        return True
    return False


async def audit_canary(app: App, *, store: bool, interrupted: asyncio.Event | None = None) -> SelfTest:
    """Audit the canary; with `store`, also store its records and read each of them again.

    Raises StreamNotFoundError without a canary, CanaryError for one with other contents or if the audit is incomplete, and
    the AuditorErrors of a request.
    """
    await _check(app)
    audit = _canary_audit(app)
    ports = PassPorts(
        source=app.source(audit),
        quarantine=app.quarantine(audit) if store else None,
        quarantine_prefix=app.config.quarantine.subject_prefix if store else None,
        state=None,
        actor_types=ActorTypes(audit.actor_types),
        clock=time.time_ns,
        steady_clock=time.monotonic_ns,
    )
    report = await run_to_end(PassRequest(audit, interrupt=interrupted or asyncio.Event()), ports)
    if report.incomplete:
        raise CanaryError(f"not all of stream {CANARY} could be read: {report.incomplete}")
    if report.quarantine.failed:
        raise CanaryError(f"{report.quarantine.failed} records could not be stored: {report.quarantine.reason}")
    match_result = match_findings(contents().damage, report)
    expected = [finding for _, findings in match_result.found for _, finding in findings if finding is not None]
    return SelfTest(
        match_result, tuple([finding.quarantine for finding in expected if not await _is_stored(app, finding)])
    )


@asynccontextmanager
async def embedded_server() -> AsyncIterator[Config]:
    """Run a nats-server while the block runs. Yields the configuration to audit its canary. Raises EmbeddedServerError."""
    async with EmbeddedServer() as server:
        audits = (AuditConfig(name="canary", stream=CANARY),)
        yield Config(nats=NatsConfig(servers=(server.url,)), audits=audits)


def _canary_audit(app: App) -> AuditConfig:
    return AuditConfig(name="canary", stream=CANARY, jetstream_api_prefix=app.config.api_prefix(app.config.state))


async def _check(app: App) -> None:
    info = await stream_info(app.client_for(app.config.state), CANARY)
    if not contents().is_described_by(info.config.get("description") or ""):
        raise CanaryError(f"stream {CANARY} was not seeded by this version of the auditor: {RECREATE_HINT}")
    if info.state.last_seq < len(contents().messages):
        raise CanaryError(f"stream {CANARY} was seeded only in part: {RECREATE_HINT}")


async def _is_stored(app: App, finding: Finding) -> bool:
    if finding.quarantine is None or finding.seq is None:
        return True  # its kind has no records, or this self-test stores none
    try:
        record = await get_record(app.client_for(app.config.quarantine), app.config.quarantine, finding.quarantine)
    except NotFoundError:
        return False
    return record.data == contents().messages[finding.seq - 1].data


def _place(finding: Finding) -> str:
    return ", ".join(filter(None, [place_of(finding) and f"sequence {place_of(finding)}", finding.subject]))
