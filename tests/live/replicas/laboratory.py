"""Replicated streams with known content, on three servers whose files a test can damage."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from auditor.app import App
from auditor.config import AuditConfig, Config, NatsConfig, QuarantineConfig, StateConfig
from auditor.errors import AuditorError
from auditor.scan.request import PassRequest, StartFrom
from tests.core.stories import event
from tests.live.cluster import GLANCE, NAMES, PATIENCE, Cluster
from tests.live.laboratory import actor_at, mark, version_at
from tests.live.raw import Publication, publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from auditor.core.report.pass_report import PassReport
    from auditor.jetstream.connection.client import Client

MEDIUM_BLOCKS = 30 * 2**20
"""With such a `max_bytes`, nats-server makes block files of 4 MB instead of 8 MB."""
ELECTION_SECONDS = 4.0
"""After an election, the wished leader may take over from the elected one this much later."""
ACCOUNT = "$G"
SYSTEM_ACCOUNT = "$SYS"


def event_at(stream: str, seq: int, size: int = 80) -> Publication:
    """Return the event that the laboratory stores at `seq`: as in `tests.live.laboratory`, of a stream of any name."""
    actor = actor_at(seq)
    body = event(actor, version_at(seq), mark(seq).decode() + "." * size)
    return Publication(f"{stream}.events.order.{actor}".encode(), body)


class ReplicaLaboratory:
    """Several streams, each with three replicas unless said otherwise."""

    def __init__(self, cluster: Cluster, client: Client) -> None:
        self.cluster = cluster
        self.client = client

    async def create(self, stream: str, **settings: Any) -> None:
        """Create a stream and wait until all of its replicas are up to date."""
        config = {"name": stream, "subjects": [f"{stream}.>"], "storage": "file", "num_replicas": 3, **settings}
        await self.cluster.api(self.client, f"STREAM.CREATE.{stream}", **config)
        await self.cluster.leader(self.client, stream)

    async def store(self, stream: str, first: int, last: int, size: int = 80) -> None:
        """Store the events for these sequences, and wait until every replica is up to date."""
        await self.publish(event_at(stream, seq, size) for seq in range(first, last + 1))
        await self.leader(stream)

    async def publish(self, publications: Iterable[Publication]) -> None:
        """Return when the leader has stored the messages."""
        await publish(self.cluster.servers[self.running()].port, list(publications))

    async def update(self, stream: str, **settings: Any) -> None:
        """Change settings of a stream."""
        config = (await self.info(stream))["config"] | settings
        await self.cluster.api(self.client, f"STREAM.UPDATE.{stream}", **config)

    async def info(self, stream: str) -> dict[str, Any]:
        """Return stream info."""
        return await self.cluster.api(self.client, f"STREAM.INFO.{stream}")

    async def state(self, stream: str) -> dict[str, Any]:
        """Return the state of the stream as its leader reports it."""
        return dict((await self.info(stream))["state"])

    async def leader(self, stream: str) -> str:
        """Return the name of the leader once all replicas are up to date."""
        return await self.cluster.leader(self.client, stream)

    async def lead(self, stream: str, server: str) -> None:
        """Make `server` the leader. Takes 5 to 10 s after a restart. A nats-server below 2.11 refuses the wish, so this repeats it without."""
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(PATIENCE):
            while await self.leader(stream) != server:
                version = self.client.connected_server_version
                can_wish = (version.major, version.minor) >= (2, 11)
                wish = {"placement": {"preferred": server}} if can_wish else {}
                await self.cluster.api(self.client, f"STREAM.LEADER.STEPDOWN.{stream}", **wish)
                until = clock() + ELECTION_SECONDS
                while await self.leader(stream) != server and clock() < until:
                    await asyncio.sleep(GLANCE)

    async def raft_group(self, stream: str) -> str:
        """Return the name of the raft group, which every replica has."""
        return str((await self.info(stream))["cluster"]["raft_group"])

    def running(self) -> str:
        """Return a server that runs."""
        return next(name for name in NAMES if self.cluster.servers[name].pid is not None)

    def folder(self, server: str, stream: str) -> Path:
        """Return the folder in which a server keeps its replica."""
        return self.cluster.servers[server].folder / "jetstream" / ACCOUNT / "streams" / stream

    def raft_folder(self, server: str, group: str) -> Path:
        """Return the folder in which a server keeps the log of a raft group."""
        return self.cluster.servers[server].folder / "jetstream" / SYSTEM_ACCOUNT / "_js_" / group

    @asynccontextmanager
    async def stopped(self, server: str, *, killed: bool = False) -> AsyncIterator[None]:
        """Stop the server while the block runs, with SIGTERM or with SIGKILL, then start it and wait until it answers."""
        if killed:
            self.cluster.servers[server].kill()
        else:
            await self.cluster.servers[server].stop()
        try:
            yield
        finally:
            await self.cluster.servers[server].start()
            await self.client.wait_connected()
            await self.cluster.elected()

    @asynccontextmanager
    async def paused(self, server: str) -> AsyncIterator[None]:
        """Pause the process of the server while the block runs: its connections stay, and it answers nothing."""
        pid = self.cluster.servers[server].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def audit(self, stream: str, **settings: Any) -> AuditConfig:
        """Return an audit of the stream, which has the name of the stream as far as the name of an audit may."""
        return AuditConfig(name=stream.lower().replace("_", "-"), stream=stream, **settings)

    @asynccontextmanager
    async def auditor(self, audit: AuditConfig) -> AsyncIterator[App]:
        """Return an auditor that has just been started. Its own streams have three replicas."""
        config = Config(
            audits=(audit,),
            nats=NatsConfig(servers=self.cluster.urls),
            quarantine=QuarantineConfig(replicas=3),
            state=StateConfig(replicas=3),
        )
        client = await self.cluster.connect()
        try:
            auditor = App(config, client)
            await self._ensure_own_streams(auditor)
            yield auditor
        finally:
            await client.close()

    async def _ensure_own_streams(self, auditor: App) -> None:
        """Try until it succeeds: after a server was stopped, there may be no leader."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await auditor.ensure_own_streams()
                except AuditorError:
                    await asyncio.sleep(GLANCE)

    async def audited(self, stream: str, start: StartFrom = StartFrom.BEGINNING, **settings: Any) -> PassReport:
        """Return the report of one pass of an auditor that has just been started."""
        audit = self.audit(stream, **settings)
        async with self.auditor(audit) as auditor:
            return await auditor.run_to_end(PassRequest(audit, start))


@asynccontextmanager
async def replica_laboratory(folder: Path) -> AsyncIterator[ReplicaLaboratory]:
    """Return a laboratory without streams, whose servers end with the block."""
    async with Cluster(folder) as cluster:
        client = await cluster.connect()
        try:
            lab = ReplicaLaboratory(cluster, client)
            async with lab.auditor(lab.audit("ORDERS")):
                pass  # creates the auditor's own streams
            yield lab
        finally:
            await client.close()
