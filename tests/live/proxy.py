"""A TCP proxy on loopback whose connections can be cut or frozen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from auditor.demo.server import EmbeddedServer


class Proxy:
    """Between a client and `server` while `async with` lasts."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.frozen = False
        """While set, nothing passes, and no connection ends."""
        self.passed = 0
        """Bytes that the server has sent through it."""
        self._port = server.port
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        while self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """End every connection that is open now, with what is in flight."""
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._copy(reader, far_writer, counted=False))
                    group.create_task(self._copy(far_reader, writer, counted=True))
            finally:
                far_writer.transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        while data := await reader.read(1 << 16):
            while self.frozen:
                await asyncio.sleep(0.01)
            writer.write(data)
            await writer.drain()
            if counted:
                self.passed += len(data)
        raise ConnectionResetError
