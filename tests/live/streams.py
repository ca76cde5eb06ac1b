"""Creates and fills streams for tests, and reads them by simple requests."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.raw import Publication, publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.core.model.message import StoredMessage, StreamInfo
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

STREAM = "S"


async def api(client: Client, subject: str, **body: Any) -> dict[str, Any]:
    """Send one request to JetStream's API."""
    answer = json.loads((await client.request(f"$JS.API.{subject}", json.dumps(body).encode())).data)
    assert "error" not in answer, answer
    return answer


async def create(client: Client, **settings: Any) -> StreamSource:
    """Create a stream with all subjects that begin with its name."""
    await api(client, f"STREAM.CREATE.{STREAM}", **{"name": STREAM, "subjects": [f"{STREAM}.>"], **settings})
    return StreamSource(client, STREAM)


async def fill(server: EmbeddedServer, count: int, *, size: int = 64, first: int = 1) -> None:
    """Publish `count` messages on ten subjects. Their bodies begin with their number, from `first` on."""
    await publish(
        server.port,
        [
            Publication(b"S.events.order.order-%d" % (number % 10), (b"%d " % number).ljust(size, b"."))
            for number in range(first, first + count)
        ],
    )


async def stored(client: Client, seq: int) -> tuple[int, bytes | None, bytes]:
    """Return sequence, header block and body of one message, from the leader of the stream."""
    message = (await api(client, f"STREAM.MSG.GET.{STREAM}", seq=seq))["message"]
    headers = base64.b64decode(message["hdrs"]) if "hdrs" in message else None
    return message["seq"], headers, base64.b64decode(message.get("data", ""))


async def walked(
    source: StreamSource, pinned: StreamInfo, *, first_seq: int = 1, **options: Any
) -> list[StoredMessage]:
    """Return the messages of a walk to the pinned end."""
    batches = source.read(pinned, **{"first_seq": first_seq, "last_seq": pinned.last_seq, **options})
    return [message async for batch in batches for message in batch]


async def consumers(client: Client) -> AsyncIterator[str]:
    """Return the names of the consumers of the stream."""
    for name in (await api(client, f"CONSUMER.NAMES.{STREAM}"))["consumers"] or ():
        yield name
