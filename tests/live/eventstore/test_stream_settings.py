"""Opening an event store creates its stream, uses it, or refuses it with the wrong setting."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from auditor.errors import EventStreamError
from auditor.jetstream.eventstore.store import JetStreamEventStore
from tests.live.streams import STREAM, api, create

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client


async def config(client: Client) -> dict:
    return (await api(client, f"STREAM.INFO.{STREAM}"))["config"]


async def test_an_absent_stream_is_created_and_then_used(client: Client) -> None:
    await asyncio.gather(*(JetStreamEventStore.open(client, STREAM) for _ in range(5)))
    made = await config(client)
    assert (made["max_age"], made["num_replicas"], made["storage"]) == (31_536_000_000_000_000, 1, "file")
    await JetStreamEventStore.open(client, STREAM, max_age=timedelta(days=1))
    assert await config(client) == made


async def test_another_max_age_is_accepted_and_0_means_forever(client: Client) -> None:
    await JetStreamEventStore.open(client, STREAM, max_age=timedelta())
    assert (await config(client)).get("max_age", 0) == 0


async def test_a_stream_that_cannot_store_events_is_refused_with_the_setting(client: Client) -> None:
    await create(client, subjects=["S.events.>"])
    with pytest.raises(EventStreamError) as raised:
        await JetStreamEventStore.open(client, STREAM)
    assert str(raised.value) == (
        'stream S cannot store events: subjects are ["S.events.>"], must cover S.snapshots.>; change these settings'
    )


async def test_the_error_of_a_failed_creation_has_the_description_of_the_server(client: Client) -> None:
    with pytest.raises(EventStreamError, match=r"stream S cannot be created: .*replicas > 1"):
        await JetStreamEventStore.open(client, STREAM, replicas=3)
    await api(client, "STREAM.CREATE.T", name="T", subjects=["S.events.>"])
    with pytest.raises(EventStreamError, match="subjects overlap"):
        await JetStreamEventStore.open(client, STREAM)
