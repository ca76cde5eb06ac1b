"""Seeding a stream: any bytes that a server accepts, in order, and an error if a message is not stored."""

from __future__ import annotations

import pytest

from auditor.errors import ConnectionFailedError
from auditor.jetstream.api import JetStreamError
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.seed import MAX_IN_FLIGHT, create_and_fill, publish_raw
from tests.live.hostile import HEADER_BLOCKS
from tests.live.streams import STREAM

SETTINGS = {"name": STREAM, "subjects": [f"{STREAM}.>"], "storage": "memory"}


async def test_every_message_is_stored_in_order_byte_for_byte_and_the_given_ones_are_deleted(client):
    messages = [(b"S.\xff*", None, b"%d" % number) for number in range(2 * MAX_IN_FLIGHT + 1)]
    messages += [(b"S.headers", block, b"") for block in HEADER_BLOCKS if not block.startswith(b"NATS/1.0 ")]
    await create_and_fill(client, SETTINGS, messages, deleted=(2, 3))
    source = StreamSource(client, STREAM)
    pinned = await source.info()
    assert (pinned.last_seq, pinned.deleted) == (len(messages), 2)
    walk = source.read(pinned, first_seq=1, last_seq=pinned.last_seq)
    stored = {message.seq: message async for batch in walk for message in batch}
    for seq, (subject, headers, data) in enumerate(messages, 1):
        if seq not in (2, 3):
            assert (stored[seq].subject, stored[seq].headers, stored[seq].data) == (subject, headers, data)


async def test_an_existing_stream_is_not_changed(client):
    await create_and_fill(client, SETTINGS, [(b"S.a", None, b"first")])
    with pytest.raises(JetStreamError):
        await create_and_fill(client, {**SETTINGS, "max_msgs": 1}, [(b"S.a", None, b"second")])
    assert (await StreamSource(client, STREAM).info()).last_seq == 1


async def test_a_message_that_is_not_stored_is_an_error(client):
    await create_and_fill(client, {**SETTINGS, "max_msg_size": 1_000}, [])
    with pytest.raises(ConnectionFailedError, match="refused: message size exceeds maximum"):
        await publish_raw(client, [(b"S.a", None, b"x" * 1_001)])
    with pytest.raises(ConnectionFailedError, match="not stored"):
        await publish_raw(client, [(b"nobody.listens", None, b"")])
    with pytest.raises(ConnectionFailedError, match="not stored"):
        await publish_raw(client, [(b"S.a", None, b"x" * (client.max_payload + 1))])
