"""Publishes what no client library would: any subject, header block and body, byte for byte."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from auditor.errors import ConnectionFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from auditor.demo.sample import Outgoing

CHUNK = 1 << 20
"""Bytes written before waiting for the server to take them."""
PATIENCE = 30.0


class RawPublisher:
    """A connection that speaks the NATS protocol by hand, to a server of our own without credentials."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n')
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def publish(self, messages: Iterable[Outgoing]) -> None:
        """Send `messages` in order and wait until the server has read them all. Raises ConnectionFailedError."""
        pending = 0
        for message in messages:
            frame = _frame(message)
            self._writer.write(frame)
            pending += len(frame)
            if pending > CHUNK:
                await self._writer.drain()
                pending = 0
        self._writer.write(b"PING\r\n")
        await asyncio.wait_for(self._answered(), PATIENCE)

    async def _answered(self) -> None:
        while line := await self._reader.readline():
            if line.startswith(b"-ERR"):
                raise ConnectionFailedError(
                    f"the embedded server refused a sample message: {line[5:].decode().strip()}"
                )
            if line.startswith(b"PONG"):
                return
        raise ConnectionFailedError("the embedded server closed the connection")


def _frame(message: Outgoing) -> bytes:
    headers, data = message.headers, message.data
    if headers is None:
        return b"PUB %b %d\r\n%b\r\n" % (message.subject, len(data), data)
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (message.subject, len(headers), len(headers) + len(data), headers, data)
