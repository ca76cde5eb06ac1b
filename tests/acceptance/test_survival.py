"""After a kill, a removal or a lost connection no finding is lost, no record is stored twice, and audits continue."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import TYPE_CHECKING

import pytest

from auditor.canary.actor_messages import SeedMessage
from tests.acceptance.conftest import auditor, begin, configured
from tests.acceptance.test_run import LISTEN, all_stored, completed, daemon, enlarge_quarantine, until
from tests.acceptance.test_scan import good, store
from tests.acceptance.test_state import BAD, scanned
from tests.live.cluster import Cluster
from tests.publishing import RawPublisher

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client
    from tests.acceptance.test_run import Running

OWN = ("AETHER_QUARANTINE", "AETHER_AUDIT")


async def records(admin: Client) -> tuple[int, int]:
    """Messages in the quarantine, and subjects: the same number, if none is there twice."""
    state = json.loads((await admin.request("$JS.API.STREAM.INFO.AETHER_QUARANTINE")).data)["state"]
    return state["messages"], state.get("num_subjects", 0)


async def append(server: EmbeddedServer, *messages: object) -> None:
    async with RawPublisher(server.port) as publisher:
        await publisher.publish(messages)


async def found(running: Running, count: int) -> bool:
    return await running.metric("findings", kind="malformed_event") == count


async def test_a_scan_that_was_killed_continues_from_its_last_checkpoint(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(90_000), *[BAD] * 10)
    slow = configured(tmp_path, server.url, "max_rate: 3000")
    process = await begin("scan", "--config", slow, "--json")
    async with asyncio.timeout(60):
        while "full pass in progress" not in (await auditor("state", "show", "--config", slow)).out:
            assert process.returncode is None
    process.kill()
    await process.wait()
    shown = (await auditor("state", "show", "--config", slow)).out
    assert "full pass in progress: stream ORDERS, sequences 1 to " in shown
    report = await scanned(configured(tmp_path, server.url))
    assert (report["mode"], report["findings_total"]) == ("full", {"malformed_event": 10})
    assert report["read"]["first_seq"] > 4_000
    assert report["findings"] == (await scanned(configured(tmp_path, server.url), "--full"))["findings"]
    assert await records(admin) == (10, 10)


async def test_scans_killed_at_any_moment_lose_nothing(server: EmbeddedServer, admin: Client, tmp_path: Path) -> None:
    await store(server, admin, *good(3_000), *[BAD] * 300)
    config = configured(tmp_path, server.url)
    chance = random.Random(7)
    for _ in range(8):
        process = await begin("scan", "--config", config, "--full")
        await asyncio.sleep(chance.uniform(0.3, 0.9))
        if process.returncode is None:
            process.kill()
        await process.communicate()
    report = await scanned(config)
    assert report["findings_total"] == {"malformed_event": 300}
    assert report["findings"] == (await scanned(config, "--full"))["findings"]
    assert await records(admin) == (300, 300)


async def test_after_a_restart_the_last_pass_is_reported_before_the_next_one_ends(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5), BAD)
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 1h}", LISTEN)) as running:
        await until(lambda: completed(running))
        saved = await running.metric("checkpoint_timestamp_seconds")
        assert saved is not None
        assert time.time() - saved < 20
        assert await running.stop() < 10
    await append(server, *[BAD] * 500)
    slow = configured(tmp_path, server.url, "schedule: {every: 1h}, max_rate: 10", LISTEN)
    async with daemon(slow) as running:

        async def walking() -> bool:
            return bool((await running.audit())["running"])

        await until(walking)
        assert await found(running, 1)
        assert await running.metric("last_pass_timestamp_seconds", mode="full") is not None
        assert await running.metric("checkpoint_timestamp_seconds") == saved
        assert (await running.audit())["running"]["mode"] == "incremental"
        assert await running.metric("newest_finding_timestamp_seconds", kind="malformed_event") == 0
        assert await running.metric("passes_total") == 0
        assert await running.stop() < 10


async def test_only_new_messages_are_read_and_new_findings_are_reported(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5), BAD)
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 300ms}", LISTEN)) as running:
        await until(lambda: found(running, 1))
        assert await running.metric("newest_finding_timestamp_seconds", kind="malformed_event") == 0
        await append(server, BAD, BAD)
        await until(lambda: found(running, 3))
        newest = await running.metric("newest_finding_timestamp_seconds", kind="malformed_event")
        assert newest is not None
        assert abs(time.time() - newest) < 20
        assert await running.metric("passes_total", mode="full") == 1
        assert await running.metric("messages_examined_total", outcome="malformed") == 3
        assert await running.metric("messages_examined_total", outcome="ok") == 5
        assert (await running.metric("last_pass_timestamp_seconds", mode="incremental") or 0) > 0
        due = await running.metric("pass_due_timestamp_seconds", mode="full") or 0
        assert 86_400 - 60 < due - time.time() < 86_400 + 120
        assert await running.stop() < 10


async def test_a_full_pass_yields_to_new_messages_and_continues(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(20_000), BAD)
    await scanned(configured(tmp_path, server.url))
    config = configured(tmp_path, server.url, "schedule: {every: 1s}, full_pass_every: 1s, max_rate: 2000", LISTEN)
    reached = [0]
    for count in (2, 3):  # with a restart in between
        async with daemon(config) as running:
            await until(lambda: begun(running, "reading everything" if count == 2 else "connected"))  # noqa: B023
            await append(server, BAD)
            await until(lambda: found(running, count))  # noqa: B023 - awaited here
            assert await running.metric("passes_total", mode="full") == 0
            assert [one["mode"] for one in running.log if one["event"] == "pass completed"][-1] == "incremental"
            assert await running.stop() < 10
        reached += [one["seq"] for one in running.log if one["event"] == "full pass paused"]
    assert reached == sorted(set(reached))
    assert len(reached) >= 3
    async with daemon(config) as running:
        await until(lambda: begun(running, "full"), 30)
        assert await found(running, 3)
        assert await running.stop() < 10
    events = [one["event"] for one in running.log]
    assert "reading everything" not in events[: events.index("pass completed")]


async def test_a_full_pass_whose_records_are_refused_keeps_no_other_audit_waiting_and_they_are_stored_in_the_end(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    big = [SeedMessage(b"ORDERS.events.order.order-%d" % n, b"{" + b"x" * 4096) for n in range(100)]
    await store(server, admin, *big, *good(20_000))
    other = json.dumps({"name": "OTHER", "subjects": ["OTHER.>"]}).encode()
    assert b'"error"' not in (await admin.request("$JS.API.STREAM.CREATE.OTHER", other)).data
    config = tmp_path / "auditor.yaml"
    config.write_text(
        f"""nats: {{servers: ["{server.url}"]}}
