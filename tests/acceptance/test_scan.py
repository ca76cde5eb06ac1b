"""`auditor scan` as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from auditor.canary.actor_messages import ActorMessages, SeedMessage
from tests.acceptance.conftest import COMMAND, auditor, begin, configured, end, streams, totals
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.canary.damage import Damage
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client


async def store(
    server: EmbeddedServer, admin: Client, *messages: SeedMessage, subjects: tuple[str, ...] = ("ORDERS.>",)
) -> None:
    settings = {"name": "ORDERS", "subjects": list(subjects), "storage": "file"}
    assert b'"error"' not in (await admin.request("$JS.API.STREAM.CREATE.ORDERS", json.dumps(settings).encode())).data
    async with RawPublisher(server.port) as publisher:
        await publisher.publish(messages)


def good(last: int) -> list[SeedMessage]:
    story = ActorMessages("ORDERS", "order-1")
    story.events(*range(1, last + 1))
    return story.messages


@pytest.mark.usefixtures("seeded")
async def test_the_damaged_stream_is_corrupt_and_the_counts_of_its_report_add_up(config: str) -> None:
    ended = await auditor("scan", "--config", config, "--json")
    assert (ended.code, ended.err) == (2, "")
    report = ended.json
    (audit,) = report["audits"]
    assert (report["schema"], report["verdict"]) == ("aether-auditor/report/1", "corrupt")
    messages, events, snapshots = audit["messages"], audit["events"], audit["snapshots"]
    assert messages["in_range"] == sum(messages[part] for part in ("examined", "deleted", "unreadable", "skipped"))
    assert messages["examined"] == sum(events.values()) + sum(snapshots.values()) + messages["unjudged"]
    assert audit["coverage"] == 1.0
    counted: dict[str, int] = {}
    for finding in audit["findings"]:
        counted[finding["kind"]] = counted.get(finding["kind"], 0) + finding.get("count", 1)
    assert counted == audit["findings_total"]
    assert audit["range"] == audit["read"] == {"first_seq": 1, "last_seq": messages["in_range"]}


@pytest.mark.usefixtures("seeded")
async def test_a_second_scan_reports_the_same_and_stores_no_record_twice(config: str, admin: Client) -> None:
    first, second = [await auditor("scan", "--config", config, "--json") for _ in range(2)]
    assert first.json["audits"][0]["findings"] == second.json["audits"][0]["findings"]
    listed = await auditor("quarantine", "list", "--config", config, "--json")
    keys = [json.loads(line)["key"] for line in listed.out.splitlines()]
    assert len(keys) == len(set(keys)) > 10
    assert set(keys) == {f["quarantine"] for f in first.json["audits"][0]["findings"] if "quarantine" in f}
    assert await streams(admin) == {"ORDERS", "AETHER_QUARANTINE", "AETHER_AUDIT"}


@pytest.mark.usefixtures("seeded")
async def test_two_concurrent_auditors_report_the_same_and_store_each_record_once(config: str, admin: Client) -> None:
    ended = await asyncio.gather(*(auditor("scan", "--config", config, "--json") for _ in range(2)))
    one, other = (scan.json["audits"][0] for scan in ended)
    assert (one["findings"], one["quarantine_pending"]) == (other["findings"], 0)
    keys = {finding["quarantine"] for finding in one["findings"] if "quarantine" in finding}
    state = json.loads((await admin.request("$JS.API.STREAM.INFO.AETHER_QUARANTINE")).data)["state"]
    assert (state["messages"], state["num_subjects"]) == (len(keys), len(keys))


@pytest.mark.usefixtures("seeded")
async def test_a_dry_run_writes_nothing_and_finds_the_same(config: str, admin: Client) -> None:
    dry = await auditor("scan", "--config", config, "--json", "--dry-run")
    assert dry.code == 2
    assert await streams(admin) == {"ORDERS"}
    assert not any("quarantine" in finding for finding in dry.json["audits"][0]["findings"])
    wet = await auditor("scan", "--config", config, "--json")
    assert wet.json["audits"][0]["findings_total"] == dry.json["audits"][0]["findings_total"]


@pytest.mark.usefixtures("seeded")
async def test_findings_are_listed_up_to_a_number_and_counted_all(config: str) -> None:
    (audit,) = (await auditor("scan", "--config", config, "--json", "--max-findings", "3")).json["audits"]
    assert len(audit["findings"]) == 3
    assert audit["findings_cut"]
    assert sum(audit["findings_total"].values()) > 30


@pytest.mark.usefixtures("seeded")
async def test_without_a_terminal_tables_have_no_colour_and_no_progress_bar(config: str) -> None:
    ended = await auditor("scan", "--config", config)
    assert (ended.code, ended.err) == (2, "")
    assert "\x1b" not in ended.out
    assert ended.out.rstrip().endswith("orders: corrupt")
    for words in ("malformed_event", "version_gap", "order-1", "coverage 100.00%"):
        assert words in ended.out


async def test_a_clean_stream_is_clean(server: EmbeddedServer, admin: Client, config: str) -> None:
    await store(server, admin, *good(5))
    ended = await auditor("scan", "--config", config, "--json")
    assert (ended.code, ended.json["verdict"], ended.json["audits"][0]["events"]["ok"]) == (0, "clean", 5)


async def test_an_empty_stream_is_clean(server: EmbeddedServer, admin: Client, config: str) -> None:
    await store(server, admin)
    ended = await auditor("scan", "--config", config, "--json")
    assert (ended.code, ended.json["audits"][0]["read"]) == (0, None)
    shown = await auditor("scan", "--config", config, "--full")
    assert shown.code == 0
    assert "full, nothing to read, " in shown.out


async def test_an_interrupted_scan_is_inconclusive(server: EmbeddedServer, admin: Client, tmp_path: Path) -> None:
    await store(server, admin, *good(200))
    config = configured(tmp_path, server.url, "max_rate: 10")
    process = await begin("scan", "--config", config, "--json")
    async with asyncio.timeout(20):
        while b'"num_pending"' not in (await consumers(admin)):
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    ended = await end(process)
    assert (ended.code, ended.json["verdict"]) == (3, "inconclusive")
    assert "interrupted" in ended.json["audits"][0]["incomplete"]


def twice(tmp_path: Path, url: str) -> str:
    """A configuration with two audits of ORDERS, which read ten messages a second."""
    audits = ", ".join(f"{{name: {name}, stream: ORDERS, max_rate: 10}}" for name in ("first", "second"))
    path = tmp_path / "twice.yaml"
    path.write_text(f'nats: {{servers: ["{url}"]}}\naudits: [{audits}]\n')
    return str(path)


async def test_an_interrupted_scan_reports_the_audits_that_had_not_begun_too(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(200))
    ended = await auditor("scan", "--config", twice(tmp_path, server.url), "--json", "--timeout", "1s")
    assert (ended.code, ended.json["verdict"]) == (3, "inconclusive")
    first, second = ended.json["audits"]
    assert "interrupted at sequence" in first["incomplete"]
    not_begun = "the scan was interrupted before this audit began"
    assert second == {"name": "second", "stream": "ORDERS", "verdict": "failed", "error": not_begun}
    assert ended.err.splitlines() == [
        "auditor: interrupted after 1s, as --timeout says",
        f"auditor: second: {not_begun}",
    ]


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve a connection on which nothing is said."""
    while await reader.read(1 << 16):
        pass
    writer.close()


