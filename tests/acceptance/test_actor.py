"""`auditor actor` as a process."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import auditor

if TYPE_CHECKING:
    from auditor.canary.damage import Damage


async def test_damaged_actors_are_shown_as_aether_replays_them(config: str, seeded: tuple[Damage, ...]) -> None:
    by_what = {damage.title: damage.actor for damage in seeded}
    story = by_what["an event cut in half"]
    ended = await auditor("actor", story.actor_id, "--config", config, "--json")
    assert (ended.code, ended.err) == (2, "")
    view = ended.json
    assert [event["version"] for event in view["events"]] == [1, 2, 3, 5, 6, 7, 8]
    assert [base64.b64decode(error["raw_base64"]) for error in view["errors"]] == [story.messages[3].data]
    assert [(gap["kind"], gap["cause"], gap["missing"]) for gap in view["gaps"]] == [("version_gap", "malformed", 1)]
    assert (view["latest_version"], view["snapshot"], view["replay"]) == (8, None, "broken")

    covered = (
        await auditor("actor", by_what["lost versions that a snapshot covers"].actor_id, "--config", config, "--json")
    ).json
    assert (covered["snapshot"]["version"], covered["replay"]) == (5, "replayable_from_snapshot")
    bad = (
        await auditor("actor", by_what["a last snapshot that does not decode"].actor_id, "--config", config, "--json")
    ).json
    assert "error" in bad["snapshot"]
    assert bad["replay"] == "replayable"


@pytest.mark.usefixtures("seeded")
async def test_a_healthy_actor_is_clean(config: str) -> None:
    ended = await auditor("actor", "order-1000", "--config", config)
    assert (ended.code, ended.err) == (0, "")
    assert "replay    replayable" in ended.out
    later = (await auditor("actor", "order-1000", "--config", config, "--from-version", "3", "--json")).json
    assert [event["version"] for event in later["events"]][:2] == [4, 5]


@pytest.mark.usefixtures("seeded")
async def test_the_text_names_what_replay_skips_and_commands_that_work(config: str) -> None:
    ended = await auditor("actor", "order-1", "--config", config)
    assert ended.code == 2
    assert "skipped by replay: sequence " in ended.out
    assert "replay    broken: no snapshot covers the damage; a snapshot of version 4 or later would" in ended.out
    assert "missing   version 4 is missing between sequences" in ended.out
    commands = [line.split() for line in ended.out.splitlines() if line.strip().startswith("auditor ")]
    assert {command[1] for command in commands} == {"quarantine", "accept"}
    assert (await auditor("scan", "--config", config)).code == 2
    for command in commands:  # each can be typed unchanged
        assert (await auditor(*command[1:])).code == 0
    again = await auditor("actor", "order-1", "--config", config, "--json")
    assert next(step["about"] for step in again.json["reasoning"]) == "there"
    assert all(finding["subject"].endswith(".order-1") for finding in again.json["findings"])
