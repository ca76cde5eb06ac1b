"""A pass over the demo finds the seeded damage."""

from __future__ import annotations

from auditor.app import connected
from auditor.canary.match import match_findings
from auditor.config.values import listen
from auditor.demo.run import running_demo


async def test_all_seeded_damage_is_found_and_nothing_else() -> None:
    async with (
        running_demo(listen("127.0.0.1:0"), writing=False) as demo,
        connected(demo.config, writes=True) as auditor,
    ):
        report = await auditor.new_pass(demo.config.audits[0]).run()
    result = match_findings(demo.damage, report)
    missing = [
        (damage.title, expected) for damage, findings in result.found for expected, found in findings if not found
    ]
    assert (missing, result.unexpected, result.is_exact) == ([], (), True)
    assert match_findings(demo.damage[1:], report).unexpected
    assert not match_findings(demo.damage[1:], report).is_exact
