"""The command as a user has it: a process of its own, a configuration file, a real server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from auditor.config import NatsConfig
from auditor.demo.server import EmbeddedServer
from auditor.demo.stream import fill
from auditor.jetstream.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.canary.damage import Planted
    from auditor.jetstream.client import Client

PATIENCE = 30.0
CONF = Path(__file__).parents[2] / "deploy" / "nats" / "auditor.conf"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """The one line that it told a person, and nothing else: no result, no traceback."""
        assert self.out == ""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("auditor: "), self.err
        return self.err


async def begin(*arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "auditor",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning", **environ},
    )


async def end(process: asyncio.subprocess.Process) -> Ended:
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def auditor(*arguments: str, **environ: str) -> Ended:
    """Run `auditor` with these arguments to its end."""
    return await end(await begin(*arguments, **environ))


def configured(folder: Path, url: str, audit: str = "", more: str = "") -> str:
    """A configuration file for the stream ORDERS; its path."""
    path = folder / "auditor.yaml"
    audit = f", {audit}" if audit else ""
    path.write_text(f'nats: {{servers: ["{url}"]}}\naudits: [{{name: orders, stream: ORDERS{audit}}}]\n{more}')
    return str(path)


@pytest.fixture
async def admin(server: EmbeddedServer) -> AsyncIterator[Client]:
    client = await connect(NatsConfig(servers=(server.url,)))
    yield client
    await client.close()


@pytest.fixture
async def planted(server: EmbeddedServer, admin: Client) -> tuple[Planted, ...]:
    """The demo's damaged stream on the server."""
    return await fill(admin)


@pytest.fixture
def config(server: EmbeddedServer, tmp_path: Path) -> str:
    return configured(tmp_path, server.url)


async def streams(admin: Client) -> set[str]:
    answer = json.loads((await admin.request("$JS.API.STREAM.NAMES", b"")).data)
    return set(answer["streams"] or ())


class Guarded:
    """A server with the configuration that is shipped, and the demo's damaged stream."""

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self.server = server
        self._folder = folder

    def config(self, user: str, more: str = "") -> str:
        password = "first" if user == "administrator" else "second"
        path = self._folder / f"{user}.yaml"
        path.write_text(
            f'nats: {{servers: ["{self.server.url}"], user: {user}, password: {password}}}\n'
            f"audits: [{{name: orders, stream: ORDERS, schedule: {{every: 200ms}}, full_pass_every: 200ms}}]\nhttp: {{listen: '127.0.0.1:0'}}\n{more}"
        )
        return str(path)


@pytest.fixture
async def guarded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Guarded]:
    monkeypatch.setenv("ADMINISTRATOR_PASSWORD", "first")
    monkeypatch.setenv("AUDITOR_PASSWORD", "second")
    async with EmbeddedServer(config=CONF.read_text()) as server:
        client = await connect(NatsConfig(servers=(server.url,), user="administrator", password="first"))
        await fill(client)
        yield Guarded(server, tmp_path)
        await client.close()
        server.kill()
