"""Protocols of what the daemon uses: the audits, their saved state and the connection to NATS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from auditor.service.status import Connection

if TYPE_CHECKING:
    import asyncio

    from auditor.config import AuditConfig
    from auditor.core.history.audit_history import LoadedHistory
    from auditor.core.report.pass_report import PassReport
    from auditor.operations.selftest import SelfTest
    from auditor.scan.ports import Source
    from auditor.scan.request import PassRequest
    from auditor.scan.run import Yielded


class Client(Connection, Protocol):
    """A connection to NATS that reconnects without a call."""

    def credentials_expire_s(self) -> int | None:
        """When the JWT of the connection's user expires, in seconds since 1970; None if it does not, or if that is not known."""

    async def close(self) -> None:
        """Close the connection. May wait for the server."""


class StateStore(Protocol):
    """The saved state of one audit."""

    @property
    def saved_ns(self) -> int | None:
        """When state was last saved, nanoseconds since 1970; None if none is saved, or before the first `load_history`."""

    async def load_history(self) -> LoadedHistory:
        """Read what was saved last. Raises AuditorError."""


class App(Protocol):
    """The configured audits, on one connection."""

    @property
    def client(self) -> Client:
        """The connection."""

    def source(self, audit: AuditConfig) -> Source:
        """The audited stream."""

    def state_store(self, audit: AuditConfig) -> StateStore:
        """The saved state; always the same object for an audit."""

    async def run_pass(self, request: PassRequest) -> PassReport | Yielded:
        """Run one pass. Raises AuditorError if the stream or the saved state cannot be read."""

    async def last_report(self, audit: AuditConfig) -> PassReport | None:
        """The report of the last completed pass, made from what is saved; None if none is saved. Raises AuditorError."""

    async def ensure_own_streams(self) -> None:
        """Create the quarantine stream and the state stream if they are absent.

        Raises QuarantineStreamError or StateError for a stream that cannot be used safely, other AuditorErrors if a request fails.
        """

    async def audit_canary(self, interrupted: asyncio.Event) -> SelfTest:
        """Audit the canary until `interrupted` is set. Raises StreamNotFoundError without a canary, other AuditorErrors."""
