"""Publishes fast what no client library would: any subject, header block and body, byte for byte."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Self

from auditor.errors import ConnectionFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auditor.canary.actor_messages import SeedMessage

WINDOW = 1_000
"""Messages sent before the stream has to confirm: it drops what comes faster than it can store."""
TIMEOUT_SECONDS = 30.0
"""Seconds for that."""
ACKS = b"_demo.acks"


class RawPublisher:
    """A connection that speaks the NATS protocol by hand, to a server of our own without credentials."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\nSUB %b 1\r\n' % ACKS)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def publish(self, messages: Sequence[SeedMessage]) -> None:
        """Return when the stream has stored `messages`, in this order. Raises ConnectionFailedError."""
        for at in range(0, len(messages), WINDOW):
            *most, last = messages[at : at + WINDOW]
            self._writer.write(b"".join(map(_frame, most)) + _frame(last, ACKS))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._stored()

    async def _stored(self) -> None:
        while line := await self._reader.readline():
            if line.startswith(b"PING"):
                self._writer.write(b"PONG\r\n")
            elif line.startswith(b"-ERR"):
                raise ConnectionFailedError(f"the embedded server refused a message: {line[5:].decode().strip()}")
            elif line.startswith(b"MSG"):
                answer = json.loads(await self._reader.readline())
                if "error" in answer:
                    raise ConnectionFailedError(f"the stream refused a message: {answer['error']['description']}")
                return
        raise ConnectionFailedError("the embedded server closed the connection")


def _frame(message: SeedMessage, reply: bytes = b"") -> bytes:
    subject, headers, data = message.subject, message.headers, message.data
    if headers is None:
        return b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(data), data)
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (subject, reply, len(headers), len(headers) + len(data), headers, data)
