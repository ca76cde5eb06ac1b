"""`auditor state`, and how `auditor scan` uses saved state, as processes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest

from auditor.canary.actor_messages import SeedMessage
from auditor.config import StateConfig
from auditor.core.history.audit_history import AUDIT_HISTORY_FORMAT
from auditor.jetstream.reading.stream_source import StreamSource
from auditor.jetstream.state.part_store import PartContent, PartStore
from tests.acceptance.conftest import auditor, configured
from tests.acceptance.test_scan import good, store
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

BAD = SeedMessage(b"ORDERS.events.order.order-1", b"{")
SAVED = r"orders: saved \d+ s ago \(20.* UTC\) by auditor .*, \d+ bytes\n  last pass: stream ORDERS, sequences 1 to 5, 1 actors"


async def scanned(config: str, *options: str) -> dict:
    ended = await auditor("scan", "--config", config, "--json", *options)
    assert ended.err == ""
    return ended.json["audits"][0]


async def test_a_second_scan_reads_only_new_messages_and_reports_on_all(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(4), BAD)
    first = await scanned(config)
    assert (first["mode"], first["verdict"], first["read"]) == ("full", "corrupt", first["range"])
    again = await scanned(config)
    assert (again["mode"], again["verdict"], again["read"]) == ("incremental", "corrupt", None)
    async with RawPublisher(server.port) as publisher:
        await publisher.publish([BAD])
    more = await scanned(config)
    assert (more["read"], more["range"]) == ({"first_seq": 6, "last_seq": 6}, {"first_seq": 1, "last_seq": 6})
    assert more["findings_total"] == {"malformed_event": 2}
    full = await scanned(config, "--full")
    assert (full["mode"], full["read"], full["findings"]) == ("full", full["range"], more["findings"])


async def test_a_dry_run_continues_from_the_saved_checkpoint_and_saves_nothing(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(4))
    await scanned(config)
    async with RawPublisher(server.port) as publisher:
        await publisher.publish([BAD])
    for _ in range(2):
        dry = await scanned(config, "--dry-run")
        assert (dry["mode"], dry["verdict"], dry["read"]) == ("incremental", "corrupt", {"first_seq": 5, "last_seq": 5})


async def test_saved_state_is_shown_and_deleted_only_with_yes(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(5))
    nothing = "orders: nothing is saved; the next pass reads everything\n"
    assert (await auditor("state", "show", "--config", config)).out == nothing
    await scanned(config)
    shown = await auditor("state", "show", "--config", config)
    assert (shown.code, shown.err) == (0, "")
    assert re.match(SAVED, shown.out), shown.out
    refused = await auditor("state", "reset", "--config", config)
    assert refused.code == 1
    assert "--yes" in refused.said
    assert (await scanned(config))["mode"] == "incremental"
    deleted = await auditor("state", "reset", "--config", config, "--audit", "orders", "--yes")
    assert (deleted.code, deleted.out[:16]) == (0, "orders: deleted;")
    assert (await auditor("state", "show", "--config", config)).out == nothing
    assert (await scanned(config))["mode"] == "full"


@pytest.mark.parametrize("verb", [("state", "show"), ("state", "reset", "--yes"), ("accept", "--kind", "version_gap")])
async def test_an_audit_that_is_not_configured_is_named(server: EmbeddedServer, tmp_path: Path, verb: tuple) -> None:
    config = configured(tmp_path, server.url)
    more = ("--reason", "x") if verb[0] == "accept" else ()
    ended = await auditor(*verb, *more, "--config", config, "--audit", "nope")
    assert ended.code == 1
    assert 'no audit "nope"' in ended.said


async def test_a_damaged_manifest_makes_passes_inconclusive_until_the_state_is_reset(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(5))
    await scanned(config)
    await admin.request("aether.audit.orders.head", b"{")  # answered once it is stored
    shown = await auditor("state", "show", "--config", config)
    assert "its manifest is damaged; auditor state reset --audit orders deletes it" in shown.out
    for _ in range(2):
        ended = await auditor("scan", "--config", config, "--json")
        audit = ended.json["audits"][0]
        assert (ended.code, audit["mode"], audit["messages"]["examined"]) == (3, "full", 5)
        assert "auditor state reset --audit orders" in audit["incomplete"]
        assert ended.err.count("\n") == 1
        assert "saved state not used" in ended.err
    assert (await auditor("state", "reset", "--config", config, "--yes")).code == 0
    assert (await scanned(config))["mode"] == "full"
    assert (await scanned(config))["mode"] == "incremental"


async def test_state_of_a_later_version_is_refused_and_only_a_reset_replaces_it(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(5))
    await scanned(config)
    await admin.request("aether.audit.orders.head", b'{"schema": "aether-auditor/state/2"}')
    for command in (("scan",), ("scan", "--full"), ("state", "show")):
        ended = await auditor(*command, "--config", config)
        assert ended.code == 1
        assert "run that version, or auditor state reset --audit orders" in ended.err
    assert (await auditor("state", "reset", "--config", config, "--yes")).code == 0
    assert (await scanned(config))["mode"] == "full"


async def test_state_of_other_subjects_is_not_used(server: EmbeddedServer, admin: Client, tmp_path: Path) -> None:
    await store(server, admin, *good(5))
    await scanned(configured(tmp_path, server.url))
    other = configured(tmp_path, server.url, 'subjects: ["ORDERS.events.cart.*"]')
    report = await scanned(other)
    assert (report["mode"], report["messages"]["skipped"]) == ("full", 5)


async def test_a_recreated_stream_is_read_from_its_first_sequence_and_reported(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(5))
    await scanned(config)
    await admin.request("$JS.API.STREAM.DELETE.ORDERS")
    await store(server, admin, BAD, *good(9))
    ended = await auditor("scan", "--config", config, "--json")
    assert ended.err.count("\n") == 1
    assert "stream_recreated: the stream was created at" in ended.err
    report = ended.json["audits"][0]
    assert (report["mode"], report["findings_total"]) == ("full", {"malformed_event": 1, "stream_recreated": 1})


async def test_a_state_stream_that_could_lose_saved_state_is_refused(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(1))
    settings = {"name": "AETHER_AUDIT", "subjects": ["aether.audit.>"], "max_age": 10**12}
    await admin.request("$JS.API.STREAM.CREATE.AETHER_AUDIT", json.dumps(settings).encode())
    ended = await auditor("scan", "--config", configured(tmp_path, server.url))
    assert ended.code == 1
    assert "state stream AETHER_AUDIT could lose saved state and is refused" in ended.said


async def test_concurrent_scans_do_not_damage_saved_state(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(5), BAD)
    for _ in range(3):
        ended = await asyncio.gather(*(auditor("scan", "--config", config, "--json") for _ in range(3)))
        assert {each.code for each in ended} == {2}
        async with RawPublisher(server.port) as publisher:
            await publisher.publish([BAD])
    report = await scanned(config)
    assert (report["mode"], report["findings_total"]) == ("incremental", {"malformed_event": 4})


async def replaced(admin: Client, data: bytes, number: int = 1, part: str = "chronicle") -> None:
    """Save `data` as this part of the state of audit orders, with this format number."""
    saved = PartStore(admin, StateConfig(), StreamSource(admin, "ORDERS"), "orders", "9.9.9")
    await saved.load_manifest()
    await saved.save({part: PartContent(data, {}, number)}, 1)


async def test_after_one_damaged_history_one_scan_is_inconclusive_and_open_incidents_stay(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(4))
    await scanned(config)
    await admin.request("$JS.API.STREAM.DELETE.ORDERS", b"")
    await store(server, admin, *good(5))
    assert (await auditor("scan", "--config", config)).code == 2
    assert (await scanned(config))["findings_total"] == {"stream_recreated": 1}
    await replaced(admin, b"damaged", AUDIT_HISTORY_FORMAT)
    ended = await auditor("scan", "--config", config, "--json")
    report = ended.json["audits"][0]
    assert (ended.code, report["mode"], report["findings_total"]) == (2, "full", {"stream_recreated": 1})
    assert "its previous version is used" in report["incomplete"]
    assert "saved history not used" in ended.err
    again = await scanned(config)
    assert (again["verdict"], again["findings_total"]) == ("corrupt", {"stream_recreated": 1})
    assert again.get("incomplete") is None


async def test_a_history_damaged_twice_makes_every_scan_inconclusive_until_the_state_is_reset(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(4))
    assert (await scanned(config))["verdict"] == "clean"
    for _ in range(2):
        await replaced(admin, b"damaged")
    for _ in range(2):
        ended = await auditor("scan", "--config", config, "--json")
        assert (ended.code, ended.json["audits"][0]["verdict"]) == (3, "inconclusive")
        assert "auditor state reset --audit orders" in ended.json["audits"][0]["incomplete"]
    assert (await auditor("state", "reset", "--config", config, "--yes")).code == 0
    assert (await scanned(config))["verdict"] == "clean"


@pytest.mark.parametrize("part", ["chronicle", "completed", "underway"])
async def test_state_of_a_newer_format_is_refused_in_one_line_and_left_as_it_is(
    server: EmbeddedServer, admin: Client, tmp_path: Path, part: str
) -> None:
    config = configured(tmp_path, server.url)
    await store(server, admin, *good(4))
    await scanned(config)
    await replaced(admin, b"of the future", 99, part)
    saved = PartStore(admin, StateConfig(), StreamSource(admin, "ORDERS"), "orders", "9.9.9")
    before = await saved.load_manifest()
    for options in ([], [], ["--full"]):
        ended = await auditor("scan", "--config", config, *options)
        assert ended.code == 1
        assert f"{part} has format 99, written by auditor 9.9.9" in ended.said
    assert await saved.load_manifest() == before
