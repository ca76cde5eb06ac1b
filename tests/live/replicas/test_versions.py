"""The core of the cluster tests on other versions of nats-server, which `make soak` installs."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.core.model.passes import Verdict
from tests.live.cluster import NAMES
from tests.live.replicas.accused import Accused, accused
from tests.live.replicas.laboratory import replica_laboratory
from tests.live.replicas.test_damage import BAD, GOOD, ROWS, Damaged, Row, check_row, cut_last_block, damage_and_audit
from tests.live.replicas.test_races import WORKLOADS, disturbed, false_findings
from tests.live.replicas.test_repair import damage_and_replace, flip
from tests.needs import need

ROOT = Path(__file__).parents[3]


def expected_row(damaged: Damaged, stream: str, version: str) -> Row:
    """Return what must be found. An older server may count the messages of a lost block until they are read."""
    row = ROWS[stream]
    counts = {each.name: each.count for each in damaged.reports[stream].replicas.copies}
    if version == "2.11" and row.damage is cut_last_block:  # which 2.11 does not restore
        row = replace(row, kind="replica_missing")
    if row.kind == "replica_missing" and counts[BAD] == counts[GOOD]:
        row = replace(row, kind="replica_unreadable")
    return row


@pytest.mark.soak
@pytest.mark.parametrize("version", ["2.10", "2.11", "2.12", "2.14"])
async def test_an_older_nats_server_gives_the_same_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    programs = ROOT / f".venv-nats-{version}" / "bin"
    need(
        None
        if (programs / "nats-server").exists()
        else f"nats-server {version} is absent: make .venv-nats-{version}/stamp"
    )
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    async with replica_laboratory(tmp_path) as lab:
        server = lab.client.connected_server_version
        assert f"{server.major}.{server.minor}" == version
        damaged = await damage_and_audit(lab)
        if version == "2.10":  # it delivers the message before the cut neither
            ((first, last),) = damaged.ranges["CUT_BLOCK"]
            damaged.ranges["CUT_BLOCK"] = ((first - 1, last),)
        for stream in ROWS:
            check_row(damaged, stream, row=expected_row(damaged, stream, version))
        races = await asyncio.gather(*(disturbed(lab, stream, 2, 1_000) for stream in WORKLOADS))
        assert [found for reports in races for report in reports if (found := false_findings(report))] == []
        await damage_and_replace(lab, "REPAIR", flip, tmp_path / "moved", leads=True)
        await lab.create("STOPPED")
        await lab.store("STOPPED", 1, 2_000)
        async with lab.stopped(NAMES[1]):
            report = await lab.audited("STOPPED")
        assert (report.verdict, accused(report)) == (Verdict.INCONCLUSIVE, [Accused("replica_absent", NAMES[1])])
