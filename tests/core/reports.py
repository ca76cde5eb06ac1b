"""Reports of small streams, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.core.model.actor_types import ActorTypes
from auditor.core.model.message import StreamState
from auditor.core.model.passes import SeqRange
from auditor.core.model.range_account import Walked
from auditor.core.model.subject_filter import SubjectFilter
from auditor.core.report.build import ReportSettings, build_report
from auditor.core.state.examiner import AuditedStream, Examiner
from tests.core.stories import message

if TYPE_CHECKING:
    from auditor.core.report.pass_report import PassReport

NOW = 1_800_000_000_000_000_000


def report(*stored: tuple[str | bytes, bytes], types: ActorTypes | None = None, **walked: object) -> PassReport:
    audit = Examiner(AuditedStream("S", 0, "aether.quarantine"), SubjectFilter(["S.>"]), detail_limit=1000)
    for seq, (subject, data) in enumerate(stored, 1):
        audit.examine(message(seq, subject, data))
    pinned = StreamState("S", 0, 1, len(stored), len(stored), 0)
    facts = Walked(pinned=pinned, read=SeqRange(1, len(stored)), started_ns=NOW - 2 * 10**9, finished_ns=NOW, **walked)
    return build_report("orders", audit.state, facts, ReportSettings(), types or ActorTypes())
