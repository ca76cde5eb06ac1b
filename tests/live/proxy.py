"""A TCP proxy on loopback whose connections can be cut or frozen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from auditor.demo.server import EmbeddedServer


class Proxy:
    """Between a client and `server` while `async with` lasts."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._port = server.port
        self._open: dict[asyncio.Task[None], asyncio.Event] = {}
        """The connections, each with the gate that its bytes pass."""

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        while self._open:
            await asyncio.wait(self._open)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """End every connection that is open now, with what is in flight."""
        for task in self._open:
            task.cancel()

    def freeze(self) -> None:
        """Let nothing pass on the connections that are open now, and don't let them end."""
        for gate in self._open.values():
            gate.clear()

    def thaw(self) -> None:
        """Let pass what was held up."""
        for gate in self._open.values():
            gate.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, gate = asyncio.current_task(), asyncio.Event()
        assert task is not None
        gate.set()
        self._open[task] = gate
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._copy(reader, far_writer, gate))
                    group.create_task(self._copy(far_reader, writer, gate))
            finally:
                far_writer.transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            del self._open[task]

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        while data := await reader.read(1 << 16):
            await gate.wait()
            writer.write(data)
            await writer.drain()
        await gate.wait()
        raise ConnectionResetError
