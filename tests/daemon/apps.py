"""In-memory audits of a daemon."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from auditor.canary.match import MatchResult
from auditor.config import AuditConfig, Config, Duration
from auditor.core.model.actor_types import ActorTypes
from auditor.operations.selftest import SelfTest
from auditor.scan.plan import StartFrom
from auditor.scan.run import Pass
from auditor.service.status import ServiceStatus
from tests.core.stories import event
from tests.ports.in_memory import InMemorySource, InMemoryStateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auditor.core.model.message import StreamState
    from auditor.core.state.checkpoint import EncodedState
    from auditor.errors import AuditorError

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
        self.trouble = ""
        self.closed = False
        self.on_close = asyncio.Event()
        """If cleared, `close` never returns."""
        self.on_close.set()

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

    async def info(self) -> StreamState:
        self.pinned += 1
        if self.refuses is not None:
            raise self.refuses
        return await super().info()

    async def walk(self, *args: object, **kwargs: object):
        self.walking.set()
        await self.goes_on.wait()
        async for batch in super().walk(*args, **kwargs):
            yield batch


class StateStore(InMemoryStateStore):
    """Saved state with the time when it was saved."""

    def __init__(self) -> None:
        super().__init__()
        self.saved_ns: int | None = None
        self.unreadable: AuditorError | None = None

    async def open(self):
        if self.unreadable is not None:
            raise self.unreadable
        return await super().open()

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

    def keeper(self, audit: AuditConfig) -> StateStore:
        return self.stores[audit.name]

    def new_pass(self, audit: AuditConfig, *, reading: StartFrom = StartFrom.AUTO) -> Pass:
        self.passes.append((audit.name, reading))
        types, stream, store = ActorTypes(), self.streams[audit.name], self.stores[audit.name]
        return Pass(audit, stream, None, None, types, self.clock, store, reading)

    async def check_own_streams(self) -> None:
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
