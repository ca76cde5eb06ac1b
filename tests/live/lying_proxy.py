"""A TCP proxy on loopback that changes the messages a server delivers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from auditor.embedded_server import EmbeddedServer

ACK = b"$JS.ACK."


class CutError(Exception):
    """Raised by a lie to end the connection instead of passing on the message."""


class Delivery:
    """One message of a consumer, as a server sends it."""

    def __init__(self, words: list[bytes], body: bytes) -> None:
        self.words = words
        self.body = body
        self.tokens = words[3].split(b".")

    @property
    def seq(self) -> int:
        return int(self.tokens[5])

    def with_token(self, place: int, token: bytes) -> bytes:
        """Return the frame with another token in its reply subject: 5 the sequence, 6 the consumer's, 7 the time, 8 pending."""
        tokens = [*self.tokens[:place], token, *self.tokens[place + 1 :]]
        return self.frame(b".".join(tokens))

    def frame(self, reply: bytes | None = None) -> bytes:
        words = self.words if reply is None else [*self.words[:3], reply, *self.words[4:]]
        return b"%b\r\n%b\r\n" % (b" ".join(words), self.body)


class LyingProxy:
    """Between a client and `server` while `async with` lasts. `lie` returns the bytes to send instead of a delivery."""

    def __init__(self, server: EmbeddedServer, lie: Callable[[Delivery], bytes]) -> None:
        self._port = server.port
        self._lie = lie
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def say(self, data: bytes) -> None:
        """Send `data` to the client of the last connection, as if the server did."""
        self._writers[-1].write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(reader, far_writer))
                group.create_task(self._down(far_reader, writer))
        except* (OSError, EOFError, CutError, asyncio.CancelledError):
            pass
        finally:
            far_writer.transport.abort()
            writer.transport.abort()
            self._tasks.discard(task)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        raise EOFError

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line = await reader.readuntil(b"\r\n")
            words = line[:-2].split(b" ")
            frame = line
            if words[0] in (b"MSG", b"HMSG"):
                body = (await reader.readexactly(int(words[-1]) + 2))[:-2]
                frame += body + b"\r\n"
                if len(words) > 4 and words[3].startswith(ACK):
                    frame = self._lie(Delivery(words, body))
            writer.write(frame)
            await writer.drain()
