"""`auditor quarantine` as a process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from auditor.canary.damage import STATUS_HEADERS
from tests.acceptance.conftest import auditor

if TYPE_CHECKING:
    from pathlib import Path

    from auditor.canary.damage import Damage


async def test_records_are_listed_shown_and_exported_byte_for_byte(
    config: str, seeded: tuple[Damage, ...], tmp_path: Path
) -> None:
    scanned = (await auditor("scan", "--config", config, "--json")).json["audits"][0]["findings"]
    by_actor = {finding["actor"]: finding["quarantine"] for finding in scanned if finding["kind"] == "malformed_event"}
    listed = await auditor("quarantine", "list", "--config", config, "--json")
    assert (listed.code, listed.err) == (0, "")
    records = {record["key"]: record for record in map(json.loads, listed.out.splitlines())}
    assert by_actor.keys() == {records[key]["subject"].rpartition(".")[2] for key in by_actor.values()}

    for damage in seeded:
        if damage.actor.actor_id in by_actor:
            key = by_actor[damage.actor.actor_id]
            out = tmp_path / "payload"
            short = key.removeprefix("aether.quarantine.")
            assert (await auditor("quarantine", "export", short, "--config", config, "--out", str(out))).code == 0
            assert out.read_bytes() == damage.actor.messages[3].data

    key = next(
        by_actor[d.actor.actor_id]
        for d in seeded
        if d.actor.messages[3:] and d.actor.messages[3].headers == STATUS_HEADERS
    )
    shown = await auditor("quarantine", "show", key, "--config", config)
    assert (shown.code, shown.err) == (0, "")
    for words in (
        "malformed_event (syntax)",
        "ORDERS, sequence",
        "header block:",
        "Status: 404",
        "(the end)",
        "SHA-256",
    ):
        assert words in shown.out

    table = await auditor("quarantine", "list", "--config", config, COLUMNS="200")
    assert f"{len(records)} records" in table.out


async def test_an_export_that_cannot_be_written_is_one_line(
    config: str, seeded: tuple[Damage, ...], tmp_path: Path
) -> None:
    scanned = (await auditor("scan", "--config", config, "--json")).json["audits"][0]["findings"]
    key = next(finding["quarantine"] for finding in scanned if "quarantine" in finding)
    ended = await auditor("quarantine", "export", key, "--config", config, "--out", str(tmp_path / "no" / "where"))
    assert (ended.code, "cannot be written" in ended.said) == (1, True)
    assert seeded
