"""Before a scan it is said which audits select no message of their stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from auditor.app import App
from auditor.config import AuditConfig, Config
from auditor.errors import ConfigError
from auditor.operations.selection import check_selections
from tests.live.streams import STREAM, api, create

if TYPE_CHECKING:
    from auditor.jetstream.connection.client import Client


async def test_each_audit_that_selects_nothing_or_cannot_be_read_is_a_problem_with_its_path(app: App) -> None:
    await api(app.client, "STREAM.CREATE.T", name="T", subjects=["other.>"])
    await app.client.request("other.events.order.order-1", b"x")
    audits = (
        AuditConfig(name="good", stream=STREAM),
        AuditConfig(name="renamed", stream="T"),
        AuditConfig(name="absent", stream="NONE"),
    )
    with pytest.raises(ConfigError) as caught:
        await check_selections(App(Config(audits=audits), app.client), "f.yaml")
    renamed, absent = caught.value.problems
    assert caught.value.source == "f.yaml"
    assert renamed.startswith("audits[1]: none of the 1 messages of stream T is on the subjects of this audit")
    assert "it holds messages on other.events.>; set subject_prefix of audit renamed to other" in renamed
    assert absent.startswith("audits[2]: stream NONE does not exist")


async def test_a_stream_with_messages_of_the_audit_and_an_empty_one_are_no_problems(app: App, client: Client) -> None:
    assert await check_selections(app, "f.yaml") == [
        "orders: stream S holds 5 messages, and the subjects of this audit fit"
    ]
    await api(client, f"STREAM.DELETE.{STREAM}")
    await create(client)
    assert await check_selections(app, "f.yaml") == ["orders: stream S holds no message yet"]
