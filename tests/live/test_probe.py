"""Probing finds out what is allowed and changes nothing."""

from __future__ import annotations

import pytest

from auditor.errors import AuditorError, ConnectionFailedError, StreamNotFoundError
from auditor.jetstream.probe import probe_publish, probe_walk
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.streams import STREAM, api, create, fill


async def test_a_walk_is_tried_and_leaves_nothing_behind(server, client):
    await create(client)
    await probe_walk(client, STREAM)
    await fill(server, 3)
    await probe_walk(client, STREAM)
    with pytest.raises(StreamNotFoundError):
        await probe_walk(client, "NONE")


async def test_what_is_published_to_try_it_is_not_stored(client):
    await create(client)
    await probe_publish(client, STREAM, f"{STREAM}.doctor")
    assert (await StreamSource(client, STREAM).pin()).last_seq == 0


async def test_a_subject_that_nobody_takes_and_a_stream_that_refuses_everything_are_told(client):
    await create(client)
    with pytest.raises(ConnectionFailedError, match="does not take what is published to nobody"):
        await probe_publish(client, STREAM, "nobody")
    info = await api(client, f"STREAM.INFO.{STREAM}")
    await api(client, f"STREAM.UPDATE.{STREAM}", **info["config"] | {"sealed": True})
    with pytest.raises(AuditorError, match=r"answers otherwise than expected.*sealed"):
        await probe_publish(client, STREAM, f"{STREAM}.doctor")
