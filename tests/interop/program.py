"""The Go program of tests/interop/aether: built here, and spoken to a line at a time."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from auditor.aether import encode_event, encode_snapshot

if TYPE_CHECKING:
    from auditor.aether import ActorSnapshot, Event

SOURCES = Path(__file__).with_name("aether")
LIBRARIES = Path("/usr/share/gocode")
"""Where Debian's golang-github-nats-io-go-nats-dev puts nats.go."""
MAX_LINE = 1 << 28


class GoError(Exception):
    """What the Go store answers in place of a result."""

    def __init__(self, failure: dict[str, Any]) -> None:
        super().__init__(failure["message"])
        self.type = failure["type"]
        self.conflict = tuple(failure[key] for key in ("actor_id", "attempted_version", "current_version"))


def missing() -> str | None:
    """What has to be installed before the program can be built; None if it can."""
    if _go() is None:
        return "no Go: make .venv/go.stamp"
    if not (LIBRARIES / "src/github.com/nats-io/nats.go").is_dir():
        return "no nats.go: apt-get install --no-install-recommends golang-github-nats-io-go-nats-dev"
    return None


def build(folder: Path, sources: Path = SOURCES) -> Path:
    """The program, compiled into `folder` without any network; Go's own cache makes all but the first time quick."""
    program = folder / sources.name
    environment = os.environ | {"GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(LIBRARIES), "GOTOOLCHAIN": "local"}
    subprocess.run([_go(), "build", "-o", program, "."], cwd=sources, check=True, env=environment)
    return program


def _go() -> str | None:
    return shutil.which("go", path=Path(sys.executable).parent) or shutil.which("go")


class GoStore:
    """A process with Go's event store of one stream, while `async with` lasts."""

    def __init__(self, program: Path, url: str, stream: str) -> None:
        self._command = (str(program), "-url", url, "-stream", stream)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.stdin.close()
        await self._process.wait()

    async def ask(self, op: str, **request: Any) -> Any:
        """The result of one operation. Raises GoError."""
        self._process.stdin.write(json.dumps({"op": op, **request}).encode() + b"\n")
        answer = json.loads(await self._process.stdout.readline())
        if "error" in answer:
            raise GoError(answer["error"])
        return answer["result"]

    async def save_event(self, event: Event | bytes) -> None:
        """Store an event; bytes are what Go is to decode it from."""
        body = event if isinstance(event, bytes) else encode_event(event)
        await self.ask("save_event", event=base64.b64encode(body).decode())

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[bytes]:
        """Each event as json.Marshal writes it."""
        bodies = await self.ask("get_events", actor_id=actor_id, from_version=from_version)
        return [base64.b64decode(body) for body in bodies]

    async def get_events_with_errors(
        self, actor_id: str, from_version: int = 0
    ) -> tuple[list[bytes], list[tuple[int, bytes]]]:
        """The same, and sequence and bytes of what does not decode."""
        result = await self.ask("get_events_with_errors", actor_id=actor_id, from_version=from_version)
        errors = [(error["sequence_number"], base64.b64decode(error["raw_data"])) for error in result["errors"]]
        return [base64.b64decode(body) for body in result["events"]], errors

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """Store a snapshot."""
        await self.ask("save_snapshot", snapshot=base64.b64encode(encode_snapshot(snapshot)).decode())

    async def get_latest_snapshot(self, actor_id: str) -> bytes:
        """The last snapshot as json.Marshal writes it."""
        return base64.b64decode(await self.ask("get_latest_snapshot", actor_id=actor_id))
