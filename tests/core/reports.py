"""Reports of small streams, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.message import NO_LOSS, Loss
from auditor.core.model.passes import Mode, PassFacts, SeqRange
from auditor.core.model.range_account import RangeAccount
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.replicas.result import NO_REPLICAS, ReplicaResult
from auditor.core.report.build import ReportSettings, build_report
from auditor.core.state.acceptance import AcceptedFindings
from auditor.core.state.checkpoint import Checkpoint
from auditor.core.state.examiner import AuditedStream, Examiner
from tests.core.stories import message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.core.model.findings import Incident, Kind
    from auditor.core.report.pass_report import PassReport
    from auditor.core.state.acceptance import Acceptance
    from auditor.core.state.examiner import AuditState

NOW = 1_800_000_000_000_000_000


RANGES = {"configured_first_seq", "removed", "deleted", "unreadable", "deleted_after_read", "subject_counts"}
"""Fields of the checkpoint. The other fields are those of the account or of the pass."""
ACCOUNT = {"first_seq", "unread"}


def report_on(
    state: AuditState,
    last_seq: int,
    *,
    types: ActorTypes | None = None,
    settings: ReportSettings = ReportSettings(),  # noqa: B008 - frozen
    accepted: Mapping[Kind, Acceptance] | None = None,
    incidents: Sequence[Incident] = (),
    lost: Loss = NO_LOSS,
    unexplained_start: str = "",
    copies: ReplicaResult = NO_REPLICAS,
    **fields: object,
) -> PassReport:
    """Return the report of a full pass up to `last_seq`. `fields` are set in its checkpoint, account and facts."""
    whole = SeqRange(1, last_seq)
    facts = {"mode": Mode.FULL, "range": whole, "read": whole, "started_ns": NOW - 2 * 10**9, "finished_ns": NOW}
    ranges = {name: value for name, value in fields.items() if name in RANGES}
    account = {name: value for name, value in fields.items() if name in ACCOUNT}
    facts |= {name: value for name, value in fields.items() if name not in RANGES | ACCOUNT}
    checkpoint = Checkpoint(stream="S", created_ns=0, subjects=("S.>",), state=state, next_seq=last_seq + 1, **ranges)
    return build_report(
        "orders",
        checkpoint,
        PassFacts(**facts),
        RangeAccount(**account),
        settings,
        types or ActorTypes(),
        accepted=AcceptedFindings((accepted or {}).values()),
        incidents=incidents,
        lost=lost,
        unexplained_start=unexplained_start,
        copies=copies,
    )


def report(*stored: tuple[str | bytes, bytes], types: ActorTypes | None = None, **fields: object) -> PassReport:
    """Return the report of a full pass over these messages."""
    examiner = Examiner(AuditedStream("S", 0, "aether.quarantine"), SubjectFilter(["S.>"]), detail_limit=1000)
    for seq, (subject, data) in enumerate(stored, 1):
        examiner.examine(message(seq, subject, data))
    return report_on(examiner.state, len(stored), types=types, **fields)
