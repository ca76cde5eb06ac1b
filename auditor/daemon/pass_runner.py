"""Runs one pass and reports it to the status of its audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from auditor.daemon.deadlines import after_pass
from auditor.errors import AuditorError
from auditor.scan.request import PassRequest
from auditor.scan.run import Yielded
from auditor.units import NANOSECONDS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from auditor.config import AuditConfig
    from auditor.core.report.pass_report import PassReport
    from auditor.daemon.pass_queue import Job
    from auditor.daemon.ports import App
    from auditor.service.status import ServiceStatus

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Completed:
    """The pass reached its end."""

    report: PassReport


@dataclass(frozen=True, slots=True)
class Failed:
    """The pass did not reach its end."""

    reason: str
    """One line."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The pass ended early because the daemon stops. Its report is incomplete and is dropped."""


PassResult = Completed | Yielded | Failed | Interrupted


class PassRunner:
    """Runs passes of the configured audits, one for each call of `run`."""

    def __init__(
        self,
        audits: Iterable[AuditConfig],
        app: App,
        status: ServiceStatus,
        stopping: asyncio.Event,
        clock: Callable[[], int],
    ) -> None:
        """`stopping` interrupts a running pass; `clock` returns nanoseconds since 1970."""
        self._audits = {audit.name: audit for audit in audits}
        self._app = app
        self._status = status
        self._stopping = stopping
        self._clock = clock

    async def run(self, job: Job, should_yield: Callable[[], bool]) -> PassResult:
        """Run one pass. Never raises, except when cancelled.

        `should_yield` is called at each checkpoint of a full pass, and returns whether the pass should stop there.
        """
        audit, status = self._audits[job.name], self._status.audits[job.name]
        request = PassRequest(audit, job.start_from, should_yield=should_yield, interrupt=self._stopping)
        status.pass_started(request.progress)
        result = await self._result(request)
        status.saved_ns = self._app.state_store(audit).saved_ns
        match result:
            case Completed(report):
                self._report(audit, report)
            case Yielded(reached, quarantine):
                status.pass_yielded(quarantine)
                log.info("full pass paused", audit=audit.name, seq=reached)
            case Failed(reason):
                status.pass_failed(reason)
        return result

    async def _result(self, request: PassRequest) -> PassResult:
        try:
            result = await self._app.run_pass(request)
        except AuditorError as error:
            return Failed(str(error))
        except Exception as error:  # noqa: BLE001 - a bug in one pass must not end the daemon
            return Failed(f"internal error ({type(error).__name__})")  # its text may hold payload values
        if isinstance(result, Yielded):
            return result
        return Interrupted() if self._stopping.is_set() else Completed(result)

    def _report(self, audit: AuditConfig, report: PassReport) -> None:
        status = self._status.audits[audit.name]
        status.pass_completed(report)
        if status.next_pass_ns is not None:
            # A failed pass changes no deadline, so that the pass becomes overdue.
            status.due_ns.update(after_pass(audit, report, status.took_ns, status.next_pass_ns, self._clock()))
        log.info(
            "pass completed",
            audit=audit.name,
            mode=report.mode,
            verdict=report.verdict,
            seconds=round((report.finished_ns - report.started_ns) / NANOSECONDS, 3),
            examined=report.messages.examined,
            findings=sum(report.findings_total.values()),
            incomplete=report.incomplete,
        )
