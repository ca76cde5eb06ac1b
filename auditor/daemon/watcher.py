"""Updates readiness, stream info, the state of the connection and the expiry of its credentials in the status."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from auditor.core.model.passes import Mode
from auditor.daemon.deadlines import before_first
from auditor.errors import AuditorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from auditor.config import AuditConfig
    from auditor.daemon.ports import App
    from auditor.service.status import ServiceStatus

log = structlog.get_logger()

CONNECTION_POLL_SECONDS = 1.0
"""The time between two checks of the connection."""

STREAM_INFO_SECONDS = 15.0
"""The longest age of stream info, and so of the metric unaudited_messages."""


class StreamWatcher:
    """Reads the info of every audited stream at intervals, on request, and after the connection was restored."""

    def __init__(
        self, audits: Sequence[AuditConfig], app: App, status: ServiceStatus, start_ns: Callable[[], int]
    ) -> None:
        """`start_ns` returns when the daemon started, nanoseconds since 1970, by the present system clock."""
        self._audits = audits
        self._app = app
        self._status = status
        self._start_ns = start_ns
        self._connected = True
        self._requested = asyncio.Event()
        self._refreshed_seconds = -STREAM_INFO_SECONDS

    def request_refresh(self) -> None:
        """Refresh at the next check, which follows at once if there is a connection."""
        self._requested.set()

    async def watch(self) -> None:
        """Check until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self.check(loop.time())
            with suppress(TimeoutError):
                async with asyncio.timeout(CONNECTION_POLL_SECONDS):
                    # Without a connection there is no answer to a request, so it must not end the wait.
                    await (self._requested if self._connected else asyncio.Event()).wait()

    async def check(self, now_seconds: float) -> None:
        """Log a change of the connection. Refresh if that was requested, or is due at `now_seconds` of a monotonic clock."""
        for audit in self._audits:  # a long pass saves checkpoints while it runs
            self._status.audits[audit.name].saved_ns = self._app.state_store(audit).saved_ns
        if self._app.client.is_connected is not self._connected:
            self._connected = not self._connected
            if self._connected:
                log.info("connected again")
            else:
                log.warning("connection lost", reason=self._app.client.last_error_text)
            self._requested.set()
        due = now_seconds - self._refreshed_seconds >= STREAM_INFO_SECONDS
        if self._connected and (due or self._requested.is_set()):
            self._requested.clear()
            self._refreshed_seconds = now_seconds
            await self.refresh()

    async def refresh(self) -> None:
        """Read the info of every audited stream, and when the credentials expire. The daemon is ready if all streams were read."""
        problem = None
        self._status.credentials_expire_s = self._app.client.credentials_expire_s()
        for audit in self._audits:
            status = self._status.audits[audit.name]
            try:
                stream = await self._app.source(audit).info()
            except AuditorError as error:
                problem = problem or str(error)
                continue
            status.set_stream_info(stream)
            if status.report is None:
                status.due_ns[Mode.FULL] = before_first(audit, self._start_ns(), stream.messages)
        if problem and problem != self._status.problem:
            log.warning("not ready", reason=problem)
        self._status.problem = problem
