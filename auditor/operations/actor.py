"""Reads one actor: as Aether replays it, and as an audit judges it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor.aether import encode_event
from auditor.aether.store import MalformedSnapshotError, SnapshotNotFoundError
from auditor.aether.subjects import unreadable_id_reason
from auditor.core.model.findings import MISSING_VERSION_KINDS, Kind, Severity
from auditor.core.report.actor_assessment import Replayability
from auditor.core.report.pass_report import finding_json
from auditor.errors import AuditorError, NotFoundError
from auditor.jetstream.eventstore.store import JetStreamEventStore
from auditor.operations.explain_actor import LastSnapshot, Step, explain_actor
from auditor.scan.request import PassRequest
from auditor.scan.run import run_to_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.aether import ActorSnapshot, Event, ReplayResult
    from auditor.aether.stream_layout import StreamLayout
    from auditor.app import App
    from auditor.config import AuditConfig
    from auditor.core.report.pass_report import PassReport

ACTOR_SCHEMA = "aether-auditor/actor/1"


@dataclass(frozen=True, slots=True)
class ActorDetails:
    """The messages of one actor in one stream, and the report about them."""

    actor_id: str
    stream: str
    layout: StreamLayout
    result: ReplayResult
    """The result of `get_events_with_errors` from the first version on."""
    from_version: int
    """`events_shown` has only versions above this one."""
    latest_version: int
    snapshot: ActorSnapshot | MalformedSnapshotError | None
    """The result of `get_latest_snapshot`; None if there is no snapshot."""
    report: PassReport
    """The report of a pass that read only this actor."""

    @property
    def subject(self) -> str:
        """The subject of its events."""
        return self.layout.event_subject(self.actor_id)

    @property
    def replay(self) -> Replayability | None:
        """Its replayability; None for an actor without events."""
        actors = self.report.actors
        if actors.broken:
            return Replayability.BROKEN
        if actors.replayable_from_snapshot:
            return Replayability.FROM_SNAPSHOT
        return Replayability.REPLAYABLE if actors.replayable else None

    @property
    def events_shown(self) -> list[Event]:
        """The events above `from_version`."""
        return [event for event in self.result.events if event.version > self.from_version]

    @property
    def steps(self) -> list[Step]:
        """The explanation of its replayability."""
        versions = [event.version for event in self.result.events]
        return explain_actor(versions, self._last_snapshot, self.report)

    @property
    def _last_snapshot(self) -> LastSnapshot | None:
        if self.snapshot is None:
            return None
        if isinstance(self.snapshot, MalformedSnapshotError):
            return LastSnapshot(None, str(self.snapshot))
        if self.report.totals.get((Kind.FOREIGN_SNAPSHOT, Severity.CORRUPTION)):
            return LastSnapshot(self.snapshot.version, "it belongs to another actor")
        return LastSnapshot(self.snapshot.version)

    def to_json(self) -> dict[str, Any]:
        """The object of `auditor actor --json`."""
        findings = [finding_json(finding) for finding in self.report.findings]
        return {
            "schema": ACTOR_SCHEMA,
            "actor": self.actor_id,
            "stream": self.stream,
            "subject": self.subject,
            "verdict": self.report.verdict,
            "latest_version": self.latest_version,
            "events": [json.loads(encode_event(event)) for event in self.events_shown],
            "errors": [
                {
                    "seq": error.sequence_number,
                    "reason": error.error.reason,
                    "detail": error.error.detail,
                    "offset": error.error.offset,
                    "raw_base64": base64.b64encode(error.raw_data).decode(),
                }
                for error in self.result.errors
            ],
            "gaps": [finding for finding in findings if finding["kind"] in MISSING_VERSION_KINDS],
            "findings": [finding for finding in findings if finding["kind"] not in MISSING_VERSION_KINDS],
            "snapshot": self._snapshot_json(),
            "replay": self.replay,
            "reasoning": [{"about": step.about, "text": step.text, "command": step.command} for step in self.steps],
        }

    def _snapshot_json(self) -> dict[str, Any] | None:
        if self.snapshot is None:
            return None
        if isinstance(self.snapshot, MalformedSnapshotError):
            return {"error": str(self.snapshot)}
        return {"version": self.snapshot.version, "actorId": self.snapshot.actor_id}


def check_actor_id(actor_id: str) -> None:
    """Raise NotFoundError if Aether cannot read events of an actor with this id."""
    if reason := unreadable_id_reason(actor_id):
        raise NotFoundError(f"no actor can have this id: {reason}")


async def find_actor(app: App, audits: Sequence[AuditConfig], actor_id: str, from_version: int) -> ActorDetails:
    """The actor in the stream that has messages of it.

    Raises NotFoundError if no stream has any, AuditorError if several streams have, and the AuditorErrors of a request.
    """
    found: dict[str, ActorDetails] = {}
    for audit in audits:
        details = await inspect_actor(app, audit, actor_id, from_version)
        if details is not None and audit.stream not in (other.stream for other in found.values()):
            found[audit.name] = details
    if not found:
        streams = ", ".join(sorted({audit.stream for audit in audits}))
        raise NotFoundError(
            f'nothing is stored for actor "{actor_id}" in {streams}: check the id, it is case-sensitive'
        )
    if len(found) > 1:
        raise AuditorError(f'actor "{actor_id}" is in several audits, choose one with --audit: {", ".join(found)}')
    (details,) = found.values()
    return details


async def inspect_actor(app: App, audit: AuditConfig, actor_id: str, from_version: int) -> ActorDetails | None:
    """The actor in the stream of the audit; None if the stream has no message of it. Raises AuditorError."""
    alone = audit.model_copy(update={"actors": (actor_id,), "snapshots": True})
    # With the prefix but without a quarantine, findings name the keys of their records, and no record is written.
    prefix = app.config.quarantine.subject_prefix
    ports = replace(app.ports(alone, store=False), quarantine_prefix=prefix, state=None)
    report = await run_to_end(PassRequest(alone), ports)
    if not (report.messages.examined or report.messages.unreadable):
        return None
    # Findings without a subject are about other parts of the stream; those about this actor are causes of its gaps.
    own = tuple(finding for finding in report.findings if finding.subject is not None)
    report = replace(report, findings=own)
    store = JetStreamEventStore(app.client_for(audit), audit.stream, audit.layout)
    try:
        snapshot: ActorSnapshot | MalformedSnapshotError | None = await store.get_latest_snapshot(actor_id)
    except SnapshotNotFoundError:
        snapshot = None
    except MalformedSnapshotError as error:
        snapshot = error
    return ActorDetails(
        actor_id=actor_id,
        stream=audit.stream,
        layout=audit.layout,
        result=await store.get_events_with_errors(actor_id),
        from_version=from_version,
        latest_version=await store.get_latest_version(actor_id),
        snapshot=snapshot,
        report=report,
    )
