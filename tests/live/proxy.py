"""A TCP proxy on loopback whose connections can be cut or frozen."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer


class Proxy:
    """Between a client and `server` while `async with` lasts."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._port = server.port
        self._open: dict[asyncio.Task[None], tuple[asyncio.Event, asyncio.Event]] = {}
        """The connections, each with the gates for requests and replies."""
        self._held: bytes | None = None

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
        """Close every open connection and drop what is in flight."""
        for task in self._open:
            task.cancel()

    def freeze(self) -> None:
        """Stop the traffic of the open connections without closing them."""
        for gates in self._open.values():
            for gate in gates:
                gate.clear()

    def thaw(self) -> None:
        """Continue the stopped traffic."""
        for gates in self._open.values():
            for gate in gates:
                gate.set()

    def hold_answers_to(self, request: bytes) -> None:
        """Stop the replies on each connection once `request` was sent on it."""
        self._held = request

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task, requests, answers = asyncio.current_task(), asyncio.Event(), asyncio.Event()
        assert task is not None
        requests.set()
        answers.set()
        self._open[task] = requests, answers
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._copy(reader, far_writer, requests, answers))
                    group.create_task(self._copy(far_reader, writer, answers))
            finally:
                far_writer.transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            del self._open[task]

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        gate: asyncio.Event,
        answers: asyncio.Event | None = None,
    ) -> None:
        while data := await reader.read(1 << 16):
            await gate.wait()
            if answers and self._held and self._held in data:
                answers.clear()
                self._held = None
            writer.write(data)
            await writer.drain()
        await gate.wait()
        raise ConnectionResetError
