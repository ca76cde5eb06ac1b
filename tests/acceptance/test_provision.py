"""`auditor provision`, and every command with only the permissions that are shipped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from auditor.canary.stream import CANARY
from auditor.config import NatsConfig
from auditor.jetstream.connection.client import connect
from tests.acceptance.conftest import auditor
from tests.acceptance.test_run import completed, daemon, until

if TYPE_CHECKING:
    from tests.acceptance.conftest import Guarded


async def test_after_provision_every_command_works_with_the_shipped_permissions(
    guarded: Guarded,
) -> None:
    config = guarded.config("auditor")
    refused = await auditor("provision", "--config", config)
    assert refused.code == 1
    assert "$JS.API.STREAM.CREATE.AETHER_QUARANTINE" in refused.said
    made = await auditor("provision", "--config", guarded.config("administrator"))
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines() == [
        f"stream {name} was created" for name in ("AETHER_QUARANTINE", "AETHER_AUDIT", CANARY)
    ]
    again = await auditor("provision", "--config", guarded.config("administrator"))
    assert [line.partition(" exists ")[2] for line in again.out.splitlines()] == ["and is as it should be"] * 3

    scanned = await auditor("scan", "--config", config, "--json")
    assert (scanned.code, scanned.err) == (2, "")
    assert scanned.json["audits"][0]["quarantine_pending"] == 0
    listed = await auditor("quarantine", "list", "--config", config, "--json")
    records = [json.loads(line) for line in listed.out.splitlines()]
    assert len(records) == 13
    shown = await auditor("quarantine", "show", records[0]["key"], "--config", config)
    assert (shown.code, shown.err) == (0, "")
    assert (await auditor("actor", "order-1", "--config", config)).code == 2
    accepting = ("accept", "--config", config, "--audit", "orders", "--kind", "late_version", "--reason", "known")
    assert (await auditor(*accepting)).code == 0
    assert (await auditor("state", "show", "--config", config)).code == 0
    async with daemon(config) as running:
        await until(lambda: completed(running))

        async def sees() -> bool:
            return await running.metric("selftest_ok") == 1

        await until(sees)
        assert await running.metric("passes_total", verdict="failed") in (None, 0)
        await running.stop()


async def test_before_provision_scan_and_doctor_give_the_same_advice(guarded: Guarded) -> None:
    create = "$JS.API.STREAM.CREATE.AETHER_QUARANTINE"
    for more, alternative in (("", create), ("quarantine: {create: false}\n", "set quarantine.create to true")):
        config = guarded.config("auditor", more)
        scanned = await auditor("scan", "--config", config)
        examined = await auditor("doctor", "--config", config)
        assert (scanned.code, examined.code) == (1, 1)
        lines = examined.out.splitlines()
        failed = lines.index("✗ quarantine: stream AETHER_QUARANTINE does not exist, and the auditor may not create it")
        for advice in (scanned.said, lines[failed + 1]):
            assert "auditor provision" in advice
            assert "as an administrator" in advice
            assert alternative in advice


async def test_a_user_who_may_create_streams_needs_no_provision(guarded: Guarded) -> None:
    config = guarded.config("auditor-creates")
    assert (await auditor("scan", "--config", config)).code == 2
    assert (await auditor("quarantine", "list", "--config", config)).out.splitlines()[-1] == "13 records"


async def test_provision_creates_streams_even_if_the_configuration_forbids_it_to_the_auditor(guarded: Guarded) -> None:
    more = "quarantine: {create: false}\nstate: {create: false}\n"
    assert (await auditor("provision", "--config", guarded.config("administrator", more))).code == 0
    assert (await auditor("scan", "--config", guarded.config("auditor", more))).code == 2


async def test_provision_refuses_an_existing_stream_that_could_lose_records(guarded: Guarded) -> None:
    client = await connect(NatsConfig(servers=(guarded.server.url,), user="administrator", password="first"))
    settings = {"name": "AETHER_QUARANTINE", "subjects": ["aether.quarantine.>"]}
    await client.request("$JS.API.STREAM.CREATE.AETHER_QUARANTINE", json.dumps(settings).encode())
    await client.close()
    ended = await auditor("provision", "--config", guarded.config("administrator"))
    assert ended.code == 1
    assert "could lose records and is refused" in ended.said
