"""A NATS client of a few lines that sends whatever bytes it is given: for subjects and headers no real client would send."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 2_000
"""Messages sent before the stream has to confirm: it drops what comes in faster than it can store."""


class Publication(NamedTuple):
    """What to publish; `headers` is the whole block, sent as it is."""

    subject: bytes
    data: bytes = b""
    headers: bytes | None = None

    def frame(self, reply: bytes = b"") -> bytes:
        subject, data, headers = self
        if headers is None:
            return b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(data), data)
        return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (subject, reply, len(headers), len(headers) + len(data), headers, data)


async def publish(port: int, publications: Sequence[Publication]) -> None:
    """Publish to the server on `port`; return when the stream has stored the last one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\nSUB acks 1\r\n')
    for at in range(0, len(publications), WINDOW):
        *most, last = publications[at : at + WINDOW]
        writer.write(b"".join(publication.frame() for publication in most) + last.frame(b"acks"))
        line = b""
        while not line.startswith(b"MSG"):
            line = await reader.readline()
            assert line[:4] not in (b"", b"-ERR"), line
        ack = json.loads(await reader.readline())
        assert "error" not in ack, ack
    writer.close()
    await writer.wait_closed()
