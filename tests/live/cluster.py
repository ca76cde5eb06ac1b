"""A cluster of three servers."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from auditor.config import NatsConfig
from auditor.embedded_server import EmbeddedServer, reserved_port
from auditor.jetstream.connection.client import connect

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.jetstream.connection.client import Client

NAMES = ("one", "two", "three")
PATIENCE = 60.0
GLANCE = 0.1
NO_SUITABLE_PEERS = 10005
"""The error code of JetStream while a server that was just started counts as offline."""


class Cluster:
    """Runs while `async with` lasts."""

    def __init__(self, folder: Path) -> None:
        self._reserved = ExitStack()
        ports = [self._reserved.enter_context(reserved_port()) for _ in NAMES]
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
        self.servers: dict[str, EmbeddedServer] = {}
        for name, port in zip(NAMES, ports, strict=True):
            (folder / name).mkdir()
            config = f'server_name: {name}\ncluster {{name: c, listen: "127.0.0.1:{port}", routes: [{routes}]}}\n'
            self.servers[name] = EmbeddedServer(folder / name, config=config)

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(server.start() for server in self.servers.values()))
        await self.elected()
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self.servers.values():
            server.kill()
            await server.__aexit__()
        self._reserved.close()

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs of all servers, running or not."""
        return tuple(server.url for server in self.servers.values())

    async def connect(self) -> Client:
        """Connect to a server that runs."""
        return await connect(NatsConfig(servers=self.urls))

    async def elected(self) -> None:
        """Wait until the cluster has a meta leader."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    client = await self.connect()
                    try:
                        await self.api(client, "INFO")
                        return
                    finally:
                        await client.close()
                except Exception:  # noqa: BLE001 - any error means that the server does not answer yet
                    await asyncio.sleep(GLANCE)

    async def api(self, client: Client, subject: str, **body: Any) -> dict[str, Any]:
        """Repeat a request until it succeeds, because there may be no leader, or too few servers for a stream."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    answer = json.loads((await client.request(f"$JS.API.{subject}", json.dumps(body).encode())).data)
                except Exception:  # noqa: BLE001 - as above
                    answer = {"error": {"code": 503}}
                if "error" not in answer:
                    return dict(answer)
                error = answer["error"]
                assert error["code"] >= 500 or error.get("err_code") == NO_SUITABLE_PEERS, answer
                await asyncio.sleep(GLANCE)

    async def leader(self, client: Client, stream: str) -> str:
        """Return the name of the leader of `stream` once all replicas are up to date."""
        async with asyncio.timeout(PATIENCE):
            while True:
                cluster = (await self.api(client, f"STREAM.INFO.{stream}")).get("cluster", {})
                if cluster.get("leader") and all(each.get("current") for each in cluster.get("replicas", ())):
                    return str(cluster["leader"])
                await asyncio.sleep(GLANCE)
