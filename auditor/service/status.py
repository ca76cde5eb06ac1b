"""Holds what the daemon knows of its audits. The daemon sets it; /metrics, /api/status and the page show it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from auditor.core.model.findings import SPECS, Kind, Severity
from auditor.core.model.passes import Mode, Outcome, Verdict
from auditor.units import NANOSECONDS, format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from auditor.config import AuditConfig, ScheduleConfig
    from auditor.core.model.message import StreamInfo
    from auditor.core.model.passes import Progress
    from auditor.core.model.quarantine_entry import QuarantineResult
    from auditor.core.report.pass_report import PassReport

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATUS_SCHEMA = "aether-auditor/status/1"
FAILED = "failed"
"""Stands for the verdict of a pass that failed."""

DURATION_BUCKETS = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
"""Upper bounds in seconds, from an incremental pass with nothing new to a pass of a day."""


@dataclass(slots=True)
class Durations:
    """A histogram of the durations of passes."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(DURATION_BUCKETS) + 1))
    """Passes by bucket. The last bucket is for those above all bounds."""
    total: float = 0.0
    """The sum of all durations in seconds."""

    def observe(self, seconds: float) -> None:
        """Count a pass that took so many seconds."""
        self.counts[bisect_left(DURATION_BUCKETS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class AuditStatus:
    """The status of one audit."""

    name: str
    stream: str
    schedule: ScheduleConfig
    report: PassReport | None = None
    """The report of the last completed pass; None before the first."""
    running: Progress | None = None
    """The progress of the pass that runs; None if none runs."""
    last_failure: str | None = None
    """Why the last pass failed, in one line; None if it completed."""
    completed_ns: dict[Mode, int] = field(default_factory=dict)
    """When the last pass of each mode completed, nanoseconds since 1970."""
    due_ns: dict[Mode, int] = field(default_factory=dict)
    """When the next pass of each mode should have completed, nanoseconds since 1970."""
    passes: Counter[tuple[Mode, str]] = field(default_factory=Counter)
    """Passes by mode, and by verdict or `failed`."""
    durations: dict[Mode, Durations] = field(default_factory=dict)
    """Durations of completed passes, by mode."""
    records: Counter[str] = field(default_factory=Counter)
    """Quarantine records by result."""
    stream_info: StreamInfo | None = None
    """Stream info. It is at most 15 seconds old while the server answers."""
    saved_ns: int | None = None
    """When the state of the audit was last saved, nanoseconds since 1970."""
    next_pass_ns: int | None = None
    """When the next pass begins, nanoseconds since 1970; None if none is scheduled."""
    took_ns: dict[Mode, int] = field(default_factory=dict)
    """How long the last completed pass of each mode took, nanoseconds."""
    _examined: Counter[Outcome] = field(default_factory=Counter)
    _bytes: int = 0

    def restore(self, report: PassReport, completed_ns: Mapping[Mode, int]) -> None:
        """Set the last report and the times of the last passes from before a restart."""
        self.report = report
        self.took_ns[report.mode] = report.finished_ns - report.started_ns
        self.completed_ns.update(completed_ns)

    def pass_started(self, progress: Progress) -> None:
        """Note that a pass begins. The pass updates `progress` while it runs."""
        progress.mode = Mode.FULL if self.report is None else Mode.INCREMENTAL
        self.running = progress

    def pass_completed(self, report: PassReport) -> None:
        """Note that a pass completed."""
        self._end()
        self.last_failure = None
        self.report = report
        self.completed_ns[report.mode] = report.finished_ns
        self.passes[report.mode, report.verdict] += 1
        took_ns = self.took_ns[report.mode] = report.finished_ns - report.started_ns
        self.durations.setdefault(report.mode, Durations()).observe(took_ns / NANOSECONDS)
        self._count(report.quarantine)

    def pass_failed(self, reason: str) -> None:
        """Note that a pass failed before it could submit a record, and the reason in one line."""
        mode = self.running.mode if self.running else Mode.FULL
        self._end()
        self.last_failure = reason
        self.passes[mode, FAILED] += 1

    def pass_yielded(self, result: QuarantineResult) -> None:
        """Note that a full pass paused, and what became of its records."""
        self._end()
        self._count(result)

    def set_stream_info(self, info: StreamInfo) -> None:
        """Set the stream info that the server has just reported."""
        self.stream_info = info

    @property
    def findings_report(self) -> PassReport | None:
        """The report that says what is found; None while nothing could be read, because a count of 0 would say that all is well."""
        report = self.report
        if report is not None and report.read_error is not None and not report.totals and not report.actors.seen:
            return None
        return report

    @property
    def read_problem(self) -> str | None:
        """Why the last pass could read nothing of the stream, in one line; None if it could."""
        error = self.report.read_error if self.report else None
        return None if error is None else f"stream {self.stream} cannot be read: {error}"

    @property
    def next_pass(self) -> datetime | None:
        """`next_pass_ns` in UTC."""
        return None if self.next_pass_ns is None else EPOCH + timedelta(microseconds=self.next_pass_ns // 1_000)

    @property
    def examined(self) -> Counter[Outcome]:
        """Messages examined since the start of the daemon, by outcome, those of the running pass included."""
        return self._examined + Counter(self.running.outcomes if self.running else {})

    @property
    def bytes_examined(self) -> int:
        """Payload bytes examined since the start of the daemon, those of the running pass included."""
        return self._bytes + (self.running.bytes if self.running else 0)

    @property
    def unaudited_messages(self) -> int | None:
        """Messages stored after the last audited sequence; None before the first completed pass."""
        if self.report is None or self.stream_info is None:
            return None
        return max(0, self.stream_info.last_seq - self.report.range.last_seq)

    def to_json(self) -> dict[str, Any]:
        """Returns one entry of `audits` in /api/status."""
        report = self.report.to_json() if self.report else {"name": self.name, "stream": self.stream, "verdict": None}
        due = self.next_pass
        running = None
        if self.running is not None:
            progress = self.running
            running = {"mode": progress.mode, "progress": progress.ratio, "seq": progress.seq}
        return {
            **report,
            "schedule": self.schedule.model_dump(mode="json"),
            "next_pass": due.isoformat() if due else None,
            "running": running,
            "failure": self.last_failure,
            "completed_at": format_rfc3339(self.report.finished_ns) if self.report else None,
            "unaudited_messages": self.unaudited_messages,
        }

    def _count(self, result: QuarantineResult) -> None:
        self.records.update(stored=result.stored, already_stored=result.already_stored, failed=result.failed)

    def _end(self) -> None:
        self._examined, self._bytes, self.running = self.examined, self.bytes_examined, None


class Connection(Protocol):
    """The connection to NATS, as the status needs it."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection is established."""

    @property
    def last_error_text(self) -> str:
        """The last error of the connection; empty if there was none."""


class ServiceStatus:
    """The status of the daemon: its connection, its self-test and its audits."""

    def __init__(self, version: str, audits: Iterable[AuditConfig]) -> None:
        self.version = version
        self.problem: str | None = "not connected to NATS yet"
        """Why the daemon is not ready, in one line; None if it is."""
        self.connection: Connection | None = None
        """None before the first connection."""
        self.credentials_expire_s: int | None = None
        """When the JWT in `nats.credentials_file` expires, seconds since 1970; None if it does not, or if that is not known."""
        self.selftest_ok: bool | None = None
        """Whether the last self-test found exactly the damage in the canary; None if there is no canary."""
        self.audits = {audit.name: AuditStatus(audit.name, audit.stream, audit.schedule) for audit in audits}

    @property
    def nats_connected(self) -> bool:
        """Whether the daemon is connected to NATS."""
        return self.connection is not None and self.connection.is_connected

    @property
    def not_ready(self) -> str | None:
        """Why the daemon is not ready, in one line; None if it is."""
        if self.connection is None or self.nats_connected:
            return self.problem or next(filter(None, (audit.read_problem for audit in self.audits.values())), None)
        return f"the connection to NATS is lost: {self.connection.last_error_text or 'no answer'}"

    @property
    def verdict(self) -> str | None:
        """The worst verdict of all audits; None if one audit has none yet and no other is corrupt."""
        verdicts = [audit.report.verdict if audit.report else None for audit in self.audits.values()]
        for verdict in (Verdict.CORRUPT, None, Verdict.INCONCLUSIVE):
            if verdict in verdicts:
                return verdict
        return Verdict.CLEAN

    def to_json(self) -> dict[str, Any]:
        """Returns the object of /api/status."""
        return {
            "schema": STATUS_SCHEMA,
            "version": self.version,
            "verdict": self.verdict,
            "ready": self.not_ready is None,
            "reason": self.not_ready,
            "nats_connected": self.nats_connected,
            "selftest_ok": self.selftest_ok,
            "audits": [audit.to_json() for audit in self.audits.values()],
        }


def all_kind_severities() -> list[tuple[Kind, Severity]]:
    """Returns every kind of finding with every severity that it can have."""
    return [(each.kind, severity) for each in SPECS for severity in each.severities]
