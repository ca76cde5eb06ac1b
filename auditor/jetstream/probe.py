"""Whether something is allowed, found out without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from nats import errors

from auditor.errors import AuditorError, ConnectionFailedError
from auditor.jetstream.api import Answer
from auditor.jetstream.reading.pull_consumer import delivery

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client

OTHER_STREAM = 10060
"""The message is meant for another stream, and is not stored."""
TIMEOUT = 5.0


async def probe_walk(client: Client, stream: str) -> None:
    """Make a consumer and pull once. Raises the AuditorErrors of a walk."""
    async with delivery(client, stream, start_seq=1, subjects=(), batch=1) as coming:
        await coming.next()


async def probe_publish(client: Client, stream: str, subject: str) -> None:
    """Publish what `stream` refuses to store, and see it refuse. Raises AuditorError if anything else happens."""
    try:
        answer = await client.request(subject, b"", TIMEOUT, headers={"Nats-Expected-Stream": "none of these"})
        refusal = msgspec.json.decode(answer.data, type=Answer).error
    except (errors.Error, OSError, msgspec.DecodeError) as error:
        raise ConnectionFailedError(
            f"stream {stream} does not take what is published to {subject}: {error!r}"
        ) from error
    if refusal is None or refusal.err_code != OTHER_STREAM:
        said = refusal.description if refusal else "it was stored"
        raise AuditorError(f"stream {stream} answers otherwise than expected to what it should not store: {said}")
