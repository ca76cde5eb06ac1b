"""The quarantine stream on a real server is created with safe settings and refused with unsafe ones."""

from __future__ import annotations

import asyncio
import json

import pytest

from auditor.config import NatsConfig, QuarantineConfig
from auditor.errors import ConnectionFailedError, QuarantineStreamError
from auditor.jetstream.api import stream_info
from auditor.jetstream.connection.client import connect
from auditor.jetstream.quarantine.stream_settings import quarantine_stream
from auditor.jetstream.reading.stream_source import StreamSource

CONFIG = QuarantineConfig()


@pytest.fixture
async def client(server):
    client = await connect(NatsConfig(servers=(server.url,)))
    yield client
    await client.close()


async def create(client, **settings):
    reply = await client.request(f"$JS.API.STREAM.CREATE.{settings['name']}", json.dumps(settings).encode())
    assert "error" not in json.loads(reply.data), reply.data


async def refusal(client, config=CONFIG, audited="ORDERS"):
    with pytest.raises(QuarantineStreamError) as raised:
        await quarantine_stream(config).ensure(client, StreamSource(client, audited))
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


async def test_an_absent_quarantine_stream_is_created_with_its_settings(client):
    config = QuarantineConfig(max_bytes=12_345, max_age="48h")
    await quarantine_stream(config).ensure(client, StreamSource(client, "ORDERS"))

    found = (await stream_info(client, config.stream)).config
    wanted = quarantine_stream(config).settings()
    assert {name: found[name] for name in wanted} == wanted
    assert not found.get("deny_delete")
    assert not found.get("deny_purge")
    await quarantine_stream(config).ensure(client, StreamSource(client, "ORDERS"))


async def test_two_auditors_that_start_together_use_one_quarantine_stream(client):
    await asyncio.gather(*(quarantine_stream(CONFIG).ensure(client, StreamSource(client, "ORDERS")) for _ in range(8)))


async def test_two_auditors_that_start_together_with_different_settings_use_one_quarantine_stream(client):
    configs = [QuarantineConfig(max_bytes=10_000 + more) for more in range(8)]
    await asyncio.gather(
        *(quarantine_stream(config).ensure(client, StreamSource(client, "ORDERS")) for config in configs)
    )


async def test_an_absent_quarantine_stream_that_must_not_be_created_is_an_error(client):
    assert await refusal(client, QuarantineConfig(create=False)) == (
        "quarantine stream AETHER_QUARANTINE does not exist: run `auditor provision` as an administrator, "
        "or set quarantine.create to true"
    )


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            {"discard": "old", "discard_new_per_subject": False},
            'discard is "old", must be "new"; discard_new_per_subject is not set, must be true',
        ),
        ({"discard_new_per_subject": False}, "discard_new_per_subject is not set, must be true"),
        ({"max_msgs_per_subject": 2}, "max_msgs_per_subject is 2, must be 1"),
        ({"retention": "workqueue"}, 'retention is "workqueue", must be "limits"'),
        ({"storage": "memory"}, 'storage is "memory", must be "file"'),
        ({"max_bytes": -1}, "max_bytes is unlimited, must be a limit such as 1073741824"),
        ({"max_age": 10**9}, "max_age is 1s, must be 0 (for ever)"),
        ({"subjects": ["aether.quarantine.*.*.*.*"]}, "must cover aether.quarantine.>"),
        ({"sources": [{"name": "OTHER"}]}, "sources is set, must not be"),
        ({"allow_rollup_hdrs": True}, "allow_rollup_hdrs is set, must not be"),
        ({"allow_msg_counter": True, "discard": "old", "discard_new_per_subject": False}, "allow_msg_counter is set"),
        ({"no_ack": True}, "no_ack is set, must not be"),
        ({"max_msg_size": 1000}, "max_msg_size is set, must not be"),
        ({"subject_transform": {"src": ">", "dest": "x.>"}}, "subject_transform is set, must not be"),
        ({"persist_mode": "async"}, "persist_mode is set, must not be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_a_quarantine_stream_that_could_lose_records_is_refused_with_every_setting_to_change(
    client, setting, line
):
    await create(client, **quarantine_stream(CONFIG).settings() | setting)
    why = await refusal(client)
    assert why.startswith("quarantine stream AETHER_QUARANTINE could lose records and is refused: ")
    assert line in why


async def test_a_mirror_is_refused(client):
    await create(client, name="OTHER", subjects=["other"])
    await create(client, name=CONFIG.stream, mirror={"name": "OTHER"})
    assert "mirror is set, must not be" in await refusal(client)


async def test_more_room_and_denied_deletion_are_accepted(client):
    settings = quarantine_stream(CONFIG).settings()
    await create(client, **settings | {"max_bytes": 2 << 30, "deny_delete": True, "deny_purge": True})
    await quarantine_stream(CONFIG).ensure(client, StreamSource(client, "ORDERS"))


async def test_the_audited_stream_is_refused_as_quarantine_stream(client):
    assert await refusal(client, audited=CONFIG.stream) == (
        "quarantine.stream is the audited stream AETHER_QUARANTINE: name another one"
    )


async def test_a_prefix_among_the_audited_stream_s_subjects_is_refused(client):
    await create(client, name="ORDERS", subjects=["ORDERS.events.>", "aether.*.old"])
    assert await refusal(client) == (
        "quarantine.subject_prefix aether.quarantine overlaps subject aether.*.old "
        "of the audited stream ORDERS: choose another prefix"
    )


async def test_a_prefix_among_any_other_stream_s_subjects_is_refused(client):
    await create(client, name="OTHER", subjects=["aether.>"])
    why = await refusal(client)
    assert why.startswith("quarantine stream AETHER_QUARANTINE cannot be created: ")
    assert "subjects overlap with an existing stream" in why


async def test_a_server_without_room_for_the_quarantine_stream_is_a_temporary_failure(server):
    server.config = "jetstream { max_file: 1MB }"
    await server.restart()
    client = await connect(NatsConfig(servers=(server.url,)))
    with pytest.raises(ConnectionFailedError, match="insufficient storage resources"):
        await quarantine_stream(CONFIG).ensure(client, StreamSource(client, "ORDERS"))
    await client.close()
