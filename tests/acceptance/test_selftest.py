"""`auditor selftest`, and the self-test of the daemon, as processes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from auditor.canary.stream import CANARY, contents
from tests.acceptance.conftest import auditor, configured, streams
from tests.acceptance.test_run import LISTEN, daemon, until
from tests.acceptance.test_scan import good, store

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

PROVED = [
    "everything planted was found, and nothing else",
    "every quarantined message is in the quarantine stream, byte for byte",
]


async def asked(admin: Client, subject: str, **body: object) -> dict:
    return json.loads((await admin.request(f"$JS.API.{subject}", json.dumps(body).encode())).data)


async def stored(admin: Client) -> tuple[int, int, str]:
    state = (await asked(admin, f"STREAM.INFO.{CANARY}"))["state"]
    return state["messages"], state["last_seq"], state["last_ts"]


async def test_without_a_configuration_the_self_test_runs_on_an_embedded_server() -> None:
    ended = await auditor("selftest")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-2:] == PROVED


async def test_on_a_users_server_the_canary_is_created_once_and_its_records_are_not_listed(
    server: EmbeddedServer, admin: Client, config: str
) -> None:
    await store(server, admin, *good(1))
    ended = await auditor("selftest", "--config", config)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == f"stream {CANARY} was created, with one of each damage"
    assert await streams(admin) == {"ORDERS", CANARY, "AETHER_QUARANTINE"}
    kept = (await asked(admin, "STREAM.INFO.AETHER_QUARANTINE", subjects_filter=">"))["state"]["subjects"]
    assert kept
    assert all(subject.startswith(f"aether.quarantine.{CANARY}.") for subject in kept)
    before = await stored(admin)
    again = await auditor("selftest", "--config", config)
    assert (again.code, again.err) == (0, "")
    assert again.out == ended.out.split("\n", 1)[1]
    assert await stored(admin) == before
    listed = await auditor("quarantine", "list", "--config", config)
    assert listed.out.splitlines()[-1] == "0 records"


@pytest.mark.parametrize("loss", ["a message", "a record", "the end", "another version", "something besides"])
async def test_the_self_test_fails_if_any_seeded_damage_is_not_found_or_not_stored(
    server: EmbeddedServer, admin: Client, config: str, loss: str
) -> None:
    await store(server, admin, *good(1))
    assert (await auditor("selftest", "--config", config)).code == 0
    seq = next(seq for seq, each in enumerate(contents().messages, 1) if each.data == b"")
    if loss == "a message":
        await asked(admin, f"STREAM.MSG.DELETE.{CANARY}", seq=seq)
        said = "not everything planted was found"
    elif loss == "a record":
        info = (await asked(admin, f"STREAM.INFO.{CANARY}"))["config"]
        await asked(admin, "STREAM.PURGE.AETHER_QUARANTINE")
        full = (await asked(admin, "STREAM.INFO.AETHER_QUARANTINE"))["config"] | {"max_bytes": 1}
        await asked(admin, "STREAM.UPDATE.AETHER_QUARANTINE", **full)
        assert info
        said = "records could not be stored"
    elif loss == "the end":
        config_ = (await asked(admin, f"STREAM.INFO.{CANARY}"))["config"]
        await asked(admin, f"STREAM.DELETE.{CANARY}")
        await asked(admin, f"STREAM.CREATE.{CANARY}", **config_)
        said = f"stream {CANARY} was seeded only in part: delete stream {CANARY} as an administrator"
    elif loss == "another version":
        config_ = (await asked(admin, f"STREAM.INFO.{CANARY}"))["config"]
        await asked(admin, f"STREAM.UPDATE.{CANARY}", **config_ | {"description": "mine"})
        said = f"stream {CANARY} was not seeded by this version of the auditor: delete stream {CANARY}"
    else:
        await admin.request(f"{CANARY}.events.order.order-999", b"{")
        said = "found besides: malformed_event"
    ended = await auditor("selftest", "--config", config)
    assert ended.code == 1
    assert said in ended.out + ended.err
    assert "Traceback" not in ended.err


async def test_the_daemon_runs_the_self_test_at_its_start_and_after_every_full_pass_and_writes_nothing(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(1))
    config = configured(tmp_path, server.url, "schedule: {every: 100ms}, full_pass_every: 100ms", LISTEN)
    async with daemon(config) as running:

        async def passed(at_least: float = 1) -> bool:
            return (await running.metric("passes_total", mode="full") or 0) >= at_least

        await until(passed)
        assert await running.metric("selftest_ok") is None
        assert (await auditor("selftest", "--config", config)).code == 0

        async def sees() -> bool:
            return await running.metric("selftest_ok") == 1

        await until(sees)
        before = await stored(admin)
        text = await (await running.http.get("/metrics")).text()
        assert "canary" not in text.lower().replace("damage in the canary", "").replace("without a canary", "")
        assert await running.metric("findings") == 0
        await asked(admin, f"STREAM.MSG.DELETE.{CANARY}", seq=1)

        async def fails() -> bool:
            return await running.metric("selftest_ok") == 0

        await until(fails)
        page = await (await running.http.get("/")).text()
        assert "The self-test failed" in page
        assert json.loads(await (await running.http.get("/api/status")).text())["selftest_ok"] is False
        assert await stored(admin) == (before[0] - 1, *before[1:])
        await asked(admin, f"STREAM.DELETE.{CANARY}")

        async def silent() -> bool:
            return await running.metric("selftest_ok") is None

        await until(silent)
        assert any(line.get("event") == "self-test failed" and "besides" not in line["reason"] for line in running.log)
        await running.stop()


async def test_after_a_restart_the_daemon_runs_the_self_test_before_any_full_pass(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    await store(server, admin, *good(1))
    config = configured(tmp_path, server.url, "", LISTEN)
    assert (await auditor("selftest", "--config", config)).code == 0
    assert (await auditor("scan", "--config", config)).code == 0
    async with daemon(config) as running:

        async def sees() -> bool:
            return await running.metric("selftest_ok") == 1

        await until(sees)
        assert not await running.metric("passes_total", mode="full")
        await running.stop()


async def test_no_canary_is_created_if_there_is_no_quarantine_stream_for_its_records(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    config = configured(tmp_path, server.url, more="quarantine: {create: false}\n")
    ended = await auditor("selftest", "--config", config)
    assert ended.code == 1
    assert "quarantine stream AETHER_QUARANTINE does not exist: run `auditor provision`" in ended.said
    assert await streams(admin) == set()