audits:
  - {{name: orders, stream: ORDERS, max_rate: 2000, schedule: {{every: 1s}}}}
  - {{name: other, stream: OTHER, schedule: {{every: 1h}}}}
quarantine: {{max_bytes: 64KiB}}
{LISTEN}"""
    )
    async with daemon(str(config)) as running:
        await until(lambda: begun(running, "full pass paused"))
        await until(lambda: running.metric("passes_total", audit="other"))
        assert not await running.metric("passes_total", audit="orders")
        await until(lambda: running.metric("passes_total", audit="orders"))
        pending = (await running.audit())["quarantine_pending"]
        assert 0 < pending < 100
        assert await running.metric("quarantine_records_total", audit="orders", result="failed") == pending
        await enlarge_quarantine(admin)
        await until(lambda: all_stored(running), 40)
        assert await records(admin) == (100, 100)
        assert await running.stop() < 10


async def begun(running: Running, what: str) -> bool:
    return any(what in (event["event"], event.get("mode")) for event in running.log)


async def test_the_streams_of_the_auditor_may_be_removed_while_it_runs(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5), BAD)
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 300ms}", LISTEN)) as running:
        await until(lambda: found(running, 1))
        for count, stream in enumerate((*OWN, *OWN), 2):
            await admin.request(f"$JS.API.STREAM.DELETE.{stream}")
            await append(server, BAD)
            await until(lambda count=count: found(running, count))

            async def there(stream: str = stream) -> bool:
                return b'"error"' not in (await admin.request(f"$JS.API.STREAM.INFO.{stream}")).data

            await until(there)
        assert await running.metric("findings", kind="version_gap") == 0
        assert await running.stop() < 10
    report = await scanned(configured(tmp_path, server.url))
    assert (report["mode"], report["findings_total"]) == ("incremental", {"malformed_event": 5})
    assert (await scanned(configured(tmp_path, server.url), "--full"))["findings_total"] == {"malformed_event": 5}
    assert await records(admin) == (5, 5)


async def test_a_server_that_is_killed_repeatedly_loses_no_finding(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(5))
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 200ms}", LISTEN)) as running:
        await until(lambda: completed(running))
        for count in range(1, 6):
            await append(server, BAD)
            await asyncio.sleep(0.05 * count)  # at another moment of a pass each time; none may matter
            server.kill()
            await server.start()
        await until(lambda: found(running, 5), 60)
        assert await running.stop() < 10
    await admin.wait_connected()
    assert (await scanned(configured(tmp_path, server.url), "--full"))["findings_total"] == {"malformed_event": 5}
    assert await records(admin) == (5, 5)


async def test_a_full_state_stream_stops_no_audit(server: EmbeddedServer, admin: Client, tmp_path: Path) -> None:
    await store(server, admin, *good(5), BAD)
    settings = {"name": "AETHER_AUDIT", "subjects": ["aether.audit.>"], "discard": "new", "allow_rollup_hdrs": True}
    body = json.dumps({**settings, "max_bytes": 1000}).encode()
    await admin.request("$JS.API.STREAM.CREATE.AETHER_AUDIT", body)
    async with daemon(configured(tmp_path, server.url, "schedule: {every: 300ms}", LISTEN)) as running:
        await until(lambda: found(running, 1))
        await append(server, BAD)
        await until(lambda: found(running, 2))
        assert await running.metric("passes_total", mode="full") == 1
        assert await running.metric("checkpoint_timestamp_seconds") is None
        assert await running.stop() < 10
    assert {"state not saved"} <= {event["event"] for event in running.log}


@pytest.mark.soak
async def test_in_a_cluster_leaders_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    async with Cluster(tmp_path) as cluster:
        admin = await cluster.connect()
        settings = {"name": "ORDERS", "subjects": ["ORDERS.>"], "num_replicas": 3}
        await cluster.api(admin, "STREAM.CREATE.ORDERS", **settings)
        path = tmp_path / "auditor.yaml"
        path.write_text(
            f"nats: {{servers: {json.dumps(cluster.urls)}}}\n"
            "audits: [{name: orders, stream: ORDERS, schedule: {every: 300ms}}]\n"
            f"quarantine: {{replicas: 3}}\nstate: {{replicas: 3}}\n{LISTEN}"
        )
        async with daemon(str(path)) as running:
            await until(lambda: completed(running), 60)
            count = 0
            for round_ in range(9):
                for stream in ("ORDERS", *OWN):
                    await cluster.api(admin, f"STREAM.INFO.{stream}")
                victim = await cluster.leader(admin, ("ORDERS", *OWN)[round_ % 3])
                for _ in range(20):
                    answer = await admin.request(BAD.subject.decode(), BAD.data)
                    count += b'"error"' not in answer.data
                cluster.servers[victim].kill()
                await admin.wait_connected()
                await until(lambda: found(running, count), 60)  # noqa: B023 - awaited here
                await cluster.servers[victim].start()
            assert await running.stop() < 10
        ended = await auditor("scan", "--config", str(path), "--full", "--json")
        assert ended.json["audits"][0]["findings_total"] == {"malformed_event": count}
        assert await records(admin) == (count, count)
        await admin.close()
