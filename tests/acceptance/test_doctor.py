"""`auditor doctor` as a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from auditor.jetstream.eventstore.stream_settings import YEAR, event_stream_settings
from tests.acceptance.conftest import Guarded, auditor, streams
from tests.acceptance.test_scan import good
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client


async def aethers_own(admin: Client, server: EmbeddedServer, **changed: object) -> None:
    settings = event_stream_settings("ORDERS", replicas=1, max_age=YEAR) | changed
    answer = await admin.request("$JS.API.STREAM.CREATE.ORDERS", json.dumps(settings).encode())
    assert b'"error"' not in answer.data
    async with RawPublisher(server.port) as publisher:
        await publisher.publish(good(3))


def lines(out: str, mark: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith(mark)]


async def test_for_a_healthy_stream_no_check_fails_and_warnings_say_what_to_do(
    server: EmbeddedServer, admin: Client, config: str
) -> None:
    await aethers_own(admin, server)
    ended = await auditor("doctor", "--config", config)
    assert (ended.code, ended.err, lines(ended.out, "✗")) == (0, "", [])
    assert "✓ orders: stream ORDERS has the settings that Aether's constructor demands" in ended.out
    warnings = "\n".join(lines(ended.out, "!"))
    for words in (
        "may publish to any subject, which it does not need",
        "one replica",
        "unknown until the first full pass",
        "stream AETHER_CANARY does not exist",
    ):
        assert words in warnings
    assert "the self-test cannot run\n  → create it as an administrator: auditor provision --config F\n" in ended.out
    assert "stream name already in use" in ended.out  # the reason not to add replicas alone
    assert await streams(admin) == {"ORDERS"}  # nothing was created
    assert (await auditor("scan", "--config", config)).code == 0
    later = await auditor("doctor", "--config", config)
    assert "✓ orders: stream ORDERS: within 30 days no actor loses its first events without a snapshot" in later.out
    assert "✓ quarantine: stream AETHER_QUARANTINE exists, has safe settings, and accepts messages" in later.out
    assert "✓ state: stream AETHER_AUDIT exists, has safe settings, and accepts messages" in later.out
    count = json.loads((await admin.request("$JS.API.STREAM.INFO.AETHER_QUARANTINE")).data)["state"]["messages"]
    assert count == 0  # what was published to try it is not stored


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"max_age": 0}, "max_age is unlimited, Aether's code requires 365d"),
        ({"description": "mine"}, 'description is "mine", which Aether\'s code does not set'),
        ({"compression": "s2"}, 'compression is "s2", which Aether\'s code does not set'),
        ({"allow_direct": True}, "allow_direct is true, which Aether's code does not set"),
    ],
)
async def test_a_stream_that_aether_cannot_open_is_reported_with_the_reason(
    server: EmbeddedServer, admin: Client, config: str, changed: dict[str, object], said: str
) -> None:
    await aethers_own(admin, server, **changed)
    ended = await auditor("doctor", "--config", config)
    assert ended.code == 1
    assert lines(ended.out, "✗") == [f"✗ orders: stream ORDERS: Aether cannot open it: {said}"]
    assert "stream name already in use" in ended.out


async def test_an_audit_whose_subjects_hold_no_message_is_reported_with_those_that_do(
    server: EmbeddedServer, admin: Client, config: str
) -> None:
    transform = {"src": "ORDERS.>", "dest": "archive.>"}
    await aethers_own(admin, server, subject_transform=transform)
    ended = await auditor("doctor", "--config", config)
    assert ended.code == 1
    found = next(line for line in lines(ended.out, "✗") if "is on the subjects of this audit" in line)
    assert "so set subject_prefix of audit orders to archive" in found


async def test_a_missing_stream_is_reported_with_what_to_check(server: EmbeddedServer, config: str) -> None:
    ended = await auditor("doctor", "--config", config)
    assert ended.code == 1
    assert lines(ended.out, "✗") == [
        "✗ orders: stream ORDERS cannot be read: stream ORDERS does not exist: check its name, and the account of the user"
    ]
    assert server.pid


async def test_without_a_server_the_doctor_prints_one_line(server: EmbeddedServer, config: str) -> None:
    server.kill()
    ended = await auditor("doctor", "--config", config)
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.startswith("✗ cannot connect to NATS at ")
    assert ended.out.count("\n") == 1


async def test_the_shipped_permissions_are_all_that_is_needed_and_no_more(guarded: Guarded) -> None:
    alone = await auditor("doctor", "--config", guarded.config("auditor"))
    assert alone.code == 1
    assert "✗ quarantine: stream AETHER_QUARANTINE does not exist, and the auditor may not create it" in alone.out
    assert (await auditor("provision", "--config", guarded.config("administrator"))).code == 0
    ended = await auditor("doctor", "--config", guarded.config("auditor"))
    assert "✓ may publish to all subjects that it needs (20)" in ended.out
    assert "which it does not need" not in ended.out
    assert "✓ self-test: all damage in stream AETHER_CANARY is found" in ended.out
    assert len(lines(ended.out, "✗")) == 1  # the demo's stream has no max age
    narrow = Path(guarded.config("auditor"))
    narrow.write_text(narrow.read_text().replace("stream: ORDERS", "stream: OTHER"))
    other = await auditor("doctor", "--config", str(narrow))
    assert "✗ may not publish to $JS.API.STREAM.INFO.OTHER" in other.out
    assert "! may publish to $JS.API.STREAM.INFO.ORDERS, which it does not need" in other.out
