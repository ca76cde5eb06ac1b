"""Creates the streams of the canary and the demo and fills them with messages, byte for byte."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from nats import errors

from auditor.errors import ConnectionFailedError
from auditor.jetstream.api import SLOW_TIMEOUT, Reply, create_stream, decode_ack, request

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from auditor.jetstream.api_client import ApiClient

MAX_IN_FLIGHT = 256
"""Messages that are sent before the first is confirmed. A stream drops messages that arrive faster than it stores them."""

OutgoingMessage = tuple[bytes, bytes | None, bytes]
"""Subject, whole header block (None if none) and payload."""


async def create_and_fill(
    client: ApiClient, settings: Mapping[str, Any], messages: Sequence[OutgoingMessage], deleted: Collection[int] = ()
) -> None:
    """Create the stream, store `messages` in this order, and then delete those at the sequences `deleted`.

    Raises JetStreamError if the stream exists with other settings, PermissionDeniedError, ConnectionFailedError.
    """
    stream = settings["name"]
    await create_stream(client, settings, timeout=SLOW_TIMEOUT)
    await publish_raw(client, messages)
    for seq in deleted:
        await request(client, stream, f"STREAM.MSG.DELETE.{stream}", {"seq": seq}, Reply)


async def publish_raw(client: ApiClient, messages: Sequence[OutgoingMessage]) -> None:
    """Publish `messages` and wait until they are stored in this order. Raises ConnectionFailedError, PermissionDeniedError."""
    last_seq = 0
    for at in range(0, len(messages), MAX_IN_FLIGHT):
        requests = [client.request_raw(*message, SLOW_TIMEOUT) for message in messages[at : at + MAX_IN_FLIGHT]]
        try:
            replies = await asyncio.gather(*requests)
        except errors.Error as error:
            raise ConnectionFailedError(f"a message was not stored: {client.last_error_text or error!r}") from error
        for reply in replies:
            ack = decode_ack(reply)
            if ack.error is not None:
                raise ConnectionFailedError(f"a message was refused: {ack.error.description}")
            if ack.seq <= last_seq:
                raise ConnectionFailedError(f"messages were stored in another order at sequence {ack.seq}")
            last_seq = ack.seq
