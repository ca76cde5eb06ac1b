"""The steps of docs/operations.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import auditor

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client

SUBJECT = "ORDERS.events.order.order-1"


async def kept(config: str) -> list[str]:
    """The keys of the records of that subject."""
    listed = await auditor("quarantine", "list", "--config", config, "--json")
    records = [json.loads(line) for line in listed.out.splitlines()]
    return [record["key"] for record in records if record["subject"] == SUBJECT]


async def purge(admin: Client, stream: str, subject: str) -> int:
    """How many messages are gone."""
    answer = await admin.request(f"$JS.API.STREAM.PURGE.{stream}", json.dumps({"filter": subject}).encode())
    return int(json.loads(answer.data)["purged"])


@pytest.mark.usefixtures("seeded")
async def test_data_of_a_person_stays_away_if_events_are_purged_before_records(admin: Client, config: str) -> None:
    full = ("scan", "--config", config, "--full", "--json")
    before = (await auditor(*full)).json["audits"][0]
    (key,) = await kept(config)
    assert await purge(admin, "AETHER_QUARANTINE", key) == 1
    await auditor(*full)
    assert await kept(config) == [key]  # the wrong order: the event is quarantined again
    assert await purge(admin, "ORDERS", SUBJECT) > 0
    assert await purge(admin, "AETHER_QUARANTINE", key) == 1
    after = (await auditor(*full)).json["audits"][0]
    assert await kept(config) == []
    assert "order-1" not in {actor["actor"] for actor in after["broken_actors"]}
    assert after["actors"]["seen"] == before["actors"]["seen"] - 1
    more = {kind for kind, count in after["findings_total"].items() if count > before["findings_total"].get(kind, 0)}
    assert more <= {"deleted_messages"}
    gone = await auditor("actor", "order-1", "--config", config)
    assert gone.code == 1
    assert "nothing is stored for actor" in gone.said
