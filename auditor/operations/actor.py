"""One actor, seen as Aether would replay it and as the audit judges it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auditor.aether import encode_event
from auditor.aether.store import MalformedSnapshotError, SnapshotNotFoundError
from auditor.aether.stream_layout import event_subject
from auditor.core.model.findings import MISSING_VERSION_KINDS, Kind, Severity
from auditor.core.report.actor_assessment import Replayability
from auditor.core.report.pass_report import finding_json
from auditor.jetstream.eventstore.store import JetStreamEventStore
from auditor.operations.explain_actor import LastSnapshot, Step, reasoning

if TYPE_CHECKING:
    from auditor.aether import ActorSnapshot, Event, ReplayResult
    from auditor.app import Auditor
    from auditor.config import AuditConfig
    from auditor.core.report.pass_report import PassReport

ACTOR_SCHEMA = "aether-auditor/actor/1"


@dataclass(frozen=True, slots=True)
class ActorDetails:
    """What there is of one actor in one stream."""

    actor_id: str
    stream: str
    result: ReplayResult
    """What `get_events_with_errors` gives, from the first version on."""
    from_version: int
    """Events up to this version are not shown."""
    latest_version: int
    snapshot: ActorSnapshot | MalformedSnapshotError | None
    """What `get_latest_snapshot` gives; None where there is none."""
    report: PassReport
    """Of an audit of this actor alone."""

    @property
    def subject(self) -> str:
        """Where its events are."""
        return event_subject(self.stream, self.actor_id)

    @property
    def replay(self) -> Replayability | None:
        """Whether replay brings it back right; None for an actor with snapshots only."""
        actors = self.report.actors
        if actors.broken:
            return Replayability.BROKEN
        if actors.replayable_from_snapshot:
            return Replayability.FROM_SNAPSHOT
        return Replayability.REPLAYABLE if actors.replayable else None

    @property
    def shown(self) -> list[Event]:
        """The events above `from_version`."""
        return [event for event in self.result.events if event.version > self.from_version]

    @property
    def reasoning(self) -> list[Step]:
        """Why it comes back right or does not."""
        versions = [event.version for event in self.result.events]
        return reasoning(versions, self._last_snapshot, self.report)

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
            "events": [json.loads(encode_event(event)) for event in self.shown],
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
            "reasoning": [{"about": step.about, "text": step.text, "command": step.command} for step in self.reasoning],
        }

    def _snapshot_json(self) -> dict[str, Any] | None:
        if self.snapshot is None:
            return None
        if isinstance(self.snapshot, MalformedSnapshotError):
            return {"error": str(self.snapshot)}
        return {"version": self.snapshot.version, "actorId": self.snapshot.actor_id}


async def inspect_actor(auditor: Auditor, audit: AuditConfig, actor_id: str, from_version: int) -> ActorDetails | None:
    """The actor as it is in the audit's stream; None if nothing is stored for it there. Raises AuditorError."""
    alone = audit.model_copy(update={"actors": (actor_id,), "snapshots": True})
    # Keys are named, and nothing is written.
    prefix = auditor.config.quarantine.subject_prefix
    this_pass = replace(auditor.new_pass(alone), quarantine=None, quarantine_prefix=prefix, keeper=None)
    report = await this_pass.run()
    if not (report.messages.examined or report.messages.unreadable):
        return None
    # What was deleted elsewhere in the stream says nothing of this actor; where it does, a hole has it as its cause.
    own = tuple(finding for finding in report.findings if finding.subject is not None)
    report = replace(report, findings=own)
    store = await JetStreamEventStore.open(auditor.client, audit.stream, create=False)
    try:
        snapshot: ActorSnapshot | MalformedSnapshotError | None = await store.get_latest_snapshot(actor_id)
    except SnapshotNotFoundError:
        snapshot = None
    except MalformedSnapshotError as error:
        snapshot = error
    return ActorDetails(
        actor_id=actor_id,
        stream=audit.stream,
        result=await store.get_events_with_errors(actor_id),
        from_version=from_version,
        latest_version=await store.get_latest_version(actor_id),
        snapshot=snapshot,
        report=report,
    )
