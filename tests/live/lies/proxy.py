"""A TCP proxy on loopback that parses the NATS protocol in both directions and lets a lie change it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer

API = b"$JS.API."
ACK = b"$JS.ACK."


class CutError(Exception):
    """Raised by a lie to end the connection instead of passing on the frame."""


@dataclass(frozen=True)
class Frame:
    """A line of the protocol, or a message with its body, in either direction."""

    op: bytes
    subject: bytes = b""
    sid: bytes = b""
    reply: bytes = b""
    headers: bytes | None = None
    body: bytes = b""
    argument: bytes = b""
    """The rest of a line that is not a message."""
    request: bytes = b""
    """Of a message for the client: the subject of the request that it answers; empty if none is known."""

    @property
    def is_delivery(self) -> bool:
        return self.op in (b"MSG", b"HMSG") and self.reply.startswith(ACK)

    @property
    def is_status(self) -> bool:
        """Whether the server says something about a pull."""
        return self.request.startswith(API + b"CONSUMER.MSG.NEXT.") and not self.reply

    @property
    def api(self) -> str:
        """The JetStream request that this answers or makes, such as `STREAM.INFO.S`; empty if it is none."""
        subject = self.request or self.subject
        return subject.removeprefix(API).decode() if subject.startswith(API) else ""

    @property
    def tokens(self) -> list[bytes]:
        """Of a delivery: $JS, ACK, stream, consumer, deliveries, stream sequence, consumer sequence, time, pending."""
        return self.reply.split(b".")

    @property
    def seq(self) -> int:
        return int(self.tokens[5])

    @property
    def json(self) -> Any:
        return json.loads(self.argument if self.op == b"INFO" else self.body)

    def saying(self, document: Any) -> bytes:
        """Return the bytes of the frame with another JSON document."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        if self.op == b"INFO":
            return b"INFO %b\r\n" % data
        return replace(self, body=data).bytes()

    def token(self, place: int, token: bytes) -> bytes:
        """Return the bytes of the frame with another token in its reply subject."""
        return replace(self, reply=b".".join([*self.tokens[:place], token, *self.tokens[place + 1 :]])).bytes()

    def line(self, *sizes: int) -> bytes:
        words = [self.op, self.subject, self.sid, self.reply, *(b"%d" % size for size in sizes)]
        return b" ".join(word for word in words if word) + b"\r\n"

    def bytes(self) -> bytes:
        """Return the frame as it is sent."""
        if self.op not in (b"MSG", b"HMSG", b"PUB", b"HPUB"):
            return self.op + (b" " + self.argument if self.argument else b"") + b"\r\n"
        if self.headers is None:
            return self.line(len(self.body)) + self.body + b"\r\n"
        return self.line(len(self.headers), len(self.headers) + len(self.body)) + self.headers + self.body + b"\r\n"


class Lie(Protocol):
    """What a proxy changes. It is made anew for each test, and may keep state."""

    def down(self, frame: Frame) -> bytes | list[bytes]:
        """Return what the client gets instead of `frame`; a list: each with a pause before the next."""

    def up(self, frame: Frame) -> tuple[bytes, bytes]:
        """Return what the server gets instead of `frame`, and what the client gets as an answer of the proxy."""


class Honest:
    """Changes nothing."""

    def down(self, frame: Frame) -> bytes | list[bytes]:
        return frame.bytes()

    def up(self, frame: Frame) -> tuple[bytes, bytes]:
        return frame.bytes(), b""


class LiarProxy:
    """Between clients and `server` while `async with` lasts."""

    def __init__(self, server: EmbeddedServer, lie: Lie, pause: float = 0.3) -> None:
        self._port = server.port
        self._lie = lie
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        requests: dict[bytes, bytes] = {}
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(reader, far_writer, writer, requests))
                group.create_task(self._down(far_reader, writer, requests))
        except* (OSError, EOFError, CutError, asyncio.CancelledError):
            pass
        finally:
            far_writer.transport.abort()
            writer.transport.abort()
            self._tasks.discard(task)

    async def _up(
        self,
        reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        requests: dict[bytes, bytes],
    ) -> None:
        while True:
            frame = await _read(reader)
            if frame.reply:
                requests[frame.reply] = frame.subject
            passed_on, answer = self._lie.up(frame)
            server.write(passed_on)
            await server.drain()
            if answer:
                client.write(answer)
                await client.drain()

    async def _down(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, requests: dict[bytes, bytes]
    ) -> None:
        while True:
            frame = await _read(reader)
            sent = self._lie.down(replace(frame, request=requests.get(frame.subject, b"")))
            for number, part in enumerate([sent] if isinstance(sent, bytes) else sent):
                if number:
                    await asyncio.sleep(self._pause)
                client.write(part)
                await client.drain()


async def _read(reader: asyncio.StreamReader) -> Frame:
    line = (await reader.readuntil(b"\r\n"))[:-2]
    op, _, argument = line.partition(b" ")
    if op not in (b"MSG", b"HMSG", b"PUB", b"HPUB"):
        return Frame(op, argument=argument)
    words = argument.split()
    size = int(words.pop())
    header_size = int(words.pop()) if op[:1] == b"H" else 0
    data = (await reader.readexactly(size + 2))[:-2]
    subject = words.pop(0)
    sid = words.pop(0) if op.endswith(b"MSG") else b""
    headers = data[:header_size] if op[:1] == b"H" else None
    return Frame(op, subject, sid, b"".join(words), headers, data[header_size:])