async def test_a_scan_is_interrupted_while_it_connects_and_reports_every_audit(tmp_path: Path) -> None:
    connected = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await silent(reader, writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        process = await begin("scan", "--config", twice(tmp_path, url), "--json")
        await asyncio.wait_for(connected.wait(), 20)
        process.send_signal(signal.SIGINT)
        begun = time.monotonic()
        ended = await end(process)
        assert time.monotonic() - begun < 4  # less than the time within which a server has to answer
    assert (ended.code, ended.json["verdict"]) == (3, "inconclusive")
    not_begun = "the scan was interrupted before this audit began"
    assert [(each["verdict"], each["error"]) for each in ended.json["audits"]] == [("failed", not_begun)] * 2


async def test_a_scan_that_ends_within_its_timeout_is_not_interrupted(
    server: EmbeddedServer, admin: Client, config: str
) -> None:
    await store(server, admin, *good(3))
    ended = await auditor("scan", "--config", config, "--json", "--timeout", "1h")
    assert (ended.code, ended.err) == (0, "")


async def test_a_lost_connection_is_reported_at_once_and_the_timeout_ends_the_wait(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(200))
    config = configured(tmp_path, server.url, "max_rate: 10")
    process = await begin("scan", "--config", config, "--json", "--dry-run", "--timeout", "4s")
    async with asyncio.timeout(20):
        while b'"num_pending"' not in (await consumers(admin)):
            await asyncio.sleep(0.05)
    server.kill()
    ended = await end(process)
    assert (ended.code, ended.json["verdict"]) == (3, "inconclusive")
    lost, interrupted = ended.err.splitlines()
    assert lost.startswith("auditor: connection to NATS lost, waiting (")
    assert interrupted == "auditor: interrupted after 4s, as --timeout says"


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("output", [[], ["--json"]])
async def test_a_scan_whose_reader_has_gone_is_silent_and_keeps_its_exit_code(config: str, output: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "scan", "--config", config, *output, stdout=writer, stderr=asyncio.subprocess.PIPE
    )
    os.close(writer)
    _, err = await process.communicate()
    assert (process.returncode, err) == (2, b"")


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("output", [[], ["--json"]])
async def test_a_report_that_does_not_fit_on_the_disk_is_one_line(config: str, output: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "scan", "--config", config, *output, stdout=full, stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
    message = b"auditor: stdout: the result could not be written: No space left on device\n"
    assert (process.returncode, err) == (1, message)


async def consumers(admin: Client) -> bytes:
    return (await admin.request("$JS.API.CONSUMER.LIST.ORDERS", b"{}")).data


async def test_one_audit_that_cannot_run_makes_the_others_inconclusive(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5))
    path = tmp_path / "two.yaml"
    path.write_text(f"""
nats: {{servers: ["{server.url}"]}}
audits: [{{name: orders, stream: ORDERS}}, {{name: gone, stream: GONE}}]
""")
    ended = await auditor("scan", "--config", str(path), "--json")
    assert ended.code == 3
    assert [audit["verdict"] for audit in ended.json["audits"]] == ["clean", "failed"]
    assert "GONE" in ended.err
    assert (await auditor("scan", "--config", str(path), "--audit", "gone", "--json")).code == 1
    assert (await auditor("scan", "--config", str(path), "--audit", "orders", "--json")).code == 0
    unknown = await auditor("scan", "--config", str(path), "--audit", "nope")
    assert (unknown.code, 'no audit "nope"' in unknown.said) == (1, True)


HOSTILE = ("<script>alert(1)</script>", "[red]x[/red]", "\x1b[31mred", "a\u202eb", "{{7*7}}")


async def test_no_stored_byte_controls_a_terminal_or_breaks_the_json(
    server: EmbeddedServer, admin: Client, config: str
) -> None:
    messages = [SeedMessage(f"ORDERS.events.unknown.{text}".encode(), b"{") for text in HOSTILE]
    messages.append(SeedMessage(b"ORDERS.events.order.\xff\xfe\xed\xa0\x80", b"\xff"))
    await store(server, admin, *messages)
    found = (await auditor("scan", "--config", config, "--json")).json["audits"][0]["findings"]
    assert {finding["subject"] for finding in found} == {
        *(f"ORDERS.events.unknown.{text}" for text in HOSTILE),
        "ORDERS.events.order.\\xff\\xfe\\xed\\xa0\\x80",
    }
    assert {finding["kind"] for finding in found} == {"malformed_event", "unreachable_event"}
    shown = (await auditor("scan", "--config", config, COLUMNS="200")).out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    for text in ("<script>alert(1)</script>", "[red]x[/red]", "\\x1b[31mred", "a\\u202eb"):
        assert text in shown
    listed = (await auditor("quarantine", "list", "--config", config, COLUMNS="200")).out
    assert "\x1b" not in listed


async def test_all_seeded_damage_is_found_and_nothing_else(config: str, seeded: tuple[Damage, ...]) -> None:
    (audit,) = (await auditor("scan", "--config", config, "--json")).json["audits"]
    assert audit["findings_total"] == totals(seeded)
