"""`auditor scan --json` reports the same as the files in `tests/golden`.

`make golden` writes the files again. It is for a change of the report that is meant; review the difference.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import auditor as package
from auditor.aether.stream_layout import StreamLayout
from auditor.canary.damage import all_damage
from auditor.jetstream.seed import create_and_fill
from tests.acceptance.conftest import auditor

if TYPE_CHECKING:
    from auditor.embedded_server import EmbeddedServer
    from auditor.jetstream.connection.client import Client

GOLDEN = Path(__file__).parents[1] / "golden"
WRITE = "AUDITOR_WRITE_GOLDEN" in os.environ
TIMES = {"started_at", "finished_at", "full_pass_at", "noticed_at"}


def normalized(value: Any, key: str = "") -> Any:
    """`value` without what differs between two runs: times, durations, the epoch in keys of records, ids, the version."""
    if isinstance(value, dict):
        return {name: normalized(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [normalized(each) for each in value]
    if key in TIMES:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", value), value
        return "TIME"
    if key == "duration_seconds":
        assert 0 <= value < 60
        return "SECONDS"
    if key == "quarantine":
        return re.sub(r"^(aether\.quarantine\.\w+)\.\d{10}\.", r"\1.EPOCH.", value)
    if key == "id":
        assert re.fullmatch(r"f-[a-z2-7]{12}", value), value
        return "ID"
    if key == "version" and value == package.__version__:
        return "VERSION"
    return value


def golden_text(report: Any) -> str:
    return json.dumps(normalized(report), indent=2, ensure_ascii=False) + "\n"


def check(name: str, report: Any) -> None:
    """Compare `report` with the file of this name, or write the file."""
    path = GOLDEN / f"{name}.json"
    if WRITE:
        path.write_text(golden_text(report), encoding="utf-8")
    assert golden_text(report).splitlines() == path.read_text(encoding="utf-8").splitlines(), path


def file_name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


TITLES = [damage.title for damage in all_damage("S")]


@pytest.mark.usefixtures("seeded")
async def test_the_report_of_the_demo_stream_is_the_golden_one(config: str) -> None:
    ended = await auditor("scan", "--config", config, "--json")
    assert (ended.code, ended.err) == (2, "")
    check("demo", ended.json)


async def test_the_report_of_each_damage_of_the_canary_alone_is_the_golden_one(
    server: EmbeddedServer, admin: Client, tmp_path: Path
) -> None:
    audits = []
    for number, title in enumerate(TITLES, 1):
        stream = f"DAMAGE_{number}"
        damage = all_damage(stream)[number - 1]
        messages = damage.actor.messages
        await create_and_fill(
            admin,
            {"name": stream, "subjects": list(StreamLayout(stream).subjects), "storage": "file"},
            [message.raw for message in messages],
            [seq for seq, message in enumerate(messages, 1) if message.deleted],
        )
        audits.append({"name": file_name(title), "stream": stream})
    path = tmp_path / "auditor.yaml"
    path.write_text(json.dumps({"nats": {"servers": [server.url]}, "audits": audits}))
    ended = await auditor("scan", "--config", str(path), "--json")
    assert ended.err == ""
    reports = ended.json["audits"]
    assert [report["name"] for report in reports] == [file_name(title) for title in TITLES]
    for report in reports:
        check(f"damage-{report['name']}", report)


def test_there_is_a_golden_file_for_the_demo_and_for_each_damage_and_no_other() -> None:
    expected = {"demo", *(f"damage-{file_name(title)}" for title in TITLES)}
    assert {path.stem for path in GOLDEN.glob("*.json")} == expected
