"""Whether the auditor can still see: an audit of the canary, where everything that must be found is known beforehand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.canary.match import MatchResult, match_findings
from auditor.canary.stream import CANARY, contents, settings
from auditor.config import AuditConfig
from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.findings import place_of
from auditor.errors import AuditorError, NotFoundError, StreamNotFoundError
from auditor.jetstream.api import stream_info
from auditor.jetstream.quarantine.reader import get_record
from auditor.jetstream.seed import plant
from auditor.scan.run import Pass

if TYPE_CHECKING:
    from auditor.app import Auditor
    from auditor.core.model.findings import Finding

RECREATE_HINT = f"delete stream {CANARY} as an administrator, and run `auditor selftest` with the same configuration"


class CanaryError(AuditorError):
    """The canary is there and holds something else than it should."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What came of it."""

    proof: MatchResult
    bad_records: tuple[str | None, ...] = ()
    """Keys that the side stream has no such bytes for."""

    @property
    def ok(self) -> bool:
        """Whether everything planted was found and kept, and nothing else was found."""
        return self.proof.complete and not self.bad_records

    @property
    def why(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        wrong = [f"not found: {what}" for what in self.proof.missed]
        wrong += [f"found, and not planted: {finding.kind} ({_place(finding)})" for finding in self.proof.besides]
        wrong += [f"no such record in the side stream: {key}" for key in self.bad_records]
        return "; ".join(wrong)


async def create_canary(auditor: Auditor) -> bool:
    """Make the canary if it is absent; whether it was. Raises AuditorError, CanaryError for one that is no use."""
    try:
        await _check(auditor)
    except StreamNotFoundError:
        messages = [message.raw for message in contents().messages]
        await plant(auditor.client, settings(auditor.config.state.replicas), messages, contents().deleted)
        return True
    return False


async def audit_canary(auditor: Auditor, *, writes: bool, interrupted: asyncio.Event | None = None) -> SelfTest:
    """Audit the canary; where the auditor `writes`, keep what is condemned, too, and read every record again.

    Raises StreamNotFoundError where there is no canary, CanaryError where it is no use, other AuditorErrors.
    """
    await _check(auditor)
    audit = AuditConfig(name="canary", stream=CANARY)
    this_pass = Pass(
        config=audit,
        source=auditor.source(audit),
        quarantine=auditor.side_stream(audit) if writes else None,
        quarantine_prefix=auditor.config.quarantine.subject_prefix if writes else None,
        actor_types=ActorTypes(audit.actor_types),
        clock=time.time_ns,
        interrupted=interrupted or asyncio.Event(),
    )
    report = await this_pass.run()
    if report.incomplete:
        raise CanaryError(f"not all of stream {CANARY} could be read: {report.incomplete}")
    if this_pass.settled.failed:
        raise CanaryError(f"{this_pass.settled.failed} records could not be stored: {this_pass.settled.why}")
    proof = match_findings(contents().planted, report)
    expected = [finding for _, findings in proof.found for _, finding in findings if finding is not None]
    return SelfTest(proof, tuple([finding.quarantine for finding in expected if not await _is_kept(auditor, finding)]))


async def _check(auditor: Auditor) -> None:
    info = await stream_info(auditor.client, CANARY)
    if not contents().is_described_by(info.config.get("description") or ""):
        raise CanaryError(f"stream {CANARY} was planted by another version, or by somebody else: {RECREATE_HINT}")
    if info.state.last_seq < len(contents().messages):
        raise CanaryError(f"stream {CANARY} was planted in part only: {RECREATE_HINT}")


async def _is_kept(auditor: Auditor, finding: Finding) -> bool:
    if finding.quarantine is None or finding.seq is None:
        return True  # of a kind that is not kept, or nothing is
    try:
        record = await get_record(auditor.client, auditor.config.quarantine, finding.quarantine)
    except NotFoundError:
        return False
    return record.data == contents().messages[finding.seq - 1].data


def _place(finding: Finding) -> str:
    return ", ".join(filter(None, [place_of(finding) and f"sequence {place_of(finding)}", finding.subject]))
