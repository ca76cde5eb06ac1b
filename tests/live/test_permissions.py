"""The shipped server configuration allows what the list of permissions has, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.canary.stream import CANARY
from auditor.config import AuditConfig, Config, NatsConfig
from auditor.embedded_server import EmbeddedServer
from auditor.errors import AuditorError, ConnectionFailedError, PermissionDeniedError, StreamNotFoundError
from auditor.jetstream.connection.client import connect
from auditor.jetstream.granted import USER_INFO, Permissions, granted_permissions
from auditor.jetstream.permissions import (
    probe_publish,
    probe_walk,
    to_create,
    to_publish,
    to_subscribe,
)
from auditor.jetstream.reading.stream_source import StreamSource
from tests.live.streams import STREAM, api, create, fill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auditor.jetstream.connection.client import Client

CONF = Path(__file__).parents[2] / "deploy" / "nats" / "auditor.conf"
CONFIG = Config(audits=(AuditConfig(name="orders", stream="ORDERS"),))
FORBIDDEN = [
    "ORDERS.events.order.order-1",
    f"{CANARY}.events.order.order-1",
    "other.subject",
    "_INBOX.somebody",
    *(
        f"$JS.API.{verb}.{stream}"
        for verb in ("STREAM.DELETE", "STREAM.PURGE", "STREAM.UPDATE", "STREAM.MSG.DELETE", "STREAM.SNAPSHOT")
        for stream in ("ORDERS", CANARY, "AETHER_QUARANTINE", "AETHER_AUDIT")
    ),
    "$JS.API.STREAM.CREATE.ORDERS",
    f"$JS.API.STREAM.CREATE.{CANARY}",
    "$JS.API.STREAM.RESTORE.ORDERS",
    "$JS.API.STREAM.LEADER.STEPDOWN.ORDERS",
    "$JS.API.STREAM.PEER.REMOVE.ORDERS",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.INFO.OTHER",
    "$JS.API.STREAM.MSG.GET.OTHER",
    "$JS.API.CONSUMER.CREATE.OTHER.c",
    "$JS.API.CONSUMER.MSG.NEXT.OTHER.c",
    "$JS.API.CONSUMER.DELETE.ORDERS.c",
    "$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.c",
    "$JS.API.META.LEADER.STEPDOWN",
    "$JS.ACK.ORDERS.c.1.1.1.1.1",
    "$SYS.REQ.SERVER.PING",
]


@pytest.fixture
async def guarded(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServer]:
    """A server with the shipped configuration."""
    monkeypatch.setenv("ADMINISTRATOR_PASSWORD", "first")
    monkeypatch.setenv("AUDITOR_PASSWORD", "second")
    async with EmbeddedServer(config=CONF.read_text()) as server:
        yield server
        server.kill()


async def as_user(server: EmbeddedServer, user: str, **more: str) -> Client:
    password = "first" if user == "administrator" else "second"
    return await connect(NatsConfig(servers=(server.url,), user=user, password=password, **more))


@pytest.mark.parametrize(("user", "creates"), [("auditor", False), ("auditor-creates", True)])
async def test_the_shipped_permissions_are_exactly_those_that_are_needed(guarded, user, creates):
    client = await as_user(guarded, user)
    permissions = await granted_permissions(client)
    assert permissions is not None
    needs = [*to_publish(CONFIG, CANARY), *(to_create(CONFIG) if creates else ())]
    assert set(permissions.publish.allow) == {need.subject for need in needs}
    assert set(permissions.subscribe.allow) == {need.subject for need in to_subscribe(CONFIG)}
    assert permissions.publish.missing(needs) == []
    assert permissions.publish.unneeded(needs) == []
    assert bool(permissions.publish.missing(to_create(CONFIG))) is not creates
    await client.close()


@pytest.mark.parametrize("user", ["auditor", "auditor-creates"])
async def test_every_other_subject_is_denied(guarded, user):
    client = await as_user(guarded, user)
    for subject in FORBIDDEN:
        with pytest.raises(PermissionDeniedError):
            await client.request(subject, b"{}")
    await client.close()
    listening = await as_user(guarded, user, inbox_prefix="_INBOX_other")
    with pytest.raises(PermissionDeniedError):
        await listening.request(USER_INFO)
    await listening.close()


async def test_a_user_without_limits_is_distinguished_from_one_that_cannot_request_them(guarded):
    administrator = await as_user(guarded, "administrator")
    everything = await granted_permissions(administrator)
    assert everything == Permissions()
    assert everything.publish.missing(to_publish(CONFIG, CANARY)) == []
    assert everything.publish.unneeded(to_publish(CONFIG, CANARY)) == [">"]
    await administrator.close()
    limits = {"user": "u", "password": "p", "permissions": {"publish": ["a"], "subscribe": ["_INBOX_auditor.>"]}}
    async with EmbeddedServer(config=f"authorization {{ users: [{json.dumps(limits)}] }}") as server:
        client = await connect(NatsConfig(servers=(server.url,), user="u", password="p"))
        assert await granted_permissions(client) is None
        await client.close()
        server.kill()


async def test_probing_a_walk_succeeds_or_raises(server, client):
    await create(client)
    await probe_walk(client, STREAM)
    await fill(server, 3)
    await probe_walk(client, STREAM)
    with pytest.raises(StreamNotFoundError):
        await probe_walk(client, "NONE")


async def test_the_message_of_a_publish_probe_is_not_stored(client):
    await create(client)
    await probe_publish(client, STREAM, f"{STREAM}.doctor")
    assert (await StreamSource(client, STREAM).info()).last_seq == 0


async def test_a_subject_without_a_stream_and_a_sealed_stream_are_errors(client):
    await create(client)
    with pytest.raises(ConnectionFailedError, match="does not answer a publish to unused"):
        await probe_publish(client, STREAM, "unused")
    info = await api(client, f"STREAM.INFO.{STREAM}")
    await api(client, f"STREAM.UPDATE.{STREAM}", **info["config"] | {"sealed": True})
    with pytest.raises(AuditorError, match=r"should refuse a message for another stream.*sealed"):
        await probe_publish(client, STREAM, f"{STREAM}.doctor")
