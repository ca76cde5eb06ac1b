"""In-memory audits of a daemon."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from auditor.canary.match import MatchResult
from auditor.config import AuditConfig, Config, Duration
from auditor.core.model.actor_types import ActorTypes
from auditor.operations.selftest import SelfTest
from auditor.scan.ports import PassPorts
from auditor.scan.reporting import last_report
from auditor.scan.request import PassRequest
from auditor.scan.run import Yielded, run_pass
from auditor.service.status import ServiceStatus
from tests.core.stories import event
from tests.ports.in_memory import InMemorySource, InMemoryStateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.core.history.audit_history import LoadedHistory
    from auditor.core.history.saved_state import EncodedState
    from auditor.core.model.message import StreamInfo
    from auditor.core.report.pass_report import PassReport
    from auditor.errors import AuditorError
    from auditor.scan.request import StartFrom

NOW = 1_700_000_000_000_000_000
ORDER = "S.events.order.order-1"
GOOD = [(ORDER, event("order-1", version)) for version in range(1, 8)]
HEALTHY = SelfTest(MatchResult((), ()))


def audits(*names: str, **settings: object) -> tuple[AuditConfig, ...]:
    return tuple(AuditConfig(name=name, stream="S", **settings) for name in names)


def config(*names: str, **settings: object) -> Config:
    """Each audit runs once, at the start, unless the settings say otherwise."""
    schedule = {"schedule": {"every": Duration(3_600 * 10**9)}}
    return Config(audits=audits(*names, **(schedule | settings)), http={"listen": "127.0.0.1:0"})


def status_of(*names: str) -> ServiceStatus:
    return ServiceStatus("1.2.3", audits(*names))


class Client:
    """A connection without a server."""

    def __init__(self) -> None:
        self.is_connected = True
        self.last_error_text = ""
        self.closed = False
        self.expire_s: int | None = None
        self.on_close = asyncio.Event()
        """If cleared, `close` never returns."""
        self.on_close.set()

    def credentials_expire_s(self) -> int | None:
        return self.expire_s

    async def close(self) -> None:
        await self.on_close.wait()
        self.closed = True


class Stream(InMemorySource):
    """A stream whose info can be refused, and whose walks can be made to wait."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.pinned = 0
        self.refuses: Exception | None = None
        self.walking = asyncio.Event()
        """Set when a walk begins."""
        self.goes_on = asyncio.Event()
        """If cleared, walks wait before their first message."""
        self.goes_on.set()

    async def info(self, *, lost: bool = False) -> StreamInfo:
        self.pinned += 1
        if self.refuses is not None:
            raise self.refuses
        return await super().info(lost=lost)

    async def read(self, *args: object, **kwargs: object):
        self.walking.set()
        await self.goes_on.wait()
        async for batch in super().read(*args, **kwargs):
            yield batch


class StateStore(InMemoryStateStore):
    """Saved state with the time when it was saved."""

    def __init__(self) -> None:
        super().__init__()
        self.saved_ns: int | None = None
        self.unreadable: AuditorError | None = None

    async def load_history(self) -> LoadedHistory:
        if self.unreadable is not None:
            raise self.unreadable
        return await super().load_history()

    async def save(self, encoded: EncodedState) -> None:
        await super().save(encoded)
        self.saved_ns = NOW


class InMemoryApp:
    """The `App` of auditor/daemon/ports.py."""

    def __init__(self, streams: Mapping[str, Stream], clock: Callable[[], int] | None = None) -> None:
        self.client = Client()
        self.streams = streams
        self.stores = {name: StateStore() for name in streams}
        self.refuses_own_streams: AuditorError | None = None
        self.canary: SelfTest | Exception | asyncio.Event = HEALTHY
        """What the self-test returns, raises, or waits for."""
        self.self_tests = 0
        self.passes: list[tuple[str, StartFrom]] = []
        ticks = count(NOW)
        self.clock = clock or (lambda: next(ticks))

    def source(self, audit: AuditConfig) -> Stream:
        return self.streams[audit.name]

    def state_store(self, audit: AuditConfig) -> StateStore:
        return self.stores[audit.name]

    async def run_pass(self, request: PassRequest) -> PassReport | Yielded:
        self.passes.append((request.audit.name, request.start_from))
        return await run_pass(request, self._ports(request.audit))

    async def last_report(self, audit: AuditConfig) -> PassReport | None:
        return await last_report(PassRequest(audit), self._ports(audit))

    def _ports(self, audit: AuditConfig) -> PassPorts:
        return PassPorts(
            self.streams[audit.name], None, None, self.stores[audit.name], ActorTypes(), self.clock, self.clock
        )

    async def ensure_own_streams(self) -> None:
        if self.refuses_own_streams is not None:
            raise self.refuses_own_streams

    async def audit_canary(self, interrupted: asyncio.Event) -> SelfTest:
        self.self_tests += 1
        if isinstance(self.canary, asyncio.Event):
            await self.canary.wait()
            return HEALTHY
        if isinstance(self.canary, Exception):
            raise self.canary
        return self.canary
