"""Runs the command as a user does: as a process, with a configuration file and a real server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from auditor.config import NatsConfig
from auditor.demo.stream import fill_stream
from auditor.embedded_server import EmbeddedServer
from auditor.jetstream.connection.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from auditor.canary.damage import Damage
    from auditor.jetstream.connection.client import Client

COMMAND = (sys.executable, "-m", "auditor")
TIMEOUT_SECONDS = 30.0
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
        """The only output: one line of error, without a result or a traceback."""
        assert self.out == ""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("auditor: "), self.err
        return self.err


async def begin(*arguments: str, **environ: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning", **environ},
    )


async def end(process: asyncio.subprocess.Process) -> Ended:
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def auditor(*arguments: str, **environ: str) -> Ended:
    """Run `auditor` with these arguments to its end."""
    return await end(await begin(*arguments, **environ))


def configured(folder: Path, url: str, audit: str = "", more: str = "") -> str:
    """Write a configuration file for the stream ORDERS, and return its path."""
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
async def seeded(server: EmbeddedServer, admin: Client) -> tuple[Damage, ...]:
    """The damaged stream of the demo, stored on the server."""
    return await fill_stream(admin)


@pytest.fixture
def config(server: EmbeddedServer, tmp_path: Path) -> str:
    return configured(tmp_path, server.url)


async def streams(admin: Client) -> set[str]:
    answer = json.loads((await admin.request("$JS.API.STREAM.NAMES", b"")).data)
    return set(answer["streams"] or ())


def totals(seeded: tuple[Damage, ...]) -> dict[str, int]:
    """How many findings of each kind there are when all seeded damage is found, and nothing else."""
    return dict(Counter(finding.kind for damage in seeded for finding in damage.expected))


class Way(NamedTuple):
    """One way of authentication."""

    server: str
    """The server's settings."""
    users: dict[str, dict[str, Any]]
    """The settings of each user's configuration, except the server's address."""


def by_password() -> Way:
    passwords = {"administrator": "first", "auditor": "second", "auditor-creates": "second"}
    return Way(CONF.read_text(), {user: {"user": user, "password": password} for user, password in passwords.items()})


class Guarded(NamedTuple):
    """A server with the damaged stream of the demo, whose users have exactly the permissions of deploy/nats."""

    server: EmbeddedServer
    users: dict[str, dict[str, Any]]
    seeded: tuple[Damage, ...]
    folder: Path

    def config(self, user: str, more: str = "") -> str:
        path = self.folder / f"{user}.yaml"
        path.write_text(
            f"nats: {json.dumps({'servers': [self.server.url], **self.users[user]})}\n"
            "audits: [{name: orders, stream: ORDERS, schedule: {every: 200ms}, full_pass_every: 200ms}]\n"
            f"http: {{listen: '127.0.0.1:0'}}\n{more}"
        )
        return str(path)


@pytest.fixture
async def guarding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Callable[[Way], Awaitable[Guarded]]]:
    monkeypatch.setenv("ADMINISTRATOR_PASSWORD", "first")
    monkeypatch.setenv("AUDITOR_PASSWORD", "second")
    async with AsyncExitStack() as until_the_end:

        async def guard(way: Way) -> Guarded:
            server = await until_the_end.enter_async_context(EmbeddedServer(config=way.server))
            until_the_end.callback(server.kill)
            client = await connect(NatsConfig(servers=(server.url,), **way.users["administrator"]))
            seeded = await fill_stream(client)
            await client.close()
            return Guarded(server, way.users, seeded, tmp_path)

        yield guard


@pytest.fixture
async def guarded(guarding: Callable[[Way], Awaitable[Guarded]]) -> Guarded:
    return await guarding(by_password())
