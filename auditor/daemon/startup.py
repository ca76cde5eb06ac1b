"""Steps from the start of the daemon to its first pass. The self-test also runs after each full pass."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

import auditor.app
from auditor.daemon.deadlines import after_pass
from auditor.errors import AuditorError, PermissionDeniedError, QuarantineStreamError, StateError, StreamNotFoundError
from auditor.jetstream.connection.client import connect
from auditor.operations.selftest import SelfTest, audit_canary
from auditor.retry_delay import RetryDelay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from auditor.config import AuditConfig, Config
    from auditor.core.report.pass_report import PassReport
    from auditor.daemon.ports import App
    from auditor.service.status import ServiceStatus

log = structlog.get_logger()

MIN_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 10.0
"""Bounds of the pause between two attempts to connect. The pause doubles with every attempt."""


class DaemonApp(auditor.app.App):
    """The audits of the daemon, and its self-test, on one connection to NATS."""

    __slots__ = ()

    async def audit_canary(self, interrupted: asyncio.Event) -> SelfTest:
        """Audit the canary and write nothing. Raises as `audit_canary`."""
        return await audit_canary(self, store=False, interrupted=interrupted)


async def open_app(config: Config) -> DaemonApp:
    """Connect once. Raises AuditorError."""
    return DaemonApp(config, await connect(config.nats))


async def connect_with_retries(
    open_once: Callable[[], Awaitable[App]],
    status: ServiceStatus,
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> App:
    """Connect, however often that fails. `pause` waits for the given seconds.

    A reason is logged when it differs from that of the attempt before, and shown as the reason why the daemon is not ready.
    """
    delay = RetryDelay(MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
    while True:
        try:
            return await open_once()
        except AuditorError as error:
            if str(error) != status.problem:
                log.warning("not connected, retrying", reason=str(error))
            status.problem = str(error)
        await pause(delay.next())


async def ensure_own_streams(app: App) -> None:
    """Create the quarantine stream and the state stream if they are absent.

    Raises QuarantineStreamError or StateError for a stream that cannot be used safely. Other errors are only logged: each pass
    tries again, and finds and reports problems without these streams.
    """
    try:
        await app.ensure_own_streams()
    except (QuarantineStreamError, StateError):
        raise
    except AuditorError as error:
        log.error("quarantine or state unavailable", reason=str(error))  # noqa: TRY400 - a traceback adds nothing


async def restore_status(app: App, audit: AuditConfig, status: ServiceStatus, now_ns: int) -> PassReport | None:
    """Show the report of the last pass that an earlier process saved, and return it; None if there is none.

    Saved state that cannot be read is logged.
    """
    shown = status.audits[audit.name]
    try:
        report = await app.last_report(audit)
        loaded = await app.state_store(audit).load_history()
    except AuditorError as error:
        log.warning("saved state not read", audit=audit.name, reason=str(error))
        return None
    finally:
        shown.saved_ns = app.state_store(audit).saved_ns
    if report is not None:
        shown.restore(report, {mode: times.finished_ns for mode, times in loaded.history.last_passes.items()})
        shown.due_ns.update(after_pass(audit, report, shown.took_ns, begins_ns=now_ns, now_ns=now_ns))
    return report


async def run_self_test(app: App, status: ServiceStatus, stopping: asyncio.Event) -> None:
    """Run the self-test and show whether it passed.

    Without a canary, or without the permission to read it, show no result.
    """
    try:
        tested = await app.audit_canary(stopping)
    except (StreamNotFoundError, PermissionDeniedError):
        status.selftest_ok = None
        return
    except AuditorError as error:
        ok, reason = False, str(error)
    except Exception as error:  # noqa: BLE001 - a failure to audit the canary is a failed self-test
        ok, reason = False, f"internal error ({type(error).__name__})"
    else:
        ok, reason = tested.ok, tested.problems
    if stopping.is_set():
        return  # the audit of the canary ended early
    status.selftest_ok = ok
    if not ok:
        log.error("self-test failed", reason=reason)
