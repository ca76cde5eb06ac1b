"""`auditor findings` as a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import auditor, totals
from tests.acceptance.test_state import scanned

if TYPE_CHECKING:
    from auditor.canary.damage import Damage


@pytest.fixture
async def report(seeded: tuple[Damage, ...], config: str) -> dict:
    """Of the damaged stream of the demo, which was scanned."""
    return await scanned(config)


async def test_findings_are_listed_with_the_ids_of_the_report(
    config: str, report: dict, seeded: tuple[Damage, ...]
) -> None:
    ended = await auditor("findings", "list", "--config", config, "--json", "--limit", "500")
    listed = ended.json
    assert (ended.code, listed["schema"], listed["total_exact"]) == (0, "aether-auditor/findings/1", True)
    assert listed["total"] == len(listed["items"]) == sum(totals(seeded).values())
    assert [{**each, "audit": "orders", "state": "open"} for each in report["findings"]] == listed["items"]
    assert len({each["id"] for each in listed["items"]}) == listed["total"]


@pytest.mark.usefixtures("report")
async def test_gaps_are_in_the_row_of_the_message_that_causes_them(config: str) -> None:
    grouped = await auditor("findings", "list", "--config", config, COLUMNS="160")
    single = await auditor("findings", "list", "--config", config, "--group", "none")
    assert (grouped.code, grouped.err) == (single.code, single.err) == (0, "")
    assert "37 findings in 27 rows" in grouped.out
    assert "1 follows from it" in grouped.out
    assert single.out.splitlines()[-1] == "37 findings"
    short = await auditor("findings", "list", "--config", config, "--limit", "3")
    assert "37 findings in 27 rows; 3 rows are listed, --limit lists more" in short.out


async def test_one_finding_is_shown_with_its_consequences(config: str, report: dict) -> None:
    bad = next(each for each in report["findings"] if each["actor"] == "order-1" and each["kind"] == "malformed_event")
    gap = next(each for each in report["findings"] if each["actor"] == "order-1" and each["kind"] == "version_gap")
    shown = await auditor("findings", "show", bad["id"], "--config", config)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"{bad['id']}: malformed_event (corruption, open) in audit orders\n")
    assert f"follows from it: {gap['id']} version_gap, after 276, before 392" in shown.out
    (one,) = (await auditor("findings", "show", bad["id"], "--config", config, "--json")).json["items"]
    assert (one["seq"], one["consequences"], one["caused_by"]) == (bad["seq"], [gap["id"]], [])
    (other,) = (await auditor("findings", "show", gap["id"], "--config", config, "--json")).json["items"]
    assert (other["consequences"], other["caused_by"]) == ([], [bad["id"]])


@pytest.mark.usefixtures("report")
async def test_accepted_findings_are_listed_as_such(config: str) -> None:
    arguments = ("--config", config, "--audit", "orders", "--kind", "malformed_event")
    assert (await auditor("accept", *arguments, "--reason", "known")).code == 0
    accepted = await auditor("findings", "list", *arguments, "--state", "accepted", "--json")
    assert {(each["state"], each["kind"]) for each in accepted.json["items"]} == {("accepted", "malformed_event")}
    assert accepted.json["total"] == 7
    still_open = await auditor("findings", "list", *arguments)
    assert still_open.out == "0 findings\n"


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("list", "--kind", "gap"), '--kind: "gap" is none of malformed_event, '),
        (("list", "--state", "closed"), '--state: "closed" is none of open, accepted, all'),
        (("list", "--severity", "bad"), '--severity: "bad" is none of corruption, inconclusive, notice'),
        (("list", "--group", "actor"), '--group: "actor" is none of cause, none'),
        (("show", "f-none"), 'no finding "f-none" is in the last report of orders'),
    ],
)
async def test_what_does_not_exist_is_one_line_and_exit_code_1(
    config: str, arguments: tuple[str, ...], text: str
) -> None:
    ended = await auditor("findings", *arguments, "--config", config)
    assert ended.code == 1
    assert text in ended.said


async def test_without_a_saved_pass_the_command_says_what_to_run(config: str) -> None:
    ended = await auditor("findings", "list", "--config", config)
    assert ended.code == 1
    assert "run auditor scan first" in ended.said
