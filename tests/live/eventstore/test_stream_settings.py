"""Opening a stream for events: made if it is absent, used as it is, or refused with the setting that is wrong."""

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


async def test_another_age_may_be_given_and_0_means_for_ever(client: Client) -> None:
    await JetStreamEventStore.open(client, STREAM, max_age=timedelta())
    assert (await config(client)).get("max_age", 0) == 0


async def test_a_stream_that_cannot_hold_events_is_refused_with_the_setting(client: Client) -> None:
    await create(client, subjects=["S.events.>"])
    with pytest.raises(EventStreamError) as raised:
        await JetStreamEventStore.open(client, STREAM)
    assert str(raised.value) == (
        'stream S cannot store events: subjects are ["S.events.>"], must cover S.snapshots.>; change these settings'
    )


async def test_a_server_that_does_not_create_the_stream_is_quoted(client: Client) -> None:
    with pytest.raises(EventStreamError, match=r"stream S cannot be created: .*replicas > 1"):
        await JetStreamEventStore.open(client, STREAM, replicas=3)
    await api(client, "STREAM.CREATE.T", name="T", subjects=["S.events.>"])
    with pytest.raises(EventStreamError, match="subjects overlap"):
        await JetStreamEventStore.open(client, STREAM)
